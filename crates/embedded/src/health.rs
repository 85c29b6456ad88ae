//! Whether the store takes writes: the stop switch and the disk's reserve.

use crate::{DiskRoom, EmbeddedError, StoreLimits};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Whether the store takes writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Ready,
    /// It does not; reads go on.
    NotReady {
        /// Why, one sentence.
        reason: String,
    },
}

/// Set once, when the store can no longer tell what is on the disk, or is closed. Never unset: what a failed fsync left
/// behind is only known after a restart.
#[derive(Debug, Default)]
pub(crate) struct StopSwitch(OnceLock<String>);

impl StopSwitch {
    /// Stops the store; the first reason stays.
    pub(crate) fn stop(&self, reason: impl Into<String>) {
        let reason = reason.into();
        if self.0.set(reason.clone()).is_ok() && reason != CLOSED {
            tracing::error!(reason, "the store takes no more writes");
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.0.get().is_some()
    }

    pub(crate) fn reason(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }

    pub(crate) fn check(&self) -> Result<(), EmbeddedError> {
        match self.is_stopped() {
            true => Err(self.error()),
            false => Ok(()),
        }
    }

    /// The error of a write that comes too late.
    pub(crate) fn error(&self) -> EmbeddedError {
        EmbeddedError::Stopped { reason: self.reason().unwrap_or(CLOSED).to_owned() }
    }
}

/// The reason after an orderly end.
pub(crate) const CLOSED: &str = "it is closed";

/// Knows how full the file system is. While there is plenty of room it asks at most once a second.
#[derive(Debug)]
pub(crate) struct DiskGauge {
    path: PathBuf,
    fraction: f64,
    bytes: u64,
    last: Mutex<Option<(Instant, DiskRoom)>>,
    /// Bytes of the index that hold nothing any more: its file never shrinks, what is deleted makes room within it.
    reusable_bytes: AtomicU64,
}

impl DiskGauge {
    const MAX_AGE: Duration = Duration::from_secs(1);
    /// Room above the reserve, in bytes, that is not used up within that time.
    const PLENTY_BYTES: u64 = 4 << 30;

    pub(crate) fn new(data_dir: &Path, limits: &StoreLimits) -> Self {
        Self {
            path: data_dir.to_owned(),
            fraction: limits.reserve_fraction,
            bytes: limits.reserve_bytes,
            last: Mutex::new(None),
            reusable_bytes: AtomicU64::new(0),
        }
    }

    /// Refuses a file when the reserve is touched. A file system that does not say how full it is counts as empty.
    pub(crate) fn check_file(&self) -> Result<(), EmbeddedError> {
        self.check(|room| room.free_bytes >= room.reserve_bytes)
    }

    /// Refuses a row when the reserve is touched and the index has no room within. Half the reserve stays for the log.
    pub(crate) fn check_row(&self) -> Result<(), EmbeddedError> {
        self.check(|room| self.row_fits(room))
    }

    fn row_fits(&self, room: DiskRoom) -> bool {
        let reusable_bytes = self.reusable_bytes.load(Ordering::Relaxed);
        room.free_bytes.saturating_add(reusable_bytes) >= room.reserve_bytes && room.free_bytes >= room.reserve_bytes / 2
    }

    /// Whether the reserve is touched.
    pub(crate) fn is_crowded(&self) -> bool {
        self.check_file().is_err()
    }

    /// Notes how much room there is within the index.
    pub(crate) fn set_reusable(&self, bytes: u64) {
        self.reusable_bytes.store(bytes, Ordering::Relaxed);
    }

    fn check(&self, suffices: impl FnOnce(DiskRoom) -> bool) -> Result<(), EmbeddedError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let room = match *last {
            Some((asked, room)) if room.is_plenty() && asked.elapsed() < Self::MAX_AGE => Some(room),
            _ => {
                let room = self.ask();
                *last = room.map(|room| (Instant::now(), room));
                room
            }
        };
        match room {
            Some(room) if !suffices(room) => Err(room.error()),
            _ => Ok(()),
        }
    }

    /// The error for a write that the operating system found no room for.
    pub(crate) fn full(&self) -> EmbeddedError {
        self.ask().unwrap_or(DiskRoom { free_bytes: 0, reserve_bytes: self.bytes }).error()
    }

    /// What is kept free, in bytes.
    pub(crate) fn reserve_bytes(&self) -> u64 {
        self.ask().map_or(self.bytes, |room| room.reserve_bytes)
    }

    pub(crate) fn ask(&self) -> Option<DiskRoom> {
        let status = rustix::fs::statvfs(&self.path).ok()?;
        let total_bytes = status.f_blocks.saturating_mul(status.f_frsize);
        let free_bytes = status.f_bavail.saturating_mul(status.f_frsize);
        Some(DiskRoom { free_bytes, reserve_bytes: reserve(total_bytes, self.fraction, self.bytes) })
    }
}

impl DiskRoom {
    fn is_plenty(self) -> bool {
        self.free_bytes > self.reserve_bytes.saturating_add(DiskGauge::PLENTY_BYTES)
    }

    fn error(self) -> EmbeddedError {
        EmbeddedError::DiskFull { free_bytes: self.free_bytes, reserve_bytes: self.reserve_bytes }
    }
}

/// What is kept free of a file system: see [`StoreLimits::reserve_fraction`].
fn reserve(total_bytes: u64, fraction: f64, bytes: u64) -> u64 {
    let share = (total_bytes as f64 * fraction) as u64;
    share.max(bytes.min(total_bytes / 10))
}

/// Whether an input or output error says that there is no room.
pub(crate) fn is_disk_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded | std::io::ErrorKind::FileTooLarge)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_leaves_room_on_small_disks() {
        let check = |total: u64, expected: u64| assert_eq!(reserve(total, 0.05, 512 << 20), expected, "{total}");
        check(1 << 40, (1 << 40) / 20);
        check(8 << 30, 512 << 20);
        check(64 << 20, (64 << 20) / 10);
    }

    #[test]
    fn a_full_disk_is_refused() {
        let limits = StoreLimits { reserve_fraction: 2.0, ..StoreLimits::default() };
        let gauge = DiskGauge::new(&std::env::temp_dir(), &limits);
        assert!(matches!(gauge.check_row(), Err(EmbeddedError::DiskFull { .. })));
        assert!(matches!(gauge.check_file(), Err(EmbeddedError::DiskFull { .. })));
        let limits = StoreLimits { reserve_fraction: 0.0, reserve_bytes: 0, ..limits };
        DiskGauge::new(&std::env::temp_dir(), &limits).check_file().unwrap();
    }

    #[test]
    fn room_within_the_index_is_for_rows_alone() {
        let limits = StoreLimits { reserve_fraction: 0.0, reserve_bytes: 0, ..StoreLimits::default() };
        let gauge = DiskGauge::new(&std::env::temp_dir(), &limits);
        let below = DiskRoom { free_bytes: 600, reserve_bytes: 1000 };
        let fits = |reusable_bytes: u64, room: DiskRoom| {
            gauge.set_reusable(reusable_bytes);
            gauge.row_fits(room)
        };
        assert!(!fits(0, below) && !fits(399, below) && fits(400, below));
        assert!(!fits(5000, DiskRoom { free_bytes: 499, ..below }), "the log needs room outside");
    }

    #[test]
    fn the_first_reason_stays() {
        let switch = StopSwitch::default();
        switch.check().unwrap();
        switch.stop("fsync failed");
        switch.stop(CLOSED);
        assert_eq!(switch.reason(), Some("fsync failed"));
    }
}
