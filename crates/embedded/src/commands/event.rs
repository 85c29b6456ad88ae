//! Events and the jobs that follow from them, in the transaction that makes them true.

use super::queue::{self, Place};
use crate::EmbeddedError;
use crate::row::{key_bytes, to_json};
use crate::writer::Transaction;
use minilab_model::{Action, Event, Job, Priority};
use rusqlite::params;

/// Events of an object before another one.
pub(super) const OLDER: &str = "SELECT sequencer FROM event WHERE bucket = ?1 AND key = ?2 AND sequencer < ?3";
/// Whether a job is queued or dead already.
pub(super) const KNOWN: &str = "SELECT 1 FROM job WHERE idempotency_key = ?1";
/// Jobs of an event and rule that nobody works on. The plus keeps SQLite from going through all that are ready.
pub(super) const IDLE: &str = "SELECT id FROM job WHERE sequencer = ?1 AND rule = ?2 AND +state IN ('ready', 'waiting', 'dead')";
/// An event without jobs.
pub(super) const FORGET: &str = "DELETE FROM event WHERE sequencer = ?1 AND NOT EXISTS (SELECT 1 FROM job WHERE sequencer = ?1)";

/// Asks the planner for an event's jobs and queues them. An event that no rule wants leaves nothing behind.
pub(crate) fn emit(transaction: &mut Transaction<'_>, event: &Event) -> Result<(), EmbeddedError> {
    let jobs = transaction.plan(event);
    enqueue(transaction, &jobs, Priority::Foreground)?;
    Ok(())
}

/// Queues jobs with their events; how many of them are new. One that is known by its idempotency key is left alone.
pub(crate) fn enqueue(transaction: &mut Transaction<'_>, jobs: &[Job], priority: Priority) -> Result<usize, EmbeddedError> {
    let mut queued = 0;
    for job in jobs {
        drop_superseded(transaction, job)?;
        let key = job.idempotency_key();
        if transaction.first(KNOWN, [key.as_str()], |_| Ok(()))?.is_some() {
            continue;
        }
        let place = queue::enter(transaction, job, priority)?;
        let sql =
            "INSERT INTO job (idempotency_key, sequencer, rule, action, state, due_ms, created_ms, priority, flow, share, rank)
                   VALUES (?1, ?2, ?3, ?4, 'ready', ?5, ?5, ?6, ?7, ?8, ?9)";
        let (sequencer, now) = (job.event.sequencer.0 as i64, transaction.now.as_millis());
        let (action, priority) = (action_name(job.action), priority.as_str());
        let Place { flow, share, rank } = place;
        transaction.execute(sql, params![key.as_str(), sequencer, job.rule, action, now, priority, flow, share, rank])?;
        let sql = "INSERT INTO event (sequencer, bucket, key, event) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
        let object = job.event.object();
        transaction.execute(sql, params![sequencer, object.bucket.as_str(), key_bytes(&object), to_json(&job.event)?])?;
        transaction.job_arrived();
        queued += 1;
    }
    Ok(queued)
}

/// Drops jobs of the same rule for older versions that nobody is working on: they would find themselves superseded. So
/// does a dead letter that is tried again; a file that was replaced or deleted is no longer a failure to look after.
fn drop_superseded(transaction: &Transaction<'_>, job: &Job) -> Result<(), EmbeddedError> {
    let object = job.event.object();
    let parameters = params![object.bucket.as_str(), key_bytes(&object), job.event.sequencer.0 as i64];
    let older: Vec<i64> = transaction.all(OLDER, parameters, |row| row.get(0))?;
    for sequencer in older {
        for id in transaction.all(IDLE, params![sequencer, job.rule], |row| row.get(0))? {
            queue::end_job(transaction, id)?;
        }
    }
    Ok(())
}

/// Forgets an event whose last job is over.
pub(crate) fn forget_finished(transaction: &Transaction<'_>, sequencer: i64) -> Result<(), EmbeddedError> {
    transaction.execute(FORGET, [sequencer])?;
    Ok(())
}

/// An action as it is stored.
pub(crate) fn action_name(action: Action) -> &'static str {
    match action {
        Action::Process => "process",
        Action::Remove => "remove",
    }
}
