//! Buckets.

use minilab_model::{BucketName, Timestamp};

/// What is known of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketInfo {
    /// Its name.
    pub name: BucketName,
    /// When it was made.
    pub created_at: Timestamp,
}
