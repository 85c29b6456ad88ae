//! One worker process, seen from its parent.

use crate::protocol::{AnswerError, Ready, Request, receive, receive_answer, send_request};
use bytes::Bytes;
use minilab_imaging::Rendered;
use minilab_model::{FailureCause, ObjectRef, error_chain};
use minilab_pipeline::{RenderFailure, RenderWork};
use rustix::fs::{MemfdFlags, memfd_create};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStderr, Command};
use tokio::task::JoinHandle;

/// How long a process may take to raise its walls.
const START: Duration = Duration::from_secs(20);
/// How long after its end a process is waited for before it is killed.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Sources up to this length are handed over on the spot; more would keep a thread of the runtime from other work.
const QUICK_BYTES: usize = 4 << 20;
/// A memory file that has grown beyond this is emptied after use.
const KEPT_BYTES: u64 = 16 << 20;
/// What is kept of what a process writes to standard error.
const STDERR_BYTES: usize = 2048;

/// How a worker process is started.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) arguments: Vec<OsString>,
}

/// A process that waits for work.
#[derive(Debug)]
pub(crate) struct WorkerProcess {
    child: Child,
    socket: UnixStream,
    source: Arc<File>,
    stderr: Arc<Mutex<Vec<u8>>>,
    /// Reads it, until the process ends.
    listener: JoinHandle<()>,
    /// Jobs that it has done.
    pub(crate) jobs: u32,
    pub(crate) pid: u32,
}

/// Why a process is of no use any more.
#[derive(Debug)]
pub(crate) struct Death {
    pub(crate) failure: RenderFailure,
}

impl WorkerProcess {
    /// Starts a process and waits until its walls stand; gives their names.
    pub(crate) async fn start(program: &Program) -> Result<(Self, String), RenderFailure> {
        let failed = |what: &str, error: io::Error| {
            died(format!("the worker process {} cannot be started: {what}: {error}", program.path.display()))
        };
        let memory = memfd_create("minilab-source", MemfdFlags::CLOEXEC).map_err(|error| failed("memfd_create", error.into()))?;
        let source = File::from(memory);
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(|error| failed("socketpair", error))?;
        ours.set_nonblocking(true).map_err(|error| failed("socket", error))?;
        let socket = UnixStream::from_std(ours).map_err(|error| failed("socket", error))?;
        let input = source.try_clone().map_err(|error| failed("dup", error))?;
        let mut child = Command::new(&program.path)
            .args(&program.arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(input)))
            .stdout(Stdio::from(OwnedFd::from(theirs)))
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed("exec", error))?;
        let pid = child.id().unwrap_or_default();
        let stderr = Arc::new(Mutex::new(Vec::new()));
        let listener = tokio::spawn(keep_last_words(child.stderr.take(), Arc::clone(&stderr)));
        let mut process = Self { child, socket, source: Arc::new(source), stderr, listener, jobs: 0, pid };
        match tokio::time::timeout(START, receive::<Ready>(&mut process.socket)).await {
            Ok(Ok(ready)) => Ok((process, ready.walls)),
            Ok(Err(error)) => {
                let death = process.end(error).await;
                Err(died(format!("the worker process {} did not get ready: {}", program.path.display(), death.failure.message)))
            }
            Err(_) => {
                process.kill().await;
                Err(died(format!("the worker process {} did not get ready within {} s", program.path.display(), START.as_secs())))
            }
        }
    }

    /// Whether the process still runs, as far as the system knows.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Has a job done within `deadline`.
    ///
    /// # Errors
    /// [`Death`] when the process did not answer as it should; it is gone then.
    pub(crate) async fn render(
        &mut self,
        source: &Bytes,
        work: RenderWork,
        deadline: Duration,
    ) -> Result<Result<Rendered, RenderFailure>, Death> {
        self.jobs += 1;
        let exchange = async {
            let overlays = self.hand_over(source, &work).await?;
            let request = Request { source_bytes: source.len() as u64, overlays, work };
            send_request(&mut self.socket, &request).await?;
            receive_answer(&mut self.socket, &request.work).await
        };
        match tokio::time::timeout(deadline, exchange).await {
            Ok(Ok(answer)) => {
                self.give_back_memory(source.len() as u64);
                Ok(answer)
            }
            Ok(Err(error)) => Err(self.end(error).await),
            Err(_) => {
                self.kill().await;
                let message = format!("the image work was still under way after {:.1} s and was stopped", deadline.as_secs_f64());
                Err(Death { failure: RenderFailure { cause: FailureCause::Deadline, message } })
            }
        }
    }

    /// Writes the source and what is laid over it into the memory file; gives the lengths of the latter.
    async fn hand_over(&self, source: &Bytes, work: &RenderWork) -> io::Result<Vec<(ObjectRef, u64)>> {
        self.write(source, 0).await?;
        let mut position = source.len() as u64;
        let mut overlays = Vec::with_capacity(work.overlays.len());
        for (object, bytes) in &work.overlays {
            self.source.write_all_at(bytes, position)?;
            position += bytes.len() as u64;
            overlays.push((object.clone(), bytes.len() as u64));
        }
        Ok(overlays)
    }

    async fn write(&self, bytes: &Bytes, position: u64) -> io::Result<()> {
        if bytes.len() <= QUICK_BYTES {
            return self.source.write_all_at(bytes, position);
        }
        let (file, bytes) = (Arc::clone(&self.source), bytes.clone());
        tokio::task::spawn_blocking(move || file.write_all_at(&bytes, position)).await.map_err(io::Error::other)?
    }

    fn give_back_memory(&self, used: u64) {
        if used > KEPT_BYTES {
            // The next source is written from the start anyway; failing to shrink costs memory alone.
            let _ = self.source.set_len(0);
        }
    }

    /// Kills the process and waits until it is gone.
    pub(crate) async fn kill(&mut self) {
        if let Err(error) = self.child.kill().await {
            tracing::error!(pid = self.pid, %error, "a worker process cannot be killed");
        }
    }

    /// Finds out how the process ended that broke off, killing it if it has not.
    async fn end(&mut self, error: AnswerError) -> Death {
        let status = match tokio::time::timeout(LAST_WORDS, self.child.wait()).await {
            Ok(Ok(status)) => status,
            _ => {
                self.kill().await;
                return Death { failure: died(error_chain(&error)) };
            }
        };
        // What it said last can still be on its way. A process that it left behind could hold the pipe open for ever.
        if tokio::time::timeout(LAST_WORDS, &mut self.listener).await.is_err() {
            tracing::debug!(pid = self.pid, "somebody still holds the pipe of a worker process that has ended");
        }
        let words = String::from_utf8_lossy(&self.stderr.lock().unwrap_or_else(PoisonError::into_inner)).trim().to_owned();
        tracing::debug!(pid = self.pid, %status, words, "a worker process ended");
        Death { failure: obituary(status, &words) }
    }
}

/// What the end of a process says of the job that it was at.
fn obituary(status: ExitStatus, words: &str) -> RenderFailure {
    let failure = |cause, message: String| RenderFailure { cause, message };
    // What Rust's runtime says when memory cannot be had, before it aborts.
    if let Some(at) = words.find("memory allocation of ") {
        let said = words[at..].lines().next().unwrap_or_default();
        return failure(FailureCause::OutOfMemory, format!("the worker process used up the memory it may have: {said}"));
    }
    match status.signal() {
        Some(libc::SIGKILL) => {
            let message = "the worker process was killed from outside, as the system does when memory runs out";
            failure(FailureCause::OutOfMemory, message.to_owned())
        }
        Some(libc::SIGXCPU) => failure(FailureCause::Deadline, "the worker process used up the CPU time it may have".to_owned()),
        Some(libc::SIGSYS) => died("the worker process made a system call that is not allowed, and was killed".to_owned()),
        Some(signal) if words.contains("overflowed its stack") => {
            died(format!("the worker process overflowed its stack ({})", signal_name(signal)))
        }
        Some(signal) => died(format!("the worker process crashed ({})", signal_name(signal))),
        None => {
            let said = words.lines().last().map(|line| format!(": {line}")).unwrap_or_default();
            died(format!("the worker process ended without an answer ({status}){said}"))
        }
    }
}

fn signal_name(signal: i32) -> String {
    match signal {
        libc::SIGABRT => "SIGABRT".to_owned(),
        libc::SIGSEGV => "SIGSEGV".to_owned(),
        libc::SIGBUS => "SIGBUS".to_owned(),
        libc::SIGILL => "SIGILL".to_owned(),
        libc::SIGFPE => "SIGFPE".to_owned(),
        other => format!("signal {other}"),
    }
}

pub(crate) fn died(message: String) -> RenderFailure {
    RenderFailure { cause: FailureCause::WorkerDied, message }
}

/// Keeps the end of what a process writes to standard error. It may write for ever; only that much is kept.
async fn keep_last_words(pipe: Option<ChildStderr>, kept: Arc<Mutex<Vec<u8>>>) {
    let Some(mut pipe) = pipe else { return };
    let mut piece = [0; 1024];
    while let Ok(length @ 1..) = pipe.read(&mut piece).await {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(&piece[..length]);
        let surplus = kept.len().saturating_sub(STDERR_BYTES);
        kept.drain(..surplus);
    }
}
