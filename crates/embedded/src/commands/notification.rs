//! The notifications' changes. A delivery that a power failure undoes is made again: they come at least once.

use crate::random;
use crate::row;
use crate::writer::{Command, Durability, Transaction};
use crate::{DeliveryAttempt, EmbeddedError};
use minilab_model::{Event, Message, Notification, NotificationTarget, Timestamp};
use rusqlite::params;

/// Attempts that are kept of one notification.
const KEPT_ATTEMPTS: usize = 20;
/// For how long it is remembered when a message was sent.
const HOUR_MS: i64 = 3_600_000;
/// Most rows of the log that one delivery pushes out, beyond as many as it adds.
const TRIM: i64 = 100;

/// Writes the rows of what is to be told.
pub(crate) fn insert(transaction: &mut Transaction<'_>, notifications: &[Notification]) -> Result<(), EmbeddedError> {
    for notification in notifications {
        let Notification { target, message } = notification;
        let bits = random::bits().map_err(EmbeddedError::io("drawing random bits"))?;
        let target_id = target.id();
        let sql = "INSERT INTO notification_target (id, kind, target) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        transaction.execute(sql, (&target_id, target.kind(), row::to_json(target)?))?;
        let sql = "INSERT INTO notification (message_id, target_id, message, state, due_ms, created_ms, queued_ms)
                   VALUES (?1, ?2, ?3, 'waiting', ?4, ?5, ?5)";
        let (now, due) = (transaction.now.as_millis(), due(target, transaction.now).as_millis());
        transaction.execute(sql, params![hex::encode(bits), target_id, row::to_json(message)?, due, now])?;
        transaction.notification_arrived();
    }
    Ok(())
}

/// When a new notification is due: at once, or at the end of its digest's window. Windows begin at multiples of their
/// length since the epoch, so that all rows of one are due at the same moment.
fn due(target: &NotificationTarget, now: Timestamp) -> Timestamp {
    let window_ms = match target {
        NotificationTarget::Email(email) => i64::from(email.digest_minutes) * 60_000,
        _ => 0,
    };
    match now.as_millis().checked_rem_euclid(window_ms) {
        Some(since_ms) => Timestamp::from_millis(now.as_millis() + window_ms - since_ms),
        None => now,
    }
}

/// Writes the rows that the bucket's notification configuration asks for. One look at the bucket's row where there is
/// none.
pub(crate) fn tell(transaction: &mut Transaction<'_>, event: &Event) -> Result<(), EmbeddedError> {
    let notifications: Vec<Notification> = super::bucket::notifications(transaction.connection(), &event.bucket)?
        .into_iter()
        .filter(|configuration| configuration.matches(event))
        .map(|configuration| Notification {
            target: NotificationTarget::BucketWebhook(configuration.webhook),
            message: Message::S3Event { event: Box::new(event.clone()), configuration_id: configuration.id },
        })
        .collect();
    insert(transaction, &notifications)
}

/// What is read of a row before it is changed.
struct Tried {
    target_id: String,
    attempt: u32,
    attempts: Vec<DeliveryAttempt>,
}

/// A waiting row with one more attempt in its log; `None` when it is not waiting.
fn tried(transaction: &Transaction<'_>, id: i64, attempt: &DeliveryAttempt) -> Result<Option<Tried>, EmbeddedError> {
    let sql = "SELECT target_id, attempt, attempts FROM notification WHERE id = ?1 AND state = 'waiting'";
    let found = transaction.first(sql, [id], |row| {
        Ok(Tried { target_id: row.get(0)?, attempt: row::number(row, 1)?, attempts: row::json(row, 2)? })
    })?;
    Ok(found.map(|mut tried| {
        tried.attempt = tried.attempt.saturating_add(1);
        tried.attempts.push(attempt.clone());
        let surplus = tried.attempts.len().saturating_sub(KEPT_ATTEMPTS);
        tried.attempts.drain(..surplus);
        tried
    }))
}

fn write(
    transaction: &Transaction<'_>,
    id: i64,
    tried: &Tried,
    state: crate::DeliveryState,
    due: Timestamp,
) -> Result<(), EmbeddedError> {
    let sql = "UPDATE notification SET state = ?2, due_ms = ?3, attempt = ?4, attempts = ?5 WHERE id = ?1";
    let attempts = row::to_json(&tried.attempts)?;
    transaction.execute(sql, params![id, state.as_str(), due.as_millis(), tried.attempt, attempts])?;
    Ok(())
}

fn count(transaction: &Transaction<'_>, target_id: &str, column: &str) -> Result<(), EmbeddedError> {
    transaction.execute(&format!("UPDATE notification_target SET {column} = {column} + 1 WHERE id = ?1"), [target_id])?;
    Ok(())
}

/// One message has told these.
pub(crate) struct Finish {
    pub(crate) ids: Vec<i64>,
    pub(crate) attempt: DeliveryAttempt,
}

impl Command for Finish {
    type Output = ();
    const DURABILITY: Durability = Durability::Lazy;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<(), EmbeddedError> {
        let mut told = None;
        for id in &self.ids {
            let Some(tried) = tried(transaction, *id, &self.attempt)? else { continue };
            write(transaction, *id, &tried, crate::DeliveryState::Delivered, self.attempt.at)?;
            count(transaction, &tried.target_id, "delivered_total")?;
            told = Some(tried.target_id);
        }
        if let Some(target_id) = told {
            note_sent(transaction, &target_id, self.attempt.at)?;
        }
        trim(transaction, self.ids.len())
    }
}

/// Notes when a message was sent where that is limited: to people.
fn note_sent(transaction: &Transaction<'_>, target_id: &str, at: Timestamp) -> Result<(), EmbeddedError> {
    let sql =
        "INSERT INTO sent_message (target_id, sent_ms) SELECT id, ?2 FROM notification_target WHERE id = ?1 AND kind = 'email'";
    if transaction.execute(sql, (target_id, at.as_millis()))? > 0 {
        let sql = "DELETE FROM sent_message WHERE target_id = ?1 AND sent_ms <= ?2";
        transaction.execute(sql, (target_id, at.as_millis() - HOUR_MS))?;
    }
    Ok(())
}

/// Keeps the log of deliveries within its bound: what was delivered first goes first.
fn trim(transaction: &Transaction<'_>, added: usize) -> Result<(), EmbeddedError> {
    let kept = i64::try_from(transaction.limits.delivered_rows).unwrap_or(i64::MAX);
    let sql = "SELECT coalesce(sum(delivered), 0) FROM notification_target";
    let surplus = transaction.first(sql, (), |row| row.get::<_, i64>(0))?.unwrap_or(0) - kept;
    if surplus > 0 {
        let most = TRIM + i64::try_from(added).unwrap_or(0);
        let sql = "DELETE FROM notification WHERE id IN
                   (SELECT id FROM notification WHERE state = 'delivered' ORDER BY due_ms LIMIT ?1)";
        transaction.execute(sql, [surplus.min(most)])?;
    }
    Ok(())
}

/// An attempt to tell these failed.
pub(crate) struct Fail {
    pub(crate) ids: Vec<i64>,
    pub(crate) attempt: DeliveryAttempt,
    /// `None` gives them up.
    pub(crate) retry_at: Option<Timestamp>,
}

impl Command for Fail {
    type Output = ();
    const DURABILITY: Durability = Durability::Lazy;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<(), EmbeddedError> {
        for id in &self.ids {
            let Some(tried) = tried(transaction, *id, &self.attempt)? else { continue };
            count(transaction, &tried.target_id, "failed_total")?;
            match self.retry_at {
                Some(due) => {
                    write(transaction, *id, &tried, crate::DeliveryState::Waiting, due)?;
                    transaction.notification_arrived();
                }
                None => {
                    write(transaction, *id, &tried, crate::DeliveryState::Dead, self.attempt.at)?;
                    count(transaction, &tried.target_id, "dead_total")?;
                }
            }
        }
        Ok(())
    }
}

/// Gives up what a target has not taken for too long.
pub(crate) struct Expire {
    pub(crate) target_id: String,
    pub(crate) queued_before: Timestamp,
    pub(crate) attempt: DeliveryAttempt,
    pub(crate) max: usize,
}

impl Expire {
    /// Most rows in one command.
    pub(crate) const CHUNK: usize = 500;
}

pub(crate) const EXPIRED: &str = "SELECT id FROM notification WHERE target_id = ?1 AND state = 'waiting' AND queued_ms <= ?2
    ORDER BY queued_ms LIMIT ?3";

impl Command for Expire {
    /// How many were given up.
    type Output = usize;
    const DURABILITY: Durability = Durability::Lazy;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<usize, EmbeddedError> {
        let parameters = (&self.target_id, self.queued_before.as_millis(), self.max as i64);
        let ids: Vec<i64> = transaction.all(EXPIRED, parameters, |row| row.get(0))?;
        for id in &ids {
            if let Some(tried) = tried(transaction, *id, &self.attempt)? {
                write(transaction, *id, &tried, crate::DeliveryState::Dead, self.attempt.at)?;
                count(transaction, &self.target_id, "dead_total")?;
            }
        }
        Ok(ids.len())
    }
}

/// Has these told again, now.
pub(crate) struct Redeliver(pub(crate) Vec<i64>);

impl Redeliver {
    /// Most rows in one command.
    pub(crate) const CHUNK: usize = 500;
}

impl Command for Redeliver {
    /// How many of them are there.
    type Output = usize;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<usize, EmbeddedError> {
        let now = transaction.now.as_millis();
        let mut redelivered = 0;
        for id in &self.0 {
            let sql = "UPDATE notification SET state = 'waiting', due_ms = ?2, queued_ms = ?2, attempt = 0 WHERE id = ?1
                       RETURNING target_id";
            let target_id: Option<String> = transaction.first(sql, (id, now), |row| row.get(0))?;
            if let Some(target_id) = target_id {
                transaction.execute("UPDATE notification_target SET urged_ms = ?2 WHERE id = ?1", (target_id, now))?;
                transaction.notification_arrived();
                redelivered += 1;
            }
        }
        Ok(redelivered)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::StoreLimits;
    use crate::delivery_log::{PAGE, REPORT};
    use crate::notification::{DUE, WAITING_TARGETS};
    use rusqlite::{Connection, StatementStatus};
    use std::sync::Arc;

    #[test]
    fn queries_cost_the_same_for_many_rows() {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::schema::migrate(&mut connection, std::path::Path::new("memory")).unwrap();
        let target = NotificationTarget::BucketWebhook("orders".to_owned());
        let (limits, now) = (StoreLimits::default(), Timestamp::from_millis(1_000_000));
        let mut transaction = Transaction::new(&connection, Arc::new(|_| Vec::new()), &limits, now, 0);
        let message: Message = serde_json::from_value(serde_json::json!({
            "message": "outcome", "outcome": "image.removed", "source": {"bucket": "photos", "key": "a"}, "rule": "r", "time": "2026-11-20T12:00:00Z"
        }))
        .unwrap();
        insert(&mut transaction, &[Notification { target: target.clone(), message }]).unwrap();
        let fill = "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)
                    INSERT INTO notification (message_id, target_id, message, state, due_ms, created_ms, queued_ms)
                    SELECT 'm' || i, target_id, message, iif(i % 3, 'waiting', iif(i % 2, 'dead', 'delivered')), i, i, i
                    FROM n, notification WHERE id = 1";
        connection.execute(fill, ()).unwrap();

        let id = target.id();
        let attempt = DeliveryAttempt { at: now, status: None, detail: String::new(), duration_ms: 0 };
        let expired = Expire { target_id: id.clone(), queued_before: Timestamp::from_millis(10), attempt, max: 10 }
            .run(&mut transaction)
            .unwrap();
        assert_eq!(expired, 6, "2, 4, 5, 7, 8 and 10 of the first ten wait");
        assert_eq!(transaction.all(DUE, (&id, 20_i64, 3_i64), |row| row.get::<_, i64>(0)).unwrap(), [11, 13, 14]);
        assert_eq!(transaction.all(PAGE, (&id, "dead", i64::MAX, 2_i64), |row| row.get::<_, i64>(0)).unwrap(), [29_997, 29_991]);
        for sql in [WAITING_TARGETS, REPORT] {
            assert_eq!(transaction.all(sql, (), |_| Ok(())).unwrap().len(), 1);
        }
        for sql in [EXPIRED, DUE, PAGE, WAITING_TARGETS, REPORT] {
            let steps = connection.prepare_cached(sql).unwrap().get_status(StatementStatus::VmStep);
            assert!((1..300).contains(&steps), "{steps} steps for {sql}");
        }
        let kept = "SELECT waiting, delivered, dead FROM notification_target";
        let counted = "SELECT (SELECT count(*) FROM notification WHERE state = 'waiting'),
            (SELECT count(*) FROM notification WHERE state = 'delivered'), (SELECT count(*) FROM notification WHERE state = 'dead')";
        let counts = |sql| connection.query_row(sql, (), |row| <(i64, i64, i64)>::try_from(row)).unwrap();
        assert_eq!(counts(kept), counts(counted));
    }
}
