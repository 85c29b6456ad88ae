use crate::process::{Program, WorkerProcess, died};
use bytes::Bytes;
use minilab_imaging::Rendered;
use minilab_model::{FailureCause, Lane};
use minilab_pipeline::{Admission, RenderFailure, RenderWork, Renderer};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// How worker processes are started and when they end.
#[derive(Debug, Clone)]
pub struct WorkerPoolOptions {
    /// The program that a worker process runs.
    pub program: PathBuf,
    /// Its arguments, before those that say how high the walls are: `--memory-bytes N --cpu-seconds N --nice N`.
    pub arguments: Vec<OsString>,
    /// Most bytes of address space of a process. Default 1 GiB.
    pub memory_bytes: u64,
    /// Jobs after which a process is replaced, so that what one image has left behind does not last. Default 200.
    pub jobs_each: u32,
    /// How long after the work's own deadline the process is killed. Default 1 s.
    pub grace: Duration,
}

impl WorkerPoolOptions {
    /// Worker processes of this program; everything else at its default.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>, arguments: Vec<OsString>) -> Self {
        Self { program: program.into(), arguments, memory_bytes: 1 << 30, jobs_each: 200, grace: Duration::from_secs(1) }
    }
}

/// What worker processes have done so far, and what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WorkerStatistics {
    /// Processes started.
    pub started: u64,
    /// Processes replaced after their share of jobs.
    pub recycled: u64,
    /// Processes killed at the deadline of a job.
    pub deadline: u64,
    /// Processes that ran out of memory.
    pub out_of_memory: u64,
    /// Processes that ended in another way.
    pub died: u64,
    /// Processes that wait for work.
    pub idle: u64,
    /// Processes at work.
    pub busy: u64,
    /// Resident memory of all of them, in bytes.
    pub resident_bytes: u64,
}

/// Worker processes, as many as there is work admitted at once: those that are idle are kept for the next job.
///
/// Must be used within a tokio runtime. When the last handle is dropped, idle processes are killed; busy ones end with
/// their job.
#[derive(Debug, Clone)]
pub struct WorkerPool {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    options: WorkerPoolOptions,
    idle: Mutex<Idle>,
    /// Process ids of all that run.
    running: Mutex<BTreeSet<u32>>,
    counters: Counters,
    start: Mutex<Start>,
    walls_told: AtomicBool,
}

#[derive(Debug, Default)]
struct Idle {
    small: Vec<WorkerProcess>,
    large: Vec<WorkerProcess>,
}

#[derive(Debug, Default)]
struct Counters {
    started: AtomicU64,
    recycled: AtomicU64,
    deadline: AtomicU64,
    out_of_memory: AtomicU64,
    died: AtomicU64,
}

/// How the last starts went.
#[derive(Debug, Default)]
struct Start {
    failures: u32,
    error: Option<String>,
}

impl WorkerPool {
    /// A pool without processes; the first ones start with the first work, or with [`warm_up`](Self::warm_up).
    #[must_use]
    pub fn new(options: WorkerPoolOptions) -> Self {
        let inner = Inner {
            options,
            idle: Mutex::default(),
            running: Mutex::default(),
            counters: Counters::default(),
            start: Mutex::default(),
            walls_told: AtomicBool::new(false),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Starts a process for the small lane, to have it ready, and to learn whether processes can be started at all.
    ///
    /// # Errors
    /// Why not.
    pub async fn warm_up(&self) -> Result<(), RenderFailure> {
        let process = self.inner.start(Lane::Small).await?;
        self.inner.idle_mut().of(Lane::Small).push(process);
        Ok(())
    }

    /// Why processes cannot be started at the moment, if they cannot.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        lock(&self.inner.start).error.clone()
    }

    /// What the processes have done so far, and what they are.
    #[must_use]
    pub fn statistics(&self) -> WorkerStatistics {
        let counters = &self.inner.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let idle = self.inner.idle_mut().len() as u64;
        let running = lock(&self.inner.running).clone();
        WorkerStatistics {
            started: read(&counters.started),
            recycled: read(&counters.recycled),
            deadline: read(&counters.deadline),
            out_of_memory: read(&counters.out_of_memory),
            died: read(&counters.died),
            idle,
            busy: (running.len() as u64).saturating_sub(idle),
            resident_bytes: running.into_iter().map(resident_bytes).sum(),
        }
    }
}

impl Renderer for WorkerPool {
    async fn render(&self, source: Bytes, work: RenderWork, admission: Admission) -> Result<Rendered, RenderFailure> {
        let inner = Arc::clone(&self.inner);
        // Dropped with this future: then the work is stopped, and the admission given back once it has.
        let (wanted, unwanted) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let result = inner.work(source, work, admission.lane(), unwanted).await;
            drop(admission);
            result
        });
        let result = task.await.unwrap_or_else(|error| Err(died(format!("the worker's keeper failed: {error}"))));
        drop(wanted);
        result
    }
}

impl Inner {
    async fn work(
        self: &Arc<Self>,
        source: Bytes,
        work: RenderWork,
        lane: Lane,
        unwanted: oneshot::Receiver<()>,
    ) -> Result<Rendered, RenderFailure> {
        let mut process = match self.idle_alive(lane) {
            Some(process) => process,
            None => self.start(lane).await?,
        };
        let deadline = work.limits.decode.wall_time + self.options.grace;
        let ended = tokio::select! {
            ended = process.render(&source, work, deadline) => Some(ended),
            _ = unwanted => None,
        };
        match ended {
            Some(Ok(answer)) => {
                if process.jobs < self.options.jobs_each {
                    self.idle_mut().of(lane).push(process);
                } else {
                    self.counters.recycled.fetch_add(1, Ordering::Relaxed);
                    self.replace(process, lane);
                }
                answer
            }
            Some(Err(death)) => {
                let counter = match death.failure.cause {
                    FailureCause::Deadline => &self.counters.deadline,
                    FailureCause::OutOfMemory => &self.counters.out_of_memory,
                    _ => &self.counters.died,
                };
                counter.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(pid = process.pid, cause = %death.failure.cause, error = death.failure.message, "a worker process was lost");
                self.replace(process, lane);
                Err(death.failure)
            }
            None => {
                process.kill().await;
                self.forget(&process);
                Err(died("the work was given up".to_owned()))
            }
        }
    }

    /// Ends a process and starts another in its place, aside from the work.
    fn replace(self: &Arc<Self>, mut process: WorkerProcess, lane: Lane) {
        let inner = Arc::clone(self);
        tokio::spawn(async move {
            process.kill().await;
            inner.forget(&process);
            // A failure is told to the next job, which starts a process itself.
            if let Ok(process) = inner.start(lane).await {
                inner.idle_mut().of(lane).push(process);
            }
        });
    }

    /// An idle process that has not died in the meantime.
    fn idle_alive(&self, lane: Lane) -> Option<WorkerProcess> {
        loop {
            let mut process = self.idle_mut().of(lane).pop()?;
            if process.is_alive() {
                return Some(process);
            }
            self.forget(&process);
        }
    }

    async fn start(&self, lane: Lane) -> Result<WorkerProcess, RenderFailure> {
        // A program that cannot start must not keep the machine busy trying.
        let failures = lock(&self.start).failures;
        if failures > 0 {
            tokio::time::sleep(Duration::from_millis(50 << failures.min(8))).await;
        }
        let mut arguments = self.options.arguments.clone();
        let nice = if lane == Lane::Large { 10 } else { 0 };
        let wall_options = [("--memory-bytes", self.options.memory_bytes), ("--nice", nice)];
        arguments.extend(wall_options.into_iter().flat_map(|(name, value)| [name.into(), value.to_string().into()]));
        let program = Program { path: self.options.program.clone(), arguments };
        match WorkerProcess::start(&program).await {
            Ok((process, walls)) => {
                *lock(&self.start) = Start::default();
                self.counters.started.fetch_add(1, Ordering::Relaxed);
                lock(&self.running).insert(process.pid);
                if !self.walls_told.swap(true, Ordering::Relaxed) {
                    tracing::info!(walls, "image work runs in worker processes");
                }
                Ok(process)
            }
            Err(failure) => {
                let mut start = lock(&self.start);
                *start = Start { failures: start.failures.saturating_add(1), error: Some(failure.message.clone()) };
                Err(failure)
            }
        }
    }

    fn forget(&self, process: &WorkerProcess) {
        lock(&self.running).remove(&process.pid);
    }

    fn idle_mut(&self) -> MutexGuard<'_, Idle> {
        lock(&self.idle)
    }
}

impl Idle {
    fn of(&mut self, lane: Lane) -> &mut Vec<WorkerProcess> {
        match lane {
            Lane::Small => &mut self.small,
            Lane::Large => &mut self.large,
        }
    }

    fn len(&self) -> usize {
        self.small.len() + self.large.len()
    }
}

/// Resident memory of a process in bytes; 0 when it is gone.
fn resident_bytes(pid: u32) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * rustix::param::page_size() as u64
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
