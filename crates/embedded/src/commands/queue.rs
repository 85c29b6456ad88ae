//! The queue's changes. Every one by a worker is guarded by state and token: who slept through its lease changes nothing.

use super::event::{self, forget_finished};
use crate::row;
use crate::writer::{Command, Durability, Transaction};
use crate::{EmbeddedError, LeasedJob};
use minilab_model::{Action, Attempt, Job, Lease};
use rusqlite::{Row, params};
use std::time::Duration;

/// Attempts that are kept of one job; a job that is retried by hand for ever must not grow for ever.
const KEPT_ATTEMPTS: usize = 20;

/// Reads a job from its columns `event, rule, action`, starting at `column`.
pub(crate) fn read_job(row: &Row<'_>, column: usize) -> rusqlite::Result<Job> {
    let action = match row.get_ref(column + 2)?.as_str()? {
        "remove" => Action::Remove,
        _ => Action::Process,
    };
    Ok(Job { event: row::json(row, column)?, rule: row.get(column + 1)?, action })
}

/// How far a leased job has come: attempts begun, and how they ended. `None` when the lease is lost.
pub(crate) fn held(transaction: &Transaction<'_>, lease: Lease) -> Result<Option<(u32, Vec<Attempt>)>, EmbeddedError> {
    let sql = "SELECT attempt, attempts FROM job WHERE id = ?1 AND token = ?2 AND state = 'leased'";
    transaction.first(sql, (lease.job_id, lease.token), |row| Ok((row::number(row, 0)?, row::json(row, 1)?)))
}

/// Ends a job, and its event with the last one.
pub(crate) fn end_job(transaction: &Transaction<'_>, id: i64) -> Result<bool, EmbeddedError> {
    let sequencer = transaction.first("DELETE FROM job WHERE id = ?1 RETURNING sequencer", [id], |row| row.get(0))?;
    if let Some(sequencer) = sequencer {
        forget_finished(transaction, sequencer)?;
    }
    Ok(sequencer.is_some())
}

/// Keeps a job as a dead letter.
pub(crate) fn bury(transaction: &Transaction<'_>, id: i64, attempts: Vec<Attempt>) -> Result<(), EmbeddedError> {
    let sql = "UPDATE job SET state = 'dead', due_ms = ?2, attempts = ?3 WHERE id = ?1";
    transaction.execute(sql, params![id, transaction.now.as_millis(), attempts_json(attempts)?])?;
    Ok(())
}

fn attempts_json(mut attempts: Vec<Attempt>) -> Result<String, EmbeddedError> {
    let surplus = attempts.len().saturating_sub(KEPT_ATTEMPTS);
    attempts.drain(..surplus);
    row::to_json(&attempts)
}

pub(crate) struct Enqueue(pub(crate) Vec<Job>);

impl Command for Enqueue {
    type Output = usize;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<usize, EmbeddedError> {
        event::enqueue(transaction, &self.0)
    }
}

pub(crate) struct Claim {
    pub(crate) max: usize,
    pub(crate) lease: Duration,
}

impl Command for Claim {
    type Output = Vec<LeasedJob>;
    // A claim that a power failure undoes is made again.
    const DURABILITY: Durability = Durability::Lazy;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<Vec<LeasedJob>, EmbeddedError> {
        let now = transaction.now.as_millis();
        let mut ids: Vec<i64> = Vec::new();
        for sql in [
            "SELECT id FROM job WHERE state = 'ready' AND ?1 = ?1 ORDER BY id LIMIT ?2",
            "SELECT id FROM job WHERE state = 'waiting' AND due_ms <= ?1 ORDER BY due_ms LIMIT ?2",
            "SELECT id FROM job WHERE state = 'leased' AND due_ms <= ?1 ORDER BY due_ms LIMIT ?2",
        ] {
            ids.extend(transaction.all(sql, (now, self.max as i64), |row| row.get::<_, i64>(0))?);
        }
        // The oldest first, whatever kept it.
        ids.sort_unstable();
        ids.truncate(self.max);
        let until = transaction.now.after(self.lease).as_millis();
        ids.into_iter().map(|id| claim(transaction, id, until)).collect()
    }
}

fn claim(transaction: &Transaction<'_>, id: i64, until: i64) -> Result<LeasedJob, EmbeddedError> {
    let sql = "UPDATE job SET state = 'leased', token = token + 1, attempt = attempt + 1, due_ms = ?2 WHERE id = ?1
               RETURNING (SELECT event FROM event WHERE event.sequencer = job.sequencer), rule, action, token, attempt, attempts";
    let claimed = transaction.first(sql, (id, until), |row| {
        Ok(LeasedJob {
            lease: Lease { job_id: id, token: row.get(3)? },
            job: read_job(row, 0)?,
            attempt: row::number(row, 4)?,
            attempts: row::json(row, 5)?,
        })
    })?;
    claimed.ok_or_else(|| EmbeddedError::corrupt(format!("job {id} is missing")))
}

pub(crate) struct Heartbeat {
    pub(crate) leases: Vec<Lease>,
    pub(crate) lease: Duration,
}

impl Command for Heartbeat {
    /// The leases that are lost.
    type Output = Vec<Lease>;
    const DURABILITY: Durability = Durability::Lazy;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<Vec<Lease>, EmbeddedError> {
        let until = transaction.now.after(self.lease).as_millis();
        let sql = "UPDATE job SET due_ms = ?3 WHERE id = ?1 AND token = ?2 AND state = 'leased'";
        let mut lost = Vec::new();
        for lease in &self.leases {
            if transaction.execute(sql, (lease.job_id, lease.token, until))? == 0 {
                lost.push(*lease);
            }
        }
        Ok(lost)
    }
}

pub(crate) struct RetryLater {
    pub(crate) lease: Lease,
    pub(crate) attempt: Attempt,
    pub(crate) delay: Duration,
}

impl Command for RetryLater {
    type Output = bool;
    const DURABILITY: Durability = Durability::Lazy;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<bool, EmbeddedError> {
        let Some((_, mut attempts)) = held(transaction, self.lease)? else { return Ok(false) };
        attempts.push(self.attempt.clone());
        let due = transaction.now.after(self.delay).as_millis();
        let sql = "UPDATE job SET state = 'waiting', due_ms = ?2, attempts = ?3 WHERE id = ?1";
        transaction.execute(sql, params![self.lease.job_id, due, attempts_json(attempts)?])?;
        // Those who wait for work must learn of the new moment.
        transaction.job_arrived();
        Ok(true)
    }
}

pub(crate) struct Release(pub(crate) Lease);

impl Command for Release {
    type Output = bool;
    const DURABILITY: Durability = Durability::Lazy;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<bool, EmbeddedError> {
        let sql =
            "UPDATE job SET state = 'ready', attempt = attempt - 1, due_ms = ?3 WHERE id = ?1 AND token = ?2 AND state = 'leased'";
        let released = transaction.execute(sql, (self.0.job_id, self.0.token, transaction.now.as_millis()))? == 1;
        if released {
            transaction.job_arrived();
        }
        Ok(released)
    }
}

/// Makes a dead letter or a waiting job ready at once, with all its attempts before it.
pub(crate) struct RetryJob(pub(crate) i64);

impl Command for RetryJob {
    type Output = bool;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<bool, EmbeddedError> {
        let sql = "UPDATE job SET state = 'ready', attempt = 0, due_ms = ?2 WHERE id = ?1 AND state IN ('dead', 'waiting')";
        let ready = transaction.execute(sql, (self.0, transaction.now.as_millis()))? == 1;
        if ready {
            transaction.job_arrived();
        }
        Ok(ready)
    }
}

pub(crate) struct DiscardJob(pub(crate) i64);

impl Command for DiscardJob {
    type Output = bool;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<bool, EmbeddedError> {
        end_job(transaction, self.0)
    }
}
