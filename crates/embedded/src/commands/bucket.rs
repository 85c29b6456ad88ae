//! Making and deleting buckets.

use super::multipart;
use crate::EmbeddedError;
use crate::row;
use crate::writer::{Command, Transaction};
use minilab_model::BucketName;
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
