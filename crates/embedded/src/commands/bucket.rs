//! Making and deleting buckets.

use super::multipart;
use crate::EmbeddedError;
use crate::row;
use crate::writer::{Command, Transaction};
use minilab_model::{BucketName, BucketNotification};
use rusqlite::Connection;

/// The row of a bucket.
pub(crate) fn id(connection: &Connection, bucket: &BucketName) -> Result<i64, EmbeddedError> {
    let found = row::first(connection, "SELECT id FROM bucket WHERE name = ?1", [bucket.as_str()], |row| row.get(0))?;
    found.ok_or_else(|| EmbeddedError::NoSuchBucket(bucket.clone()))
}

pub(crate) struct CreateBucket(pub(crate) BucketName);

impl Command for CreateBucket {
    type Output = bool;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<bool, EmbeddedError> {
        let sql = "INSERT INTO bucket (name, created_ms) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING";
        Ok(transaction.execute(sql, (self.0.as_str(), transaction.now.as_millis()))? == 1)
    }
}

pub(crate) struct DeleteBucket(pub(crate) BucketName);

impl Command for DeleteBucket {
    type Output = ();

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<(), EmbeddedError> {
        let id = id(transaction.connection(), &self.0)?;
        if transaction.first("SELECT 1 FROM object WHERE bucket_id = ?1 LIMIT 1", [id], |_| Ok(()))?.is_some() {
            return Err(EmbeddedError::BucketNotEmpty(self.0.clone()));
        }
        let uploads: Vec<String> = transaction.all("SELECT id FROM upload WHERE bucket_id = ?1", [id], |row| row.get(0))?;
        for upload in uploads {
            multipart::discard(transaction, &upload)?;
        }
        transaction.execute("DELETE FROM bucket WHERE id = ?1", [id])?;
        Ok(())
    }
}

/// The bucket's notification configuration; empty where there is no such bucket.
pub(crate) fn notifications(connection: &Connection, bucket: &BucketName) -> Result<Vec<BucketNotification>, EmbeddedError> {
    let sql = "SELECT notifications FROM bucket WHERE name = ?1";
    let stored: Option<Option<Vec<_>>> = row::first(connection, sql, [bucket.as_str()], |row| row::optional_json(row, 0))?;
    Ok(stored.flatten().unwrap_or_default())
}

pub(crate) struct SetNotifications {
    pub(crate) bucket: BucketName,
    pub(crate) notifications: Vec<BucketNotification>,
}

impl Command for SetNotifications {
    type Output = ();

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<(), EmbeddedError> {
        let id = id(transaction.connection(), &self.bucket)?;
        let json = (!self.notifications.is_empty()).then(|| row::to_json(&self.notifications)).transpose()?;
        transaction.execute("UPDATE bucket SET notifications = ?2 WHERE id = ?1", (id, json))?;
        Ok(())
    }
}
