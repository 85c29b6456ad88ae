//! Notifications: rows written in the transaction that makes them true, drained by the flow's last stage.
//!
//! Each is told at least once: a delivery that a crash kept from being written down is made again, with the same
//! message id, by which a receiver can tell.

use crate::commands::notification::{Expire, Fail, Finish};
use crate::{Embedded, EmbeddedError, row};
use minilab_model::{Message, Notification, NotificationTarget, Timestamp};
use rusqlite::{Connection, Row};
use serde::{Deserialize, Serialize};
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
    /// Which attempt this is, counting from 1, and again from 1 when it was asked for again.
    pub attempt: u32,
    /// When it came to be.
    pub created_at: Timestamp,
    /// Since when it is tried: when it came to be, or was last asked for again.
    pub queued_at: Timestamp,
}

/// A target that has something to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingTarget {
    /// [`NotificationTarget::id`].
    pub id: String,
    /// The target.
    pub target: NotificationTarget,
    /// When its first notification is due; in the past when one is.
    pub due_at: Timestamp,
    /// When somebody last asked for a delivery now ([`Embedded::redeliver`]): a reason to try a target at once that is
    /// left alone because it failed before that.
    pub urged_at: Option<Timestamp>,
}

/// How one attempt to deliver went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryAttempt {
    /// When it ended.
    pub at: Timestamp,
    /// The HTTP or SMTP status, where there was an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What the receiver said, or what went wrong.
    pub detail: String,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

impl Embedded {
    /// The targets that have something to be told, now or later. Costs a seek for each target.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn waiting_targets(&self) -> Result<Vec<WaitingTarget>, EmbeddedError> {
        self.inner.readers.read(|connection| row::all(connection, WAITING_TARGETS, (), read_target)).await
    }

    /// What is due for one target at `now`, the longest due first. The rows stay until finished or failed, so only one
    /// task may drain a target.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn due_notifications(
        &self,
        target_id: &str,
        now: Timestamp,
        max: usize,
    ) -> Result<Vec<PendingNotification>, EmbeddedError> {
        let target_id = target_id.to_owned();
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        self.inner.readers.read(move |connection| due(connection, &target_id, now, max)).await
    }

    /// One message told all of these: they are delivered, and stay in the delivery log for a while.
    ///
    /// # Errors
    /// [`EmbeddedError::Stopped`].
    pub async fn finish_notifications(&self, ids: Vec<i64>, attempt: DeliveryAttempt) -> Result<(), EmbeddedError> {
        self.write_own(Finish { ids, attempt }).await
    }

    /// An attempt failed: they are due again at `retry_at`, or given up.
    ///
    /// # Errors
    /// [`EmbeddedError::Stopped`].
    pub async fn fail_notifications(
        &self,
        ids: Vec<i64>,
        attempt: DeliveryAttempt,
        retry_at: Option<Timestamp>,
    ) -> Result<(), EmbeddedError> {
        self.write_own(Fail { ids, attempt, retry_at }).await
    }

    /// Gives up what has been tried for a target since `queued_before` or longer, as its last attempt `attempt` was in
    /// vain; how many. So the rows of a target that is gone need not each be tried to its end.
    ///
    /// # Errors
    /// [`EmbeddedError::Stopped`].
    pub async fn expire_notifications(
        &self,
        target_id: &str,
        queued_before: Timestamp,
        attempt: DeliveryAttempt,
    ) -> Result<u64, EmbeddedError> {
        let mut expired = 0;
        loop {
            let (target_id, attempt) = (target_id.to_owned(), attempt.clone());
            let some = self.write_own(Expire { target_id, queued_before, attempt, max: Expire::CHUNK }).await?;
            expired += some as u64;
            if some < Expire::CHUNK {
                return Ok(expired);
            }
        }
    }

    /// When messages were sent to a target that takes only so many an hour: the last `max` after `since`, the first one
    /// first.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn messages_sent(&self, target_id: &str, since: Timestamp, max: u32) -> Result<Vec<Timestamp>, EmbeddedError> {
        let target_id = target_id.to_owned();
        let sql = "SELECT sent_ms FROM sent_message WHERE target_id = ?1 AND sent_ms > ?2 ORDER BY sent_ms DESC LIMIT ?3";
        let read = move |connection: &Connection| {
            row::all(connection, sql, (&target_id, since.as_millis(), max), |row| row::timestamp(row, 0))
        };
        let mut sent = self.inner.readers.read(read).await?;
        sent.reverse();
        Ok(sent)
    }

    /// Changes whenever there is a notification to deliver, or one to deliver at another time than before.
    #[must_use]
    pub fn notification_arrivals(&self) -> watch::Receiver<u64> {
        self.inner.arrivals.notifications.subscribe()
    }
}

/// Each target with waiting rows, and its first due row by a seek of its own.
pub(crate) const WAITING_TARGETS: &str = "SELECT id, target, urged_ms,
        (SELECT min(due_ms) FROM notification WHERE target_id = notification_target.id AND state = 'waiting') AS due_ms
    FROM notification_target WHERE waiting > 0 AND due_ms IS NOT NULL";

/// The rows of a target that are due, the longest due first.
pub(crate) const DUE: &str = "SELECT id, message_id, message, attempt, created_ms, queued_ms FROM notification
    WHERE target_id = ?1 AND state = 'waiting' AND due_ms <= ?2 ORDER BY due_ms, id LIMIT ?3";

fn read_target(row: &Row<'_>) -> rusqlite::Result<WaitingTarget> {
    let urged_at = row::timestamp(row, 2)?;
    Ok(WaitingTarget {
        id: row.get(0)?,
        target: row::json(row, 1)?,
        due_at: row::timestamp(row, 3)?,
        urged_at: (urged_at.as_millis() > 0).then_some(urged_at),
    })
}

fn due(connection: &Connection, target_id: &str, now: Timestamp, max: i64) -> Result<Vec<PendingNotification>, EmbeddedError> {
    let sql = "SELECT target FROM notification_target WHERE id = ?1";
    let target: Option<NotificationTarget> = row::first(connection, sql, [target_id], |row| row::json(row, 0))?;
    let Some(target) = target else { return Ok(Vec::new()) };
    row::all(connection, DUE, (target_id, now.as_millis(), max), |row| {
        let message: Message = row::json(row, 2)?;
        Ok(PendingNotification {
            id: row.get(0)?,
            message_id: row.get(1)?,
            notification: Notification { target: target.clone(), message },
            attempt: row::number::<u32>(row, 3)?.saturating_add(1),
            created_at: row::timestamp(row, 4)?,
            queued_at: row::timestamp(row, 5)?,
        })
    })
}
