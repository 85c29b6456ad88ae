//! Failures on purpose: tests make each step of the commit protocol fail and look at what is left.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// A step of the commit protocol that can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultPoint {
    /// Writing to a blob file.
    BlobWrite,
    /// `fdatasync` of a blob file.
    BlobSync,
    /// `fsync` of a blob's directory.
    DirectorySync,
    /// `COMMIT` of a transaction that writes objects, sources or variants.
    Commit,
    /// `COMMIT` of a transaction that writes none: of the catalog, the queue, the notifications.
    OtherCommit,
}

/// The failures to come. Empty outside tests.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<HashMap<FaultPoint, i32>>>);

impl Faults {
    /// Makes the next pass of `point` fail with this `errno`, once.
    pub fn arm(&self, point: FaultPoint, errno: i32) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(point, errno);
    }

    pub(crate) fn pass(&self, point: FaultPoint) -> io::Result<()> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&point) {
            Some(errno) => Err(io::Error::from_raw_os_error(errno)),
            None => Ok(()),
        }
    }
}
