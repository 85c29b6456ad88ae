//! The queue: jobs are rows, a claim is a lease with a fencing token.

mod report;
mod selection;

pub use report::QueueReport;
pub use selection::{JobFilter, JobMatch, JobSelection};

pub(crate) use report::recount;

/// Jobs that are queued, read or changed in one transaction.
const CHUNK: usize = 100;

use crate::commands::queue::{self, Claim, DiscardJobs, Enqueue, Heartbeat, MoveToLane, Release, RetryJobs, RetryLater};
use crate::writer::Transaction;
use crate::{Embedded, EmbeddedError, StoreLimits, random, row};
use minilab_model::{
    Attempt, DeliveryLimits, Event, FailureCause, HeaderFacts, IdempotencyKey, Job, Lane, Lease, ObjectRef, Priority, Timestamp,
};
use rusqlite::{Connection, Row, TransactionBehavior};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Which jobs are claimed, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimOptions {
    /// The lane.
    pub lane: Lane,
    /// Most jobs.
    pub max: usize,
    /// How long they belong to the caller without a heartbeat.
    pub lease: Duration,
}

/// An attempt that failed, and what is known of its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedAttempt {
    /// How it ended.
    pub attempt: Attempt,
    /// What the source's header said, when it could be read.
    pub facts: Option<HeaderFacts>,
}

/// A job that now belongs to a worker.
#[derive(Debug, Clone)]
pub struct LeasedJob {
    /// The right to end it.
    pub lease: Lease,
    /// What is to be done.
    pub job: Job,
    /// Which attempt this is, counting from 1. An attempt whose lease ran out, or whose process died, counts; a released
    /// one does not.
    pub attempt: u32,
    /// How earlier attempts ended.
    pub attempts: Vec<Attempt>,
    /// All attempts ([`StoreLimits::attempts`](crate::StoreLimits::attempts)) are used up, the last of them without an
    /// answer: the job may be what ends the process, and is to be given up without being run. This claim is no attempt.
    pub exhausted: bool,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Can be claimed.
    Ready,
    /// Belongs to a worker until its lease runs out.
    Leased,
    /// Failed and waits to be tried again.
    Waiting,
    /// Failed for good: a dead letter, kept 14 days.
    Dead,
}

/// Number of jobs by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct QueueCounts {
    /// Can be claimed.
    pub ready: u64,
    /// Belong to a worker.
    pub leased: u64,
    /// Wait to be tried again.
    pub waiting: u64,
    /// Dead letters.
    pub dead: u64,
}

/// What is known of a job.
#[derive(Debug, Clone)]
pub struct JobInfo {
    /// The queue's number for it.
    pub id: i64,
    /// Names it for good.
    pub idempotency_key: IdempotencyKey,
    /// What is to be done, with the facts of its source.
    pub job: Job,
    /// Where it stands.
    pub state: JobState,
    /// Where it is worked on.
    pub lane: Lane,
    /// How much of the queue's attention it gets.
    pub priority: Priority,
    /// When it entered the queue.
    pub created_at: Timestamp,
    /// When a waiting job can be claimed, a lease runs out, or a job became a dead letter.
    pub due_at: Option<Timestamp>,
    /// Attempts begun.
    pub attempt: u32,
    /// How they ended, those that failed; the last 20.
    pub attempts: Vec<Attempt>,
    /// What kind of failure the last of them was.
    pub cause: Option<FailureCause>,
    /// What the source's header said, when an attempt that failed could read it.
    pub facts: Option<HeaderFacts>,
}

impl Embedded {
    /// Queues jobs that no event brought: how many of them are new. A job that is queued or dead already is left alone. Many
    /// jobs are many transactions: after an error, those before it are queued.
    ///
    /// # Errors
    /// Those of every write: [`EmbeddedError::Busy`], [`EmbeddedError::Stopped`].
    pub async fn enqueue(&self, jobs: Vec<Job>, priority: Priority) -> Result<usize, EmbeddedError> {
        let mut jobs = jobs.into_iter();
        let mut queued = 0;
        loop {
            let chunk: Vec<Job> = jobs.by_ref().take(CHUNK).collect();
            if chunk.is_empty() {
                return Ok(queued);
            }
            queued += self.write(Enqueue { jobs: chunk, priority }).await?;
        }
    }

    /// Claims jobs of a lane that can be worked on; they belong to the caller for as long as the lease.
    ///
    /// # Errors
    /// [`EmbeddedError::Stopped`].
    pub async fn claim(&self, claim: ClaimOptions) -> Result<Vec<LeasedJob>, EmbeddedError> {
        self.write_own(Claim(claim)).await
    }

    /// Makes leases last for `lease` from now; those that are lost.
    ///
    /// # Errors
    /// [`EmbeddedError::Stopped`].
    pub async fn heartbeat(&self, leases: &[Lease], lease: Duration) -> Result<Vec<Lease>, EmbeddedError> {
        self.write_own(Heartbeat { leases: leases.to_vec(), lease }).await
    }

    /// Gives a failed job back, to be tried again after `delay`; `false` when the lease was lost.
    ///
    /// # Errors
    /// [`EmbeddedError::Stopped`].
    pub async fn retry_later(&self, lease: Lease, failed: FailedAttempt, delay: Duration) -> Result<bool, EmbeddedError> {
        self.write_own(RetryLater { lease, failed, delay }).await
    }

    /// Gives a job back to be claimed in another lane, as if it had not been claimed; `false` when the lease was lost.
    ///
    /// # Errors
    /// [`EmbeddedError::Stopped`].
    pub async fn move_to_lane(&self, lease: Lease, lane: Lane) -> Result<bool, EmbeddedError> {
        self.write_own(MoveToLane { lease, lane }).await
    }

    /// Gives a job back that was not worked on, as if it had not been claimed; `false` when the lease was lost.
    ///
    /// # Errors
    /// [`EmbeddedError::Stopped`].
    pub async fn release(&self, lease: Lease) -> Result<bool, EmbeddedError> {
        self.write_own(Release(lease)).await
    }

    /// Changes whenever a job can be claimed, or will be at another time than before. The change comes after the job can
    /// be seen.
    #[must_use]
    pub fn job_arrivals(&self) -> watch::Receiver<u64> {
        self.inner.arrivals.jobs.subscribe()
    }

    /// The earliest moment at which a waiting job of a lane is due or a lease runs out; ready jobs do not count.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn next_due(&self, lane: Lane) -> Result<Option<Timestamp>, EmbeddedError> {
        let sql = "SELECT min(due_ms) FROM (SELECT min(due_ms) AS due_ms FROM job WHERE state = 'waiting' AND lane = ?1
                   UNION ALL SELECT min(due_ms) FROM job WHERE state = 'leased' AND lane = ?1)";
        let read = |row: &Row<'_>| Ok(row.get::<_, Option<i64>>(0)?.map(Timestamp::from_millis));
        let find = move |connection: &Connection| row::first(connection, sql, [lane.as_str()], read);
        Ok(self.inner.readers.read(find).await?.flatten())
    }

    /// Makes a dead letter or a waiting job ready now, with all its attempts before it; `false` when it is neither.
    ///
    /// # Errors
    /// Those of every write.
    pub async fn retry_job(&self, id: i64) -> Result<bool, EmbeddedError> {
        Ok(self.write(RetryJobs(vec![id])).await? == 1)
    }

    /// Forgets a job; `false` when there is none. A worker that holds it loses its lease.
    ///
    /// # Errors
    /// Those of every write.
    pub async fn discard_job(&self, id: i64) -> Result<bool, EmbeddedError> {
        Ok(self.write(DiscardJobs { ids: vec![id], state: None }).await? == 1)
    }

    /// The event of the newest job about this source that is to process it and has not ended.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn pending_job(&self, source: &ObjectRef) -> Result<Option<Event>, EmbeddedError> {
        let source = source.clone();
        let sql = "SELECT event FROM event WHERE bucket = ?1 AND key = ?2 AND EXISTS
                   (SELECT 1 FROM job WHERE job.sequencer = event.sequencer AND action = 'process' AND state <> 'dead')
                   ORDER BY sequencer DESC LIMIT 1";
        let find = move |connection: &Connection| {
            row::first(connection, sql, (source.bucket.as_str(), row::key_bytes(&source)), |row| row::json(row, 0))
        };
        self.inner.readers.read(find).await
    }
}

impl JobState {
    /// The state's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Leased => "leased",
            Self::Waiting => "waiting",
            Self::Dead => "dead",
        }
    }

    pub(crate) fn parse(name: &str) -> Self {
        match name {
            "leased" => Self::Leased,
            "waiting" => Self::Waiting,
            "dead" => Self::Dead,
            _ => Self::Ready,
        }
    }
}

/// Takes back what was claimed: the lock on the data directory proves that whoever claimed it is dead. Each claim was an
/// attempt of which nothing was heard.
///
/// A job that meets its first such end is ready at once. From the second on it waits like any that failed, so that those
/// which merely ran beside the one that ends the process are not all claimed together with it time and again.
pub(crate) fn free_leases(connection: &mut Connection, limits: &StoreLimits, now: Timestamp) -> Result<(), EmbeddedError> {
    let leased = row::all(connection, "SELECT id, attempt FROM job WHERE state = 'leased'", (), |row| {
        Ok((row.get::<_, i64>(0)?, row::number::<u32>(row, 1)?))
    })?;
    if leased.is_empty() {
        return Ok(());
    }
    tracing::info!(jobs = leased.len(), "jobs were under way when the process before ended; they are tried again");
    let written = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let transaction = Transaction::new(&written, Arc::new(|_| Vec::new()), limits, now, 0);
    for (id, attempt) in leased {
        let due = match attempt {
            0 | 1 => None,
            _ => Some(now.after(jittered(DeliveryLimits::default().backoff_ceiling(attempt)))),
        };
        queue::expire(&transaction, id, "the process ended while the job was under way", due)?;
    }
    drop(transaction);
    Ok(written.commit()?)
}

/// A wait drawn evenly from zero to `ceiling`. Without random bits it is the longest.
fn jittered(ceiling: Duration) -> Duration {
    let fraction = random::bits().map_or(1.0, |bits| f64::from(bits[0]) / 255.0);
    ceiling.mul_f64(fraction)
}
