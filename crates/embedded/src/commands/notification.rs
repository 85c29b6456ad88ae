//! The notifications' changes. A delivery that a power failure undoes is made again: they come at least once.

use crate::EmbeddedError;
use crate::random;
use crate::row;
use crate::writer::{Command, Durability, Transaction};
use minilab_model::{Notification, Timestamp};
use rusqlite::params;

/// Writes the rows of what is to be told.
pub(crate) fn insert(transaction: &mut Transaction<'_>, notifications: &[Notification]) -> Result<(), EmbeddedError> {
    for notification in notifications {
        let bits = random::bits().map_err(EmbeddedError::io("drawing random bits"))?;
        let sql = "INSERT INTO notification (message_id, notification, state, due_ms, created_ms)
                   VALUES (?1, ?2, 'waiting', ?3, ?3)";
        transaction.execute(sql, params![hex::encode(bits), row::to_json(notification)?, transaction.now.as_millis()])?;
        transaction.notification_arrived();
    }
    Ok(())
}

pub(crate) struct FinishNotification(pub(crate) i64);

impl Command for FinishNotification {
    type Output = ();
    const DURABILITY: Durability = Durability::Lazy;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<(), EmbeddedError> {
        transaction.execute("DELETE FROM notification WHERE id = ?1", [self.0])?;
        Ok(())
    }
}

pub(crate) struct FailNotification {
    pub(crate) id: i64,
    pub(crate) error: String,
    /// `None` gives it up.
    pub(crate) retry_at: Option<Timestamp>,
}

impl Command for FailNotification {
    type Output = ();
    const DURABILITY: Durability = Durability::Lazy;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<(), EmbeddedError> {
        let state = if self.retry_at.is_some() { "waiting" } else { "dead" };
        let due = self.retry_at.unwrap_or(transaction.now).as_millis();
        let sql = "UPDATE notification SET state = ?2, due_ms = ?3, attempt = attempt + 1, last_error = ?4 WHERE id = ?1";
        transaction.execute(sql, params![self.id, state, due, self.error])?;
        if self.retry_at.is_some() {
            transaction.notification_arrived();
        }
        Ok(())
    }
}
