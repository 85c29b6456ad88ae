use super::batch::{is_passing, panic_message};
use super::{Durability, Queued};
use crate::activity::WriteCounters;
use crate::health::{DiskGauge, StopSwitch};
use crate::lock::DirectoryLock;
use crate::upkeep::Request;
use crate::{BlobDirectory, BlobName, Planner, StoreLimits};
use rusqlite::Connection;
use std::panic::AssertUnwindSafe;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, RwLock};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, watch};

/// Tells those who wait for work that there is some.
#[derive(Debug, Clone)]
pub(crate) struct Arrivals {
    pub(crate) jobs: watch::Sender<u64>,
    pub(crate) notifications: watch::Sender<u64>,
}

impl Arrivals {
    pub(crate) fn new() -> Self {
        Self { jobs: watch::Sender::new(0), notifications: watch::Sender::new(0) }
    }

    pub(super) fn announce(&self, jobs: u64, notifications: u64) {
        for (channel, arrived) in [(&self.jobs, jobs), (&self.notifications, notifications)] {
            if arrived > 0 {
                channel.send_modify(|count| *count += arrived);
            }
        }
    }
}

/// What the writer works with.
pub(crate) struct WriterSetup {
    pub(crate) connection: Connection,
    pub(crate) sequencer: u64,
    pub(crate) planner: Arc<RwLock<Planner>>,
    pub(crate) limits: StoreLimits,
    pub(crate) blobs: Arc<BlobDirectory>,
    pub(crate) disk: Arc<DiskGauge>,
    pub(crate) stop: Arc<StopSwitch>,
    pub(crate) arrivals: Arrivals,
    pub(crate) counters: Arc<WriteCounters>,
    pub(crate) upkeep: SyncSender<Request>,
    pub(crate) lock: Arc<DirectoryLock>,
}

pub(super) struct WriterThread {
    pub(super) connection: Connection,
    /// The last sequencer given out.
    pub(super) sequencer: u64,
    pub(super) planner: Arc<RwLock<Planner>>,
    pub(super) limits: StoreLimits,
    pub(super) blobs: Arc<BlobDirectory>,
    pub(super) disk: Arc<DiskGauge>,
    pub(super) stop: Arc<StopSwitch>,
    pub(super) arrivals: Arrivals,
    pub(super) counters: Arc<WriteCounters>,
    log_budget: LogBudget,
    /// A transaction found no room.
    pub(super) crowded: bool,
    /// What `synchronous` is set to.
    pub(super) durability: Option<Durability>,
    /// Files of commits that failed for lack of room.
    pub(super) limbo: Vec<BlobName>,
    upkeep: SyncSender<Request>,
    /// Held to the last write.
    _lock: Arc<DirectoryLock>,
}

/// Starts the writer. It ends when every sender is gone, or when the store stops.
pub(crate) fn start(setup: WriterSetup, receiver: mpsc::Receiver<Box<dyn Queued>>) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("minilab-writer".to_owned()).spawn(move || {
        let stop = Arc::clone(&setup.stop);
        let log_budget = LogBudget::within(setup.disk.reserve_bytes());
        let mut writer = WriterThread {
            connection: setup.connection,
            sequencer: setup.sequencer,
            planner: setup.planner,
            limits: setup.limits,
            blobs: setup.blobs,
            disk: setup.disk,
            stop: setup.stop,
            arrivals: setup.arrivals,
            counters: setup.counters,
            log_budget,
            crowded: false,
            durability: None,
            limbo: Vec::new(),
            upkeep: setup.upkeep,
            _lock: setup.lock,
        };
        let worked = std::panic::catch_unwind(AssertUnwindSafe(|| writer.work(receiver)));
        if let Err(panic) = worked {
            stop.stop(format!("the writer panicked: {}", panic_message(panic.as_ref())));
        }
    })
}

impl WriterThread {
    fn work(&mut self, mut receiver: mpsc::Receiver<Box<dyn Queued>>) {
        let batch_size = self.limits.batch.max(1);
        let mut next_own_checkpoint = self.log_budget.log_pages;
        loop {
            let mut batch = Vec::new();
            if receiver.blocking_recv_many(&mut batch, batch_size) == 0 {
                break;
            }
            self.run_batch(batch);
            if self.stop.is_stopped() {
                // Who still waits is told by the closed channel.
                return receiver.close();
            }
            self.tend_log(&mut next_own_checkpoint);
        }
        if let Err(error) = checkpoint(&self.connection, "TRUNCATE") {
            tracing::warn!(%error, "the log could not be copied into the index at the end; the next start does it");
        }
    }

    /// Where room is short, what deletions have left within the index counts.
    fn note_reusable(&self, crowded: bool) {
        let pages = match crowded {
            true => self.connection.pragma_query_value(None, "freelist_count", |row| row.get::<_, i64>(0)),
            false => Ok(0),
        };
        let bytes = pages.unwrap_or(0).saturating_mul(crate::index::PAGE_BYTES);
        self.disk.set_reusable(u64::try_from(bytes).unwrap_or(0));
    }

    fn tend_log(&mut self, next_own_checkpoint: &mut i64) {
        // Where there is no room, a log that starts anew may make some: deletions then find it.
        let crowded = std::mem::take(&mut self.crowded) || self.disk.is_crowded();
        self.note_reusable(crowded);
        let budget = self.log_budget;
        let tended = checkpoint(&self.connection, "NOOP").and_then(|log| {
            if log.pages < *next_own_checkpoint && !crowded {
                if log.pages - log.copied_pages > budget.checkpoint_pages {
                    // A full channel means that it has been told already.
                    let _ = self.upkeep.try_send(Request::Checkpoint);
                }
                if log.pages < budget.log_pages {
                    *next_own_checkpoint = budget.log_pages;
                }
                return Ok(());
            }
            let log = checkpoint(&self.connection, "PASSIVE")?;
            // A reader of old pages can keep the log from starting anew; then it is tried again some way on.
            *next_own_checkpoint = log.pages + budget.checkpoint_pages;
            Ok(())
        });
        match tended {
            Err(error) if !is_passing(&error) => self.stop.stop(format!("a checkpoint failed: {error}")),
            Err(error) => tracing::warn!(%error, "a checkpoint failed; it is tried again later"),
            Ok(()) => {}
        }
    }
}

/// How long the log may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LogBudget {
    /// Past this many pages that are not in the index yet, the upkeep thread is told to copy them.
    checkpoint_pages: i64,
    /// Past this many pages the writer finishes the copying itself, since the log can start anew only when all of it is
    /// copied and nobody adds to it.
    log_pages: i64,
}

impl LogBudget {
    /// 8 MiB and 64 MiB; less where less is kept in reserve, so that the reserve always has room for the copying.
    fn within(reserve_bytes: u64) -> Self {
        let reserve_bytes = if reserve_bytes == 0 { i64::MAX } else { i64::try_from(reserve_bytes).unwrap_or(i64::MAX) };
        let pages = |bytes: i64| (bytes / crate::index::PAGE_BYTES).max(1);
        Self { checkpoint_pages: pages((8 << 20).min(reserve_bytes / 16)), log_pages: pages((64 << 20).min(reserve_bytes / 4)) }
    }
}

/// How long the log is, and how much of it is in the index.
struct Log {
    pages: i64,
    copied_pages: i64,
}

fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<Log> {
    let mut statement = connection.prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?;
    statement.query_row((), |row| Ok(Log { pages: row.get(1)?, copied_pages: row.get(2)? }))
}
