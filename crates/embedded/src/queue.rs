//! The queue: jobs are rows, a claim is a lease with a fencing token.

use minilab_model::{Attempt, IdempotencyKey, Job, Lease, Timestamp};

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
