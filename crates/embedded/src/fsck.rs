//! Checking a data directory: every byte is hashed again, every number counted again.

mod bodies;
mod catalog;
mod totals;

pub use totals::{BucketStatistics, StoreStatistics, read_statistics};

use crate::lock::DirectoryLock;
use crate::{EmbeddedError, OpenError, index, row, schema};
use rusqlite::Connection;
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
    let path = index::path(data_dir);
    if !path.exists() {
        return Err(OpenError::NoStore { data_dir: data_dir.to_owned() });
    }
    let _lock = DirectoryLock::take(data_dir)?;
    let failed = |source| OpenError::Sqlite { path: path.clone(), source };
    let connection = index::open_reading(&path).map_err(failed)?;
    let found = schema::version(&connection).map_err(failed)?;
    if found > schema::NEWEST {
        return Err(OpenError::NewerSchema { found, known: schema::NEWEST });
    }
    let mut report = FsckReport::default();
    match check(&connection, data_dir, &mut report, progress) {
        Ok(()) => Ok(report),
        // The index itself is unreadable somewhere: what was found so far is worth having.
        Err(error) => {
            report.serious("the index", error_text(&error));
            Ok(report)
        }
    }
}

fn check(
    connection: &Connection,
    data_dir: &Path,
    report: &mut FsckReport,
    progress: impl FnMut(FsckProgress),
) -> Result<(), EmbeddedError> {
    for problem in row::all(connection, "PRAGMA integrity_check", (), |row| row.get::<_, String>(0))? {
        if problem != "ok" {
            report.serious("the index", problem);
        }
    }
    bodies::check(connection, data_dir, report, progress)?;
    bodies::check_references(connection, report)?;
    catalog::check(connection, report)?;
    catalog::check_queue(connection, report)
}

impl FsckReport {
    fn serious(&mut self, subject: impl Into<String>, problem: impl Into<String>) {
        self.findings.push(Finding { subject: subject.into(), problem: problem.into(), serious: true });
    }

    fn minor(&mut self, subject: impl Into<String>, problem: impl Into<String>) {
        self.findings.push(Finding { subject: subject.into(), problem: problem.into(), serious: false });
    }
}

fn error_text(error: &EmbeddedError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
