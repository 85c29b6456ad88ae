//! Claims: a job becomes a worker's, for as long as its lease.

use super::fair::{self, Entry};
use super::{attempts_json, count, read_job, state};
use crate::writer::{Command, Durability, Transaction};
use crate::{ClaimOptions, EmbeddedError, JobState, LeasedJob, row};
use minilab_model::{Attempt, FailureCause, Lane, Lease, Timestamp};
use rusqlite::{Row, params};

pub(super) const WAITING: &str =
    "SELECT id FROM job WHERE state = 'waiting' AND lane = ?2 AND due_ms <= ?3 ORDER BY due_ms LIMIT ?1";
pub(super) const LEASED: &str = "SELECT id FROM job WHERE state = 'leased' AND lane = ?2 AND due_ms <= ?3 ORDER BY due_ms LIMIT ?1";
/// A job whose attempts are used up, the last of them without an answer, is claimed to be given up: that is no attempt.
pub(super) const CLAIM: &str = "UPDATE job SET state = 'leased', token = token + 1, due_ms = ?2,
        attempt = attempt + iif(attempt >= ?3 AND cause IS 'lease_expired', 0, 1) WHERE id = ?1
    RETURNING (SELECT event FROM event WHERE event.sequencer = job.sequencer), rule, action, token, attempt, attempts, attempt = ended";

pub(crate) struct Claim(pub(crate) ClaimOptions);

impl Command for Claim {
    type Output = Vec<LeasedJob>;
    // A claim that a power failure undoes is made again.
    const DURABILITY: Durability = Durability::Lazy;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<Vec<LeasedJob>, EmbeddedError> {
        let ClaimOptions { lane, max, lease } = self.0;
        let limit = i64::try_from(max).unwrap_or(i64::MAX);
        let now = transaction.now;
        // What is due enters the competition, at most as much as is claimed.
        let due: Vec<i64> = transaction.all(WAITING, (limit, lane.as_str(), now.as_millis()), |row| row.get(0))?;
        for id in due {
            make_ready(transaction, id, Entry::Again)?;
        }
        let slept: Vec<i64> = transaction.all(LEASED, (limit, lane.as_str(), now.as_millis()), |row| row.get(0))?;
        for id in slept {
            expire(transaction, id, "the worker did not answer before its lease ran out", None)?;
        }
        let until = now.after(lease).as_millis();
        let mut claimed = Vec::new();
        while claimed.len() < max {
            let Some(id) = fair::take_next(transaction, lane)? else { break };
            count::exchange(transaction, Some((lane, JobState::Ready)), Some((lane, JobState::Leased)))?;
            claimed.push(claim(transaction, id, until)?);
        }
        Ok(claimed)
    }
}

fn claim(transaction: &Transaction<'_>, id: i64, until: i64) -> Result<LeasedJob, EmbeddedError> {
    let claimed = transaction.first(CLAIM, (id, until, transaction.limits.attempts), |row| {
        Ok(LeasedJob {
            lease: Lease { job_id: id, token: row.get(3)? },
            job: read_job(row, 0)?,
            attempt: row::number(row, 4)?,
            attempts: row::json(row, 5)?,
            exhausted: row.get(6)?,
        })
    })?;
    claimed.ok_or_else(|| EmbeddedError::corrupt(format!("job {id} is missing")))
}

/// Makes a job ready that is not.
pub(super) fn make_ready(transaction: &Transaction<'_>, id: i64, entry: Entry) -> Result<(), EmbeddedError> {
    let sql = "SELECT event, rule, action, lane, priority, state FROM job JOIN event USING (sequencer) WHERE id = ?1";
    let read = |row: &Row<'_>| Ok((read_job(row, 0)?, fair::lane(row, 3)?, fair::priority(row, 4)?, state(row, 5)?));
    let found = transaction.first(sql, [id], read)?;
    let (job, lane, priority, former) = found.ok_or_else(|| EmbeddedError::corrupt(format!("job {id} has no event")))?;
    let place = fair::enter(transaction, &job, (lane, priority), entry)?;
    let sql = "UPDATE job SET state = 'ready', due_ms = ?2, flow = ?3, share = ?4, rank = ?5 WHERE id = ?1";
    transaction.execute(sql, params![id, transaction.now.as_millis(), place.flow, place.share, place.rank])?;
    count::exchange(transaction, Some((lane, former)), Some((lane, JobState::Ready)))
}

/// Ends an attempt of which nothing was heard. The job is ready again, or waits until `due`.
pub(crate) fn expire(transaction: &Transaction<'_>, id: i64, error: &str, due: Option<Timestamp>) -> Result<(), EmbeddedError> {
    let sql = "SELECT attempt, ended, attempts, lane FROM job WHERE id = ?1";
    let read = |row: &Row<'_>| Ok((row::number(row, 0)?, row::number::<u32>(row, 1)?, row::json(row, 2)?, fair::lane(row, 3)?));
    let found = transaction.first(sql, [id], read)?;
    let (attempt, ended, mut attempts, lane): (u32, u32, Vec<Attempt>, Lane) =
        found.ok_or_else(|| EmbeddedError::corrupt(format!("job {id} is missing")))?;
    if ended < attempt {
        let cause = FailureCause::LeaseExpired;
        attempts.push(Attempt { number: attempt, ended_at: transaction.now, cause, error: error.to_owned() });
        let sql = "UPDATE job SET ended = attempt, attempts = ?2, cause = ?3 WHERE id = ?1";
        transaction.execute(sql, params![id, attempts_json(attempts)?, cause.as_str()])?;
    }
    match due {
        None => make_ready(transaction, id, Entry::Again),
        Some(due) => {
            transaction.execute("UPDATE job SET state = 'waiting', due_ms = ?2 WHERE id = ?1", (id, due.as_millis()))?;
            count::exchange(transaction, Some((lane, JobState::Leased)), Some((lane, JobState::Waiting)))
        }
    }
}
