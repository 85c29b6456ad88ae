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

const READY: &str = "SELECT id FROM job WHERE state = 'ready' ORDER BY id LIMIT ?1";
const WAITING: &str = "SELECT id FROM job WHERE state = 'waiting' AND due_ms <= ?2 ORDER BY due_ms LIMIT ?1";
const LEASED: &str = "SELECT id FROM job WHERE state = 'leased' AND due_ms <= ?2 ORDER BY due_ms LIMIT ?1";

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
        let max = i64::try_from(self.max).unwrap_or(i64::MAX);
        let mut ids: Vec<i64> = transaction.all(READY, [max], |row| row.get(0))?;
        for due in [WAITING, LEASED] {
            ids.extend(transaction.all(due, (max, now), |row| row.get::<_, i64>(0))?);
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::StoreLimits;
    use minilab_model::{Event, EventKind, ObjectRef, Sequencer, Timestamp};
    use rusqlite::{Connection, StatementStatus};
    use std::sync::Arc;

    fn job(sequencer: u64) -> Job {
        let ObjectRef { bucket, key } = "photos/a".parse().unwrap();
        let time = Timestamp::from_millis(0);
        let (etag, kind) = (String::new(), EventKind::CreatedPut);
        let event = Event { kind, bucket, key, sequencer: Sequencer(sequencer), etag, size_bytes: 0, time, request_id: None };
        Job { event, rule: "r".to_owned(), action: Action::Process }
    }

    #[test]
    fn the_queue_costs_the_same_for_many_jobs() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.set_prepared_statement_cache_capacity(100);
        crate::schema::migrate(&mut connection, std::path::Path::new("memory")).unwrap();
        let event = row::to_json(&job(7).event).unwrap();
        let fill = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
                    INSERT INTO job SELECT i, 'k' || i, i, 'r', 'process', 'ready', i, 0, 0, '[]', 0 FROM n";
        connection.execute(fill, ()).unwrap();
        let events = "INSERT INTO event SELECT sequencer, 'photos', CAST('b' || id AS BLOB), ?1 FROM job";
        connection.execute(events, [event]).unwrap();

        let (limits, now) = (StoreLimits::default(), Timestamp::from_millis(1_000_000));
        let mut transaction = Transaction::new(&connection, Arc::new(|_| Vec::new()), &limits, now, 50_000);
        Enqueue(vec![job(50_001)]).run(&mut transaction).unwrap();
        Enqueue(vec![job(50_002)]).run(&mut transaction).unwrap();
        let claimed = Claim { max: 3, lease: Duration::ZERO }.run(&mut transaction).unwrap();
        assert_eq!(claimed.iter().map(|job| job.lease.job_id).collect::<Vec<_>>(), [1, 2, 3]);
        for sql in [READY, WAITING, LEASED, event::OLDER, event::DROP, event::FORGET] {
            let steps = connection.prepare_cached(sql).unwrap().get_status(StatementStatus::VmStep);
            assert!((1..200).contains(&steps), "{steps} steps for {sql}");
        }
        let ready: i64 = connection.query_row("SELECT count(*) FROM job WHERE state = 'ready'", (), |row| row.get(0)).unwrap();
        assert_eq!(ready, 50_000 + 1 - 3, "the newer job took the place of the older one");
    }
}
