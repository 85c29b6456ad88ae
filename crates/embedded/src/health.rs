//! Whether the store takes writes: the stop switch and the disk's reserve.

use crate::{EmbeddedError, StoreLimits};
use std::path::{Path, PathBuf};
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

/// Knows how full the file system is, asking at most once a second.
#[derive(Debug)]
pub(crate) struct DiskGauge {
    path: PathBuf,
    fraction: f64,
    bytes: u64,
    last: Mutex<Option<(Instant, DiskRoom)>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DiskRoom {
    free_bytes: u64,
    reserve_bytes: u64,
}

impl DiskGauge {
    const MAX_AGE: Duration = Duration::from_secs(1);

    pub(crate) fn new(data_dir: &Path, limits: &StoreLimits) -> Self {
        Self { path: data_dir.to_owned(), fraction: limits.reserve_fraction, bytes: limits.reserve_bytes, last: Mutex::new(None) }
    }

    /// Refuses when the reserve is touched. A file system that does not say how full it is counts as empty.
    pub(crate) fn check(&self) -> Result<(), EmbeddedError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let room = match *last {
            Some((asked, room)) if asked.elapsed() < Self::MAX_AGE => Some(room),
            _ => {
                let room = self.ask();
                *last = room.map(|room| (Instant::now(), room));
                room
            }
        };
        match room {
            Some(room) if room.free_bytes < room.reserve_bytes => Err(room.error()),
            _ => Ok(()),
        }
    }

    /// The error for a write that the operating system found no room for.
    pub(crate) fn full(&self) -> EmbeddedError {
        self.ask().unwrap_or(DiskRoom { free_bytes: 0, reserve_bytes: self.bytes }).error()
    }

    fn ask(&self) -> Option<DiskRoom> {
        let status = rustix::fs::statvfs(&self.path).ok()?;
        let total_bytes = status.f_blocks.saturating_mul(status.f_frsize);
        let free_bytes = status.f_bavail.saturating_mul(status.f_frsize);
        Some(DiskRoom { free_bytes, reserve_bytes: reserve(total_bytes, self.fraction, self.bytes) })
    }
}

impl DiskRoom {
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
        assert!(matches!(gauge.check(), Err(EmbeddedError::DiskFull { .. })));
        let limits = StoreLimits { reserve_fraction: 0.0, reserve_bytes: 0, ..limits };
        gauge.check().unwrap_err();
        DiskGauge::new(&std::env::temp_dir(), &limits).check().unwrap();
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
