//! The upkeep thread: copies the log into the index, unlinks what nobody needs, forgets what is old.

use crate::blob::Collector;
use crate::health::StopSwitch;
use crate::index;
use crate::lock::DirectoryLock;
use crate::writer::{Writer, is_passing};
use crate::{BlobDirectory, StoreLimits};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What the thread is asked for.
#[derive(Debug)]
pub(crate) enum Request {
    /// Copy the log into the index.
    Checkpoint,
    /// Look for garbage and orphans now, and say when done.
    Collect(SyncSender<()>),
    /// End.
    Stop,
}

/// What the thread works with.
pub(crate) struct UpkeepSetup {
    pub(crate) path: PathBuf,
    pub(crate) writer: Writer,
    pub(crate) blobs: Arc<BlobDirectory>,
    pub(crate) limits: StoreLimits,
    pub(crate) stop: Arc<StopSwitch>,
    pub(crate) lock: Arc<DirectoryLock>,
}

/// How often old rows are looked for and the blob files are compared with the index.
const SWEEP_INTERVAL: Duration = Duration::from_secs(3600);

/// Starts the thread.
pub(crate) fn start(setup: UpkeepSetup, requests: Receiver<Request>) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("minilab-upkeep".to_owned()).spawn(move || {
        let lock = Arc::clone(&setup.lock);
        work(setup, requests);
        drop(lock);
    })
}

fn work(setup: UpkeepSetup, requests: Receiver<Request>) {
    let UpkeepSetup { path, writer, blobs, limits, stop, .. } = setup;
    let collect_interval = (limits.blob_grace / 2).clamp(Duration::from_secs(1), Duration::from_secs(30));
    let mut collector = Collector::new(path.clone(), writer, blobs, limits);
    // At the start nothing is in flight: what no row names is left over from the process before.
    collector.begin_sweep();
    let mut next_collect = Instant::now();
    let mut next_sweep = Instant::now() + SWEEP_INTERVAL;
    loop {
        let wait = match collector.is_sweeping() {
            true => Duration::ZERO,
            false => next_collect.saturating_duration_since(Instant::now()),
        };
        match requests.recv_timeout(wait) {
            Ok(Request::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Ok(Request::Checkpoint) => checkpoint(&path, &stop),
            Ok(Request::Collect(done)) => {
                report(collector.collect());
                collector.begin_sweep();
                while collector.is_sweeping() {
                    report(collector.sweep_step());
                }
                next_collect = Instant::now() + collect_interval;
                let _ = done.send(());
            }
            Err(RecvTimeoutError::Timeout) if stop.is_stopped() => return,
            Err(RecvTimeoutError::Timeout) if collector.is_sweeping() => report(collector.sweep_step()),
            Err(RecvTimeoutError::Timeout) => {
                report(collector.collect());
                next_collect = Instant::now() + collect_interval;
                if Instant::now() >= next_sweep {
                    report(collector.prune());
                    collector.begin_sweep();
                    next_sweep = Instant::now() + SWEEP_INTERVAL;
                }
            }
        }
    }
}

fn checkpoint(path: &std::path::Path, stop: &StopSwitch) {
    if stop.is_stopped() {
        return;
    }
    let done = index::open_checkpointing(path)
        .and_then(|connection| connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |row| row.get::<_, i64>(0)));
    match done {
        Err(error) if !is_passing(&error) => stop.stop(format!("a checkpoint failed: {error}")),
        Err(error) => tracing::warn!(%error, "a checkpoint failed; it is tried again later"),
        Ok(_) => {}
    }
}

/// Upkeep that fails now is tried again later; nothing is lost meanwhile but room.
fn report(done: Result<(), crate::EmbeddedError>) {
    if let Err(error) = done {
        tracing::warn!(error = &error as &dyn std::error::Error, "upkeep failed; it is tried again later");
    }
}
