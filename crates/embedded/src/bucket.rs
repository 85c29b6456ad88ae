//! Buckets.

use crate::commands::bucket::{self, CreateBucket, DeleteBucket, SetNotifications};
use crate::{Embedded, EmbeddedError, row};
use minilab_model::{BucketName, BucketNotification, Timestamp};
use rusqlite::Row;

/// What is known of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketInfo {
    /// Its name.
    pub name: BucketName,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Embedded {
    /// Makes a bucket; `false` when it is there already.
    ///
    /// # Errors
    /// Those of every write: [`EmbeddedError::Busy`], [`EmbeddedError::DiskFull`], [`EmbeddedError::Stopped`].
    pub async fn create_bucket(&self, bucket: &BucketName) -> Result<bool, EmbeddedError> {
        self.inner.disk.check_row()?;
        self.write(CreateBucket(bucket.clone())).await
    }

    /// Deletes an empty bucket. Its unfinished uploads are dropped.
    ///
    /// # Errors
    /// [`EmbeddedError::NoSuchBucket`], [`EmbeddedError::BucketNotEmpty`].
    pub async fn delete_bucket(&self, bucket: &BucketName) -> Result<(), EmbeddedError> {
        self.write(DeleteBucket(bucket.clone())).await
    }

    /// What is known of a bucket.
    ///
    /// # Errors
    /// [`EmbeddedError::NoSuchBucket`].
    pub async fn bucket(&self, bucket: &BucketName) -> Result<BucketInfo, EmbeddedError> {
        let name = bucket.clone();
        let sql = "SELECT name, created_ms FROM bucket WHERE name = ?1";
        let find = move |connection: &rusqlite::Connection| row::first(connection, sql, [name.as_str()], read_bucket);
        self.inner.readers.read(find).await?.ok_or_else(|| EmbeddedError::NoSuchBucket(bucket.clone()))
    }

    /// Whom the bucket tells of its objects' events; empty when it tells nobody.
    ///
    /// # Errors
    /// [`EmbeddedError::NoSuchBucket`].
    pub async fn bucket_notifications(&self, bucket: &BucketName) -> Result<Vec<BucketNotification>, EmbeddedError> {
        let name = bucket.clone();
        let read = move |connection: &rusqlite::Connection| {
            bucket::id(connection, &name)?;
            bucket::notifications(connection, &name)
        };
        self.inner.readers.read(read).await
    }

    /// Has the bucket tell others than before of its objects' events, from the next event on; nobody when empty. What is
    /// to be told already stays.
    ///
    /// # Errors
    /// [`EmbeddedError::NoSuchBucket`], and those of every write.
    pub async fn set_bucket_notifications(
        &self,
        bucket: &BucketName,
        notifications: Vec<BucketNotification>,
    ) -> Result<(), EmbeddedError> {
        self.inner.disk.check_row()?;
        self.write(SetNotifications { bucket: bucket.clone(), notifications }).await
    }

    /// All buckets, in order of their names.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn buckets(&self) -> Result<Vec<BucketInfo>, EmbeddedError> {
        let sql = "SELECT name, created_ms FROM bucket ORDER BY name";
        self.inner.readers.read(move |connection| row::all(connection, sql, (), read_bucket)).await
    }
}

fn read_bucket(row: &Row<'_>) -> rusqlite::Result<BucketInfo> {
    Ok(BucketInfo { name: row::bucket_name(row, 0)?, created_at: row::timestamp(row, 1)? })
}
