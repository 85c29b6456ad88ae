//! Opening a data directory.

use minilab_model::{Event, Job};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Says which jobs follow from an event. Called within the transaction that makes the event true, so it must be pure and
/// quick; a panic in it stops the store.
pub type Planner = Arc<dyn Fn(&Event) -> Vec<Job> + Send + Sync>;

/// What is opened, and how.
#[derive(Clone)]
pub struct OpenOptions {
    /// The data directory; made (mode 0700) when missing.
    pub data_dir: PathBuf,
    /// The rules at work.
    pub planner: Planner,
    /// Every bound of the store.
    pub limits: StoreLimits,
}

impl OpenOptions {
    /// A data directory without rules, with default limits.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), planner: Arc::new(|_| Vec::new()), limits: StoreLimits::default() }
    }
}

/// Every bound of the store.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreLimits {
    /// Bodies up to this length in bytes live in the index, longer ones in files. Default 64 KiB.
    pub inline_bytes: usize,
    /// The share of the file system that is kept free. Default 0.05.
    ///
    /// Writes that need room are refused below `max(reserve_fraction, min(reserve_bytes, 10%))` of the file system: on a
    /// disk of less than 5 GiB, [`reserve_bytes`](Self::reserve_bytes) would leave too little to work with.
    pub reserve_fraction: f64,
    /// The bytes that are kept free. Default 512 MiB.
    pub reserve_bytes: u64,
    /// Most writes that wait; further ones are answered [`EmbeddedError::Busy`](crate::EmbeddedError). Default 1,024.
    pub queue_depth: usize,
    /// Most writes in one transaction. Default 128.
    pub batch: usize,
    /// Connections that read at the same time. Default 8.
    pub readers: usize,
    /// How long a replaced blob is kept for those who are about to open it. Default 60 s.
    pub blob_grace: Duration,
    /// Least length in bytes of any part but the last of an upload. Default 5 MiB, as in S3.
    pub part_min_bytes: u64,
    /// How long dead letters and given-up notifications are kept. Default 14 days.
    pub dead_letter_retention: Duration,
    /// How long the id of a finished upload is remembered, so that completing it again succeeds. Default 7 days.
    pub finished_upload_retention: Duration,
}

impl Default for StoreLimits {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        Self {
            inline_bytes: 64 << 10,
            reserve_fraction: 0.05,
            reserve_bytes: 512 << 20,
            queue_depth: 1024,
            batch: 128,
            readers: 8,
            blob_grace: Duration::from_secs(60),
            part_min_bytes: 5 << 20,
            dead_letter_retention: 14 * DAY,
            finished_upload_retention: 7 * DAY,
        }
    }
}

/// Why a data directory could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("the data directory {} is in use by process {pid}", .data_dir.display())]
    Locked {
        /// The directory.
        data_dir: PathBuf,
        /// The other process, or `unknown`.
        pid: String,
    },
    /// A newer version has written it.
    #[error(
        "the data directory was written by a newer minilab (schema {found}, this binary knows {known}); use that version or newer"
    )]
    NewerSchema {
        /// The schema found.
        found: i64,
        /// The newest that is known.
        known: i64,
    },
    /// The SQLite that was linked loses data.
    #[error("SQLite {found} can corrupt the index when its log starts anew; at least 3.51.3 is needed")]
    OldSqlite {
        /// The version linked.
        found: String,
    },
    /// There is no store here.
    #[error("{} holds no minilab data", .data_dir.display())]
    NoStore {
        /// The directory.
        data_dir: PathBuf,
    },
    /// A file or directory could not be used.
    #[error("{what} {} failed", .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The index could not be opened.
    #[error("the index {} cannot be opened", .path.display())]
    Sqlite {
        /// The index.
        path: PathBuf,
        /// Why not.
        #[source]
        source: rusqlite::Error,
    },
}
