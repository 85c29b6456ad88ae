//! The queue: jobs are rows, a claim is a lease with a fencing token.

use crate::commands::queue::{Claim, DiscardJob, Enqueue, Heartbeat, Release, RetryJob, RetryLater, read_job};
use crate::{Embedded, EmbeddedError, row};
use minilab_model::{Attempt, Event, IdempotencyKey, Job, Lease, ObjectRef, Timestamp};
use rusqlite::{Connection, Row};
use std::time::Duration;
use tokio::sync::watch;

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
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
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

/// Which jobs are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobFilter {
    /// Only this state; all when absent.
    pub state: Option<JobState>,
    /// Only jobs with a larger number, to page through them.
    pub after: Option<i64>,
    /// Most jobs.
    pub max: usize,
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
    /// When it entered the queue.
    pub created_at: Timestamp,
    /// When a waiting job can be claimed, a lease runs out, or a job became a dead letter.
    pub due_at: Option<Timestamp>,
    /// Attempts begun.
    pub attempt: u32,
    /// How they ended, those that failed.
    pub attempts: Vec<Attempt>,
}

impl Embedded {
    /// Queues jobs that no event brought: how many of them are new. A job that is queued or dead already is left alone.
    ///
    /// # Errors
    /// Those of every write: [`EmbeddedError::Busy`], [`EmbeddedError::Stopped`].
    pub async fn enqueue(&self, jobs: Vec<Job>) -> Result<usize, EmbeddedError> {
        self.write(Enqueue(jobs)).await
    }

    /// Claims jobs that can be worked on, the oldest first; they belong to the caller for as long as `lease`.
    ///
    /// # Errors
    /// [`EmbeddedError::Stopped`].
    pub async fn claim(&self, max: usize, lease: Duration) -> Result<Vec<LeasedJob>, EmbeddedError> {
        self.write_own(Claim { max, lease }).await
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
    pub async fn retry_later(&self, lease: Lease, attempt: Attempt, delay: Duration) -> Result<bool, EmbeddedError> {
        self.write_own(RetryLater { lease, attempt, delay }).await
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

    /// The earliest moment at which a waiting job is due or a lease runs out; ready jobs do not count.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, EmbeddedError> {
        let sql = "SELECT min(due_ms) FROM (SELECT min(due_ms) AS due_ms FROM job WHERE state = 'waiting'
                   UNION ALL SELECT min(due_ms) FROM job WHERE state = 'leased')";
        let read = |row: &Row<'_>| Ok(row.get::<_, Option<i64>>(0)?.map(Timestamp::from_millis));
        Ok(self.inner.readers.read(move |connection| row::first(connection, sql, (), read)).await?.flatten())
    }

    /// Number of jobs by state.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn queue_counts(&self) -> Result<QueueCounts, EmbeddedError> {
        self.inner.readers.read(counts).await
    }

    /// Jobs in the order in which they came, with what is known of them.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn jobs(&self, filter: JobFilter) -> Result<Vec<JobInfo>, EmbeddedError> {
        self.inner.readers.read(move |connection| jobs(connection, filter)).await
    }

    /// Makes a dead letter or a waiting job ready now, with all its attempts before it; `false` when it is neither.
    ///
    /// # Errors
    /// Those of every write.
    pub async fn retry_job(&self, id: i64) -> Result<bool, EmbeddedError> {
        self.write(RetryJob(id)).await
    }

    /// Forgets a job; `false` when there is none. A worker that holds it loses its lease.
    ///
    /// # Errors
    /// Those of every write.
    pub async fn discard_job(&self, id: i64) -> Result<bool, EmbeddedError> {
        self.write(DiscardJob(id)).await
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

    fn parse(name: &str) -> Self {
        match name {
            "leased" => Self::Leased,
            "waiting" => Self::Waiting,
            "dead" => Self::Dead,
            _ => Self::Ready,
        }
    }
}

/// Number of jobs by state.
pub(crate) fn counts(connection: &Connection) -> Result<QueueCounts, EmbeddedError> {
    let sql = "SELECT (SELECT count(*) FROM job WHERE state = 'ready'), (SELECT count(*) FROM job WHERE state = 'leased'),
                   (SELECT count(*) FROM job WHERE state = 'waiting'), (SELECT count(*) FROM job WHERE state = 'dead')";
    let read = |row: &Row<'_>| {
        let [ready, leased, waiting, dead] = [0, 1, 2, 3].map(|column| row::unsigned(row, column));
        Ok(QueueCounts { ready: ready?, leased: leased?, waiting: waiting?, dead: dead? })
    };
    Ok(row::first(connection, sql, (), read)?.unwrap_or_default())
}

fn jobs(connection: &Connection, filter: JobFilter) -> Result<Vec<JobInfo>, EmbeddedError> {
    // The state stands in the text, so that its index is used.
    let state = filter.state.map(|state| format!("AND state = '{}'", state.as_str())).unwrap_or_default();
    let sql = format!(
        "SELECT event, rule, action, id, state, created_ms, due_ms, attempt, attempts
         FROM job JOIN event USING (sequencer) WHERE id > ?1 {state} ORDER BY id LIMIT ?2"
    );
    let max = i64::try_from(filter.max).unwrap_or(i64::MAX);
    row::all(connection, &sql, (filter.after.unwrap_or(0), max), |row| {
        let job = read_job(row, 0)?;
        let state = JobState::parse(row.get_ref(4)?.as_str()?);
        Ok(JobInfo {
            id: row.get(3)?,
            idempotency_key: job.idempotency_key(),
            job,
            state,
            created_at: row::timestamp(row, 5)?,
            due_at: (state != JobState::Ready).then_some(row::timestamp(row, 6)?),
            attempt: row::number(row, 7)?,
            attempts: row::json(row, 8)?,
        })
    })
}
