//! The queue's changes. Every one by a worker is guarded by state and token: who slept through its lease changes nothing.

mod claim;
mod count;
mod fair;
mod selection;

pub(crate) use claim::{Claim, expire};
pub(crate) use fair::{Place, lane, priority};
pub(crate) use selection::{DiscardJobs, RetryJobs};

use super::event::{self, forget_finished};
use crate::row;
use crate::writer::{Command, Durability, Transaction};
use crate::{EmbeddedError, FailedAttempt, JobState};
use claim::make_ready;
use fair::Entry;
use minilab_model::{Action, Attempt, Failure, FailureCause, HeaderFacts, Job, Lane, Lease, Priority, Timestamp};
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

/// How far a leased job has come.
pub(crate) struct Held {
    id: i64,
    lane: Lane,
    /// Attempts begun, and those of which is known how they ended.
    attempt: u32,
    ended: u32,
    attempts: Vec<Attempt>,
}

impl Held {
    /// Adds how the attempt under way ended. A claim to give a job up is no attempt: its end is in the log already.
    fn add(&mut self, ended_at: Timestamp, cause: FailureCause, error: &str) {
        if self.ended < self.attempt {
            self.attempts.push(Attempt { number: self.attempt, ended_at, cause, error: error.to_owned() });
        }
    }
}

/// The job that a lease stands for; `None` when the lease is lost.
pub(crate) fn held(transaction: &Transaction<'_>, lease: Lease) -> Result<Option<Held>, EmbeddedError> {
    let sql = "SELECT attempt, ended, attempts, lane FROM job WHERE id = ?1 AND token = ?2 AND state = 'leased'";
    transaction.first(sql, (lease.job_id, lease.token), |row| {
        let (attempt, ended, attempts) = (row::number(row, 0)?, row::number(row, 1)?, row::json(row, 2)?);
        Ok(Held { id: lease.job_id, lane: lane(row, 3)?, attempt, ended, attempts })
    })
}

/// Ends a job in whatever state, and its event with the last one; whether it was there.
pub(crate) fn end_job(transaction: &Transaction<'_>, id: i64) -> Result<bool, EmbeddedError> {
    let sql = "SELECT sequencer, lane, state, flow, share FROM job WHERE id = ?1";
    let found = transaction.first(sql, [id], |row| {
        Ok((row.get(0)?, lane(row, 1)?, state(row, 2)?, row.get::<_, Option<i64>>(3)?, row.get::<_, Option<i64>>(4)?))
    })?;
    let Some((sequencer, lane, state, flow, share)) = found else { return Ok(false) };
    transaction.execute("DELETE FROM job WHERE id = ?1", [id])?;
    if let (JobState::Ready, Some(flow), Some(share)) = (state, flow, share) {
        fair::leave(transaction, flow, share)?;
    }
    count::exchange(transaction, Some((lane, state)), None)?;
    forget_finished(transaction, sequencer)?;
    Ok(true)
}

fn state(row: &Row<'_>, column: usize) -> rusqlite::Result<JobState> {
    Ok(JobState::parse(row.get_ref(column)?.as_str()?))
}

/// Keeps a leased job as a dead letter.
pub(crate) fn bury(
    transaction: &Transaction<'_>,
    mut held: Held,
    failure: &Failure,
    facts: Option<&HeaderFacts>,
) -> Result<(), EmbeddedError> {
    held.add(transaction.now, failure.cause, &failure.error);
    let facts = facts.map(row::to_json).transpose()?;
    let sql = "UPDATE job SET state = 'dead', due_ms = ?2, ended = attempt, attempts = ?3, cause = ?4,
               facts = coalesce(?5, facts) WHERE id = ?1";
    let now = transaction.now.as_millis();
    transaction.execute(sql, params![held.id, now, attempts_json(held.attempts)?, failure.cause.as_str(), facts])?;
    count::exchange(transaction, Some((held.lane, JobState::Leased)), Some((held.lane, JobState::Dead)))
}

fn attempts_json(mut attempts: Vec<Attempt>) -> Result<String, EmbeddedError> {
    let surplus = attempts.len().saturating_sub(KEPT_ATTEMPTS);
    attempts.drain(..surplus);
    row::to_json(&attempts)
}

/// Finds the place of a job that is about to be queued, and counts it.
pub(crate) fn enter(transaction: &Transaction<'_>, job: &Job, priority: Priority) -> Result<Place, EmbeddedError> {
    let lane = Lane::default();
    count::exchange(transaction, None, Some((lane, JobState::Ready)))?;
    fair::enter(transaction, job, (lane, priority), Entry::New)
}

pub(crate) struct Enqueue {
    pub(crate) jobs: Vec<Job>,
    pub(crate) priority: Priority,
}

impl Command for Enqueue {
    type Output = usize;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<usize, EmbeddedError> {
        event::enqueue(transaction, &self.jobs, self.priority)
    }
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
    pub(crate) failed: FailedAttempt,
    pub(crate) delay: Duration,
}

impl Command for RetryLater {
    type Output = bool;
    const DURABILITY: Durability = Durability::Lazy;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<bool, EmbeddedError> {
        let Some(mut held) = held(transaction, self.lease)? else { return Ok(false) };
        let Attempt { ended_at, cause, error, .. } = &self.failed.attempt;
        // The cause of one whose attempts are used up stays: it says that the job must not be tried once more.
        let cause = (held.ended < held.attempt).then_some(cause.as_str());
        held.add(*ended_at, self.failed.attempt.cause, error);
        let facts = self.failed.facts.as_ref().map(row::to_json).transpose()?;
        let due = transaction.now.after(self.delay).as_millis();
        let sql = "UPDATE job SET state = 'waiting', due_ms = ?2, ended = attempt, attempts = ?3,
                   cause = coalesce(?4, cause), facts = coalesce(?5, facts) WHERE id = ?1";
        transaction.execute(sql, params![held.id, due, attempts_json(held.attempts)?, cause, facts])?;
        count::exchange(transaction, Some((held.lane, JobState::Leased)), Some((held.lane, JobState::Waiting)))?;
        // Those who wait for work must learn of the new moment.
        transaction.job_arrived();
        Ok(true)
    }
}

pub(crate) struct MoveToLane {
    pub(crate) lease: Lease,
    pub(crate) lane: Lane,
}

impl Command for MoveToLane {
    type Output = bool;
    const DURABILITY: Durability = Durability::Lazy;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<bool, EmbeddedError> {
        let Some(held) = held(transaction, self.lease)? else { return Ok(false) };
        transaction.execute("UPDATE job SET lane = ?2 WHERE id = ?1", (self.lease.job_id, self.lane.as_str()))?;
        count::exchange(transaction, Some((held.lane, JobState::Leased)), Some((self.lane, JobState::Leased)))?;
        give_back(transaction, self.lease.job_id, Entry::New)?;
        Ok(true)
    }
}

pub(crate) struct Release(pub(crate) Lease);

impl Command for Release {
    type Output = bool;
    const DURABILITY: Durability = Durability::Lazy;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<bool, EmbeddedError> {
        if held(transaction, self.0)?.is_none() {
            return Ok(false);
        }
        give_back(transaction, self.0.job_id, Entry::Returned)?;
        Ok(true)
    }
}

/// Makes a leased job ready as if it had not been claimed.
fn give_back(transaction: &mut Transaction<'_>, id: i64, entry: Entry) -> Result<(), EmbeddedError> {
    transaction.execute("UPDATE job SET attempt = ended WHERE id = ?1", [id])?;
    make_ready(transaction, id, entry)?;
    transaction.job_arrived();
    Ok(())
}

#[cfg(test)]
mod lease_protocol;
#[cfg(test)]
mod tests;
