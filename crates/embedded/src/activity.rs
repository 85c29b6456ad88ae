//! What the store does and has room for, in numbers for a monitor.

use crate::Embedded;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What the writer has done since the store was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriteStatistics {
    /// Changes carried out.
    pub changes: u64,
    /// Transactions committed; one takes in all changes that wait.
    pub commits: u64,
    /// Transactions that failed as a whole.
    pub failures: u64,
    /// Time spent in `COMMIT`, which is mostly the fsync.
    pub commit_time: Duration,
}

/// Room on the store's file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskRoom {
    /// Free for this process, in bytes.
    pub free_bytes: u64,
    /// Below this, writes that need room are refused, in bytes.
    pub reserve_bytes: u64,
}

/// The writer's counters.
#[derive(Debug, Default)]
pub(crate) struct WriteCounters {
    changes: AtomicU64,
    commits: AtomicU64,
    failures: AtomicU64,
    commit_nanos: AtomicU64,
}

impl WriteCounters {
    pub(crate) fn committed(&self, changes: usize, took: Duration) {
        self.changes.fetch_add(changes as u64, Ordering::Relaxed);
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.commit_nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> WriteStatistics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        WriteStatistics {
            changes: read(&self.changes),
            commits: read(&self.commits),
            failures: read(&self.failures),
            commit_time: Duration::from_nanos(read(&self.commit_nanos)),
        }
    }
}

impl Embedded {
    /// What the writer has done since the store was opened.
    #[must_use]
    pub fn write_statistics(&self) -> WriteStatistics {
        self.inner.write_counters.read()
    }

    /// How much room there is; `None` when the file system does not say.
    #[must_use]
    pub fn disk_room(&self) -> Option<DiskRoom> {
        self.inner.disk.ask()
    }
}
