use super::words;
use minilab_embedded::{JobInfo, JobState};
use minilab_model::{Action, Attempt, Event, FailureCause, HeaderFacts, IdempotencyKey, Lane, ObjectRef, Priority, Timestamp};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// Some jobs, in the order in which they came.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Jobs {
    /// The jobs.
    pub jobs: Vec<JobSummary>,
    /// What to give as `after` to get those that follow; `None` when none do.
    pub next: Option<i64>,
}

/// A job in a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobSummary {
    /// The queue's number for it.
    pub id: i64,
    /// Where it stands.
    pub state: JobState,
    /// The image.
    #[serde(flatten)]
    pub source: ObjectRef,
    /// The rule.
    pub rule: String,
    /// What is to be done.
    pub action: Action,
    /// Where it is worked on.
    pub lane: Lane,
    /// How much of the queue's attention it gets.
    pub priority: Priority,
    /// Attempts begun since it was queued or last retried.
    pub attempt: u32,
    /// What went wrong last, in one word.
    pub cause: Option<FailureCause>,
    /// What went wrong last, as people say it.
    pub reason: Option<String>,
    /// What to do about it.
    pub advice: Option<String>,
    /// The last error with its chain.
    pub error: Option<String>,
    /// When it was queued.
    pub created_at: Timestamp,
    /// Waiting: when it is tried again. Leased: when the lease ends. Dead: when it was given up. Ready: absent.
    pub due_at: Option<Timestamp>,
}

/// Everything about a job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobDetail {
    /// What a list says of it.
    #[serde(flatten)]
    pub summary: JobSummary,
    /// Names it for good.
    pub idempotency_key: IdempotencyKey,
    /// How its attempts ended, those that failed, the first one first.
    pub attempts: Vec<Attempt>,
    /// What the source's header said, when it could be read.
    pub facts: Option<HeaderFacts>,
    /// The event that asked for it.
    pub event: Event,
}

impl From<JobInfo> for JobSummary {
    fn from(info: JobInfo) -> Self {
        Self::of(&info)
    }
}

impl JobSummary {
    fn of(info: &JobInfo) -> Self {
        let cause = info.cause;
        Self {
            id: info.id,
            state: info.state,
            source: info.job.event.object(),
            rule: info.job.rule.clone(),
            action: info.job.action,
            lane: info.lane,
            priority: info.priority,
            attempt: info.attempt,
            cause,
            reason: cause.map(|cause| words::reason(cause).to_owned()),
            advice: cause.map(|cause| words::advice(cause).to_owned()),
            error: info.attempts.last().map(|attempt| attempt.error.clone()),
            created_at: info.created_at,
            due_at: info.due_at,
        }
    }
}

impl From<JobInfo> for JobDetail {
    fn from(info: JobInfo) -> Self {
        Self {
            summary: JobSummary::of(&info),
            idempotency_key: info.idempotency_key,
            attempts: info.attempts,
            facts: info.facts,
            event: info.job.event,
        }
    }
}

/// Which jobs are to be retried or discarded: exactly one of the three.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobRequest {
    /// These.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<i64>>,
    /// All that are like this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matching: Option<JobCriteria>,
    /// All dead letters.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

/// What jobs have in common. What is not said does not narrow, but for the state: that is `dead` unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobCriteria {
    /// Where they stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<JobState>,
    /// What went wrong last.
    #[serde(default, deserialize_with = "known_cause", skip_serializing_if = "Option::is_none")]
    pub cause: Option<FailureCause>,
    /// The source's bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// How the source's key begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

/// A name that is no cause is a mistake here, while a record of a newer version may hold one.
fn known_cause<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<FailureCause>, D::Error> {
    let name = Option::<String>::deserialize(deserializer)?;
    name.map(|name| name.parse().map_err(D::Error::custom)).transpose()
}
