//! Notifications: rows written in the transaction that makes them true, drained by the flow's last stage.

use crate::commands::notification::{FailNotification, FinishNotification};
use crate::{Embedded, EmbeddedError, row};
use minilab_model::{Notification, Timestamp};
use rusqlite::{Connection, Row};
use std::time::SystemTime;
use tokio::sync::watch;

/// A notification that is to be delivered.
#[derive(Debug, Clone)]
pub struct PendingNotification {
    /// The store's number for it.
    pub id: i64,
    /// The same for every attempt and no other notification; 32 hex digits.
    pub message_id: String,
    /// What is told to whom.
    pub notification: Notification,
    /// Which attempt this is, counting from 1.
    pub attempt: u32,
    /// When it came to be.
    pub created_at: Timestamp,
}

impl Embedded {
    /// Notifications that are due, the longest due first. They stay until finished or failed, so only one task may drain
    /// them.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn notifications(&self, max: usize) -> Result<Vec<PendingNotification>, EmbeddedError> {
        let now = Timestamp::from(SystemTime::now()).as_millis();
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        let sql = "SELECT id, message_id, notification, attempt, created_ms FROM notification
                   WHERE state = 'waiting' AND due_ms <= ?1 ORDER BY due_ms, id LIMIT ?2";
        let read = move |connection: &Connection| row::all(connection, sql, (now, max), read_notification);
        self.inner.readers.read(read).await
    }

    /// It was delivered: its row goes.
    ///
    /// # Errors
    /// [`EmbeddedError::Stopped`].
    pub async fn finish_notification(&self, id: i64) -> Result<(), EmbeddedError> {
        self.write_own(FinishNotification(id)).await
    }

    /// An attempt failed: it is due again at `retry_at`, or given up.
    ///
    /// # Errors
    /// [`EmbeddedError::Stopped`].
    pub async fn fail_notification(&self, id: i64, error: String, retry_at: Option<Timestamp>) -> Result<(), EmbeddedError> {
        self.write_own(FailNotification { id, error, retry_at }).await
    }

    /// Changes whenever there is a notification to deliver, or one to deliver at another time than before.
    #[must_use]
    pub fn notification_arrivals(&self) -> watch::Receiver<u64> {
        self.inner.arrivals.notifications.subscribe()
    }

    /// The earliest moment at which a notification is due.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn next_notification_due(&self) -> Result<Option<Timestamp>, EmbeddedError> {
        let sql = "SELECT min(due_ms) FROM notification WHERE state = 'waiting'";
        let read = |row: &Row<'_>| Ok(row.get::<_, Option<i64>>(0)?.map(Timestamp::from_millis));
        Ok(self.inner.readers.read(move |connection| row::first(connection, sql, (), read)).await?.flatten())
    }
}

fn read_notification(row: &Row<'_>) -> rusqlite::Result<PendingNotification> {
    Ok(PendingNotification {
        id: row.get(0)?,
        message_id: row.get(1)?,
        notification: row::json(row, 2)?,
        attempt: row::number::<u32>(row, 3)? + 1,
        created_at: row::timestamp(row, 4)?,
    })
}
