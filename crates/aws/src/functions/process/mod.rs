//! `process`: events in, variants and records out. One function for each tier.
//!
//! Every message ends in one of three ways: done with, in the dead-letter queue with its reason, or given back to be
//! delivered again.

mod asked;
mod observe;
mod report;
#[cfg(test)]
mod tests;

pub use observe::{Observe, ObserveError, S3Observer};

use super::batch::{BatchResponse, Call, QueueMessage};
use super::invocation::{CLOSING, Invocation};
use super::queues::{Outgoing, Queues};
use super::settings::{ProcessSettings, SettingsError};
use super::setup::SetupError;
use super::tiers::{Tier, Tiers};
use crate::Bundle;
use crate::environment;
use asked::AskedOnce;
use futures::{FutureExt as _, StreamExt as _};
use minilab_model::{
    Event, FailureCause, FailureKind, Job, Lane, NotificationSpec, Outcome, Provenance, RuleSet, SnsTarget, error_chain,
};
use minilab_pipeline::event::{Relayed, from_message};
use minilab_pipeline::{
    Catalog, CpuPool, CpuPoolOptions, Finished, InProcess, JobError, ObjectStore, RenderFailure, StageTimes, StoreError, Worker,
    WorkerOptions, job,
};
use report::{Ended, Report};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What stands for the stack's own topic in a row's target: rows are written by functions that need not know its name.
pub const OWN_TOPIC: &str = "stack";

/// Memory that comes with one virtual CPU, in MB (AWS Lambda, "Configure Lambda function memory").
const MB_PER_CPU: u32 = 1769;

/// The function.
pub struct Process<S, C, O, Q> {
    worker: Worker<AskedOnce<S>, C, InProcess>,
    store: AskedOnce<S>,
    observer: O,
    queues: Q,
    rules: Arc<RuleSet>,
    tiers: Tiers,
    /// Which tier this worker is of.
    position: usize,
    dead_letter_queue: Option<String>,
    /// Deliveries before a message is a dead letter.
    attempts: u32,
    /// Messages that are worked on at once.
    concurrency: usize,
}

/// What the function works on.
#[derive(Debug)]
pub struct ProcessParts<S, C, O, Q> {
    /// Where objects are.
    pub store: S,
    /// Where records are.
    pub catalog: C,
    /// What knows the newest version of each source.
    pub observer: O,
    /// Where messages go.
    pub queues: Q,
}

/// A message was not done with, and is to be delivered again.
#[derive(Debug)]
struct Again {
    reason: String,
    /// Whether a line has told of it, and on the last delivery the catalog.
    is_told: bool,
}

impl Again {
    fn untold(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_told: false }
    }

    fn told(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_told: true }
    }
}

/// One delivery of a message.
struct Delivery<'a> {
    /// Which it is, from 1.
    number: u32,
    /// Whether SQS gives up after it.
    is_last: bool,
    /// What the message says, as it came.
    body: &'a str,
    trace: Option<&'a str>,
    work_until: Instant,
}

impl<S: ObjectStore + Clone, C: Catalog, O: Observe, Q: Queues> Process<S, C, O, Q> {
    /// The function over these parts.
    ///
    /// # Errors
    /// [`SetupError`] when the bundle's rules cannot work, or a setting does not go with the bundle.
    pub fn new(bundle: &Bundle, settings: &ProcessSettings, parts: ProcessParts<S, C, O, Q>) -> Result<Self, SetupError> {
        let rules = Arc::new(bundle.rule_set()?);
        let tiers = Tiers::new(&bundle.aws.tiers, &settings.tier_queues)?;
        let named = |name: &String| {
            bundle.aws.tiers.iter().position(|tier| tier.name == *name).ok_or_else(|| {
                let advice = "name one of the bundle's tiers".to_owned();
                SettingsError::Value { name: environment::TIER, value: name.clone(), advice }
            })
        };
        let position = settings.tier.as_ref().map_or(Ok(0), named)?;
        let Some(tier) = bundle.aws.tiers.get(position) else { return Err(SetupError::Empty { what: "tiers" }) };

        let mut limits = bundle.limits;
        // Work that cannot be begun here is handed on, or refused where there is no larger tier: the function's memory is the wall.
        let memory_bytes = u64::from(tier.memory_mb) << 20;
        limits.lanes.small_bytes = if tiers.has_larger(position) { tier.bound_bytes() } else { memory_bytes / 10 * 9 };
        let longest = Duration::from_secs(u64::from(tier.timeout_s)).saturating_sub(2 * CLOSING).max(Duration::from_secs(1));
        limits.decode.wall_time = limits.decode.wall_time.min(longest);
        let cpus = usize::try_from((tier.memory_mb / MB_PER_CPU).max(1)).unwrap_or(1);
        // The small lane, in which all work is done here, has a quarter of the pool's memory.
        let pool =
            CpuPool::new(CpuPoolOptions { running: cpus, large_running: 1, memory_bytes: tier.bound_bytes().saturating_mul(4) });
        let options = WorkerOptions { rules: Arc::clone(&rules), notifications: told(bundle, settings), limits, pool };
        let store = AskedOnce::new(parts.store);
        Ok(Self {
            worker: Worker::new(store.clone(), parts.catalog, InProcess, options),
            store,
            observer: parts.observer,
            queues: parts.queues,
            rules,
            tiers,
            position,
            dead_letter_queue: settings.dead_letter_queue.clone(),
            attempts: bundle.limits.delivery.attempts,
            concurrency: cpus + 1,
        })
    }

    /// Answers one call.
    ///
    /// # Errors
    /// What to tell Lambda, so that it calls again: for an event that came without a queue.
    pub async fn call(&self, call: Call, invocation: &Invocation) -> Result<BatchResponse, String> {
        match call {
            Call::Queue(messages) => {
                let answers = futures::stream::iter(messages.iter().map(|message| self.message(message, invocation)));
                let again: Vec<Option<String>> = answers.buffered(self.concurrency).collect().await;
                Ok(again.into_iter().flatten().collect())
            }
            Call::Direct(event) => {
                let body = event.to_string();
                let delivery = Delivery {
                    number: 1,
                    is_last: false,
                    body: &body,
                    trace: invocation.trace.as_deref(),
                    work_until: invocation.work_until(),
                };
                self.guarded(&delivery).await.map(|()| BatchResponse::default()).map_err(|again| again.reason)
            }
        }
    }

    /// Works on a message; its identifier when it is to be delivered again.
    async fn message(&self, message: &QueueMessage, invocation: &Invocation) -> Option<String> {
        let number = message.delivery();
        let delivery = Delivery {
            number,
            is_last: number >= self.attempts,
            body: &message.body,
            trace: message.trace().or(invocation.trace.as_deref()),
            work_until: invocation.work_until(),
        };
        // What comes once more after its last delivery has told nothing on that one: it may be what ends the function.
        let ended = match (number > self.attempts, invocation.has_time()) {
            (true, _) => Err(Again::untold(format!("nothing was heard of the last of {} deliveries", self.attempts))),
            (false, false) => Err(Again::untold("there was no time left to begin")),
            (false, true) => self.guarded(&delivery).await,
        };
        let again = ended.err()?;
        if !again.is_told {
            self.report(&delivery).message_again(&message.message_id, &again.reason);
            if delivery.is_last {
                // Whatever has panicked may do so again.
                let _ = AssertUnwindSafe(self.abandon(&delivery, &again.reason)).catch_unwind().await;
            }
        }
        Some(message.message_id.clone())
    }

    /// Records why nothing has come of a message that nobody will try again, as far as that is possible.
    async fn abandon(&self, delivery: &Delivery<'_>, reason: &str) {
        for event in from_message(delivery.body.as_bytes()).unwrap_or_default() {
            for job in job::plan(&event, &self.rules) {
                let error = broken(&job, FailureCause::Deadline, reason);
                self.after_retryable(&job, &error, delivery, Ended::default()).await;
            }
        }
    }

    /// A bug costs the message that it shows on, and no other.
    async fn guarded(&self, delivery: &Delivery<'_>) -> Result<(), Again> {
        let ended = AssertUnwindSafe(self.deliver(delivery)).catch_unwind().await;
        ended.unwrap_or_else(|_| Err(Again::untold("the function panicked")))
    }

    async fn deliver(&self, delivery: &Delivery<'_>) -> Result<(), Again> {
        let events = match from_message(delivery.body.as_bytes()) {
            Ok(events) => events,
            Err(error) => {
                let error = error_chain(&error);
                if self.dead_letter_queue.is_none() {
                    return Err(Again::untold(error));
                }
                self.bury(delivery, delivery.body.to_owned(), "malformed", "-", &error).await?;
                self.report(delivery).malformed(&error);
                return Ok(());
            }
        };
        let mut ended = Ok(());
        for event in events {
            // One event that fails leaves nothing undone of the others.
            ended = self.event(&event, delivery).await.and(ended);
        }
        ended
    }

    async fn event(&self, event: &Event, delivery: &Delivery<'_>) -> Result<(), Again> {
        let jobs = job::plan(event, &self.rules);
        if jobs.is_empty() {
            return Ok(());
        }
        match self.observer.observe(event).await {
            Ok(true) => {}
            Ok(false) => {
                self.report(delivery).nothing(event, "superseded");
                return Ok(());
            }
            Err(error) => return self.failed_before(&jobs, &error.into(), delivery).await,
        }
        let ended = self.jobs(event, &jobs, delivery).await;
        self.store.forget(&event.version());
        ended
    }

    /// Does the jobs of an event that is the newest of its source.
    async fn jobs(&self, event: &Event, jobs: &[Job], delivery: &Delivery<'_>) -> Result<(), Again> {
        if event.kind.is_created() {
            let outcome = match self.store.ask(&event.version(), event.size_bytes).await {
                Ok(info) if Provenance::is_marked(info.user_metadata.keys().map(String::as_str)) => Some("variant"),
                Ok(_) => None,
                Err(StoreError::Superseded { .. }) => Some("superseded"),
                Err(error) => return self.failed_before(jobs, &error.into(), delivery).await,
            };
            if let Some(outcome) = outcome {
                self.report(delivery).nothing(event, outcome);
                return Ok(());
            }
        }
        let mut ended = Ok(());
        for job in jobs {
            match self.job(job, delivery).await {
                Ok(Next::Done) => {}
                // The larger tier does all of the event's jobs; what has been done is found as it is.
                Ok(Next::HandedOn) => return ended,
                Err(error) => ended = Err(Again::told(error.chain())),
            }
        }
        ended
    }

    /// Store or catalog failed before the jobs began.
    async fn failed_before(&self, jobs: &[Job], error: &JobError, delivery: &Delivery<'_>) -> Result<(), Again> {
        for job in jobs {
            self.after_retryable(job, error, delivery, Ended::default()).await;
        }
        Err(Again::told(error.chain()))
    }

    /// Does one job to its end. The error is for another delivery to overcome, and has been told.
    async fn job(&self, job: &Job, delivery: &Delivery<'_>) -> Result<Next, JobError> {
        let (began, mut times) = (Instant::now(), StageTimes::default());
        let done = self.attempt(job, delivery, &mut times).await;
        if let Err(error) = &done {
            self.after_retryable(job, error, delivery, Ended { took: began.elapsed(), times }).await;
        }
        done
    }

    async fn attempt(&self, job: &Job, delivery: &Delivery<'_>, times: &mut StageTimes) -> Result<Next, JobError> {
        let began = Instant::now();
        let ran = self.run(job, delivery.work_until, times).await;
        let ended = Ended { took: began.elapsed(), times: *times };
        let error = match ran {
            Ok(Finished::TooLarge { estimated_bytes }) => match self.larger(estimated_bytes) {
                Some(tier) => return self.hand_on(job, tier, estimated_bytes, delivery).await,
                None => too_large(job, estimated_bytes),
            },
            Ok(finished) => {
                self.report(delivery).finished(job, finished, &ended);
                return Ok(Next::Done);
            }
            Err(error) if error.kind() == FailureKind::Retryable => return Err(error),
            Err(error) => error,
        };
        self.worker.give_up(job, &error, None).await?;
        let relayed = Relayed { event: job.event.clone(), trace: delivery.trace.map(str::to_owned) };
        let body = serde_json::to_string(&relayed).unwrap_or_else(|_| delivery.body.to_owned());
        self.bury(delivery, body, error.cause().as_str(), &job.rule, &error.chain()).await.map_err(unsent)?;
        self.report(delivery).failed(job, &error, &ended);
        Ok(Next::Done)
    }

    /// Runs a job within the call's time. What the function's own code does to the job is a failure of the job.
    async fn run(&self, job: &Job, until: Instant, times: &mut StageTimes) -> Result<Finished, JobError> {
        let work = AssertUnwindSafe(self.worker.run_timed(job, Lane::Small, None, times)).catch_unwind();
        match tokio::time::timeout_at(until.into(), work).await {
            Ok(Ok(ran)) => ran,
            Ok(Err(_)) => Err(broken(job, FailureCause::WorkerDied, "the function panicked")),
            Err(_) => Err(broken(job, FailureCause::Deadline, "the call's time was over before the work was")),
        }
    }

    /// Another delivery may help. When there is none, the catalog is to say why.
    async fn after_retryable(&self, job: &Job, error: &JobError, delivery: &Delivery<'_>, ended: Ended) {
        if !delivery.is_last {
            self.report(delivery).retried(job, error, &ended);
            return;
        }
        match self.worker.give_up(job, error, None).await {
            Ok(_) => self.report(delivery).failed(job, error, &ended),
            Err(second) => self.report(delivery).failed(job, &second, &ended),
        }
    }

    /// The tier that work of this size belongs to, when it is a larger one than this.
    fn larger(&self, estimated_bytes: u64) -> Option<&Tier> {
        let position = self.tiers.position_for(estimated_bytes).max(self.position + 1);
        self.tiers.get(position).filter(|tier| !tier.queue.is_empty())
    }

    async fn hand_on(&self, job: &Job, tier: &Tier, estimated_bytes: u64, delivery: &Delivery<'_>) -> Result<Next, JobError> {
        let trace = delivery.trace.map(str::to_owned);
        let relayed = Relayed { event: job.event.clone(), trace: trace.clone() };
        let body = serde_json::to_string(&relayed).map_err(|error| unsent(Again::untold(error.to_string())))?;
        self.send(&tier.queue, Outgoing { body, attributes: Vec::new(), trace }).await.map_err(unsent)?;
        self.report(delivery).handed_on(job, &tier.name, estimated_bytes);
        Ok(Next::HandedOn)
    }

    /// Puts a message among the dead letters, with the reason beside it. Without such a queue the catalog alone tells.
    async fn bury(&self, delivery: &Delivery<'_>, body: String, cause: &str, rule: &str, error: &str) -> Result<(), Again> {
        let Some(queue) = &self.dead_letter_queue else { return Ok(()) };
        let attributes = vec![("cause", cause.to_owned()), ("rule", rule.to_owned()), ("error", error.to_owned())];
        self.send(queue, Outgoing { body, attributes, trace: delivery.trace.map(str::to_owned) }).await
    }

    async fn send(&self, queue: &str, message: Outgoing) -> Result<(), Again> {
        let sent = self.queues.send(queue, vec![message]).await;
        sent.into_iter().next().unwrap_or(Ok(())).map_err(|error| Again::untold(error.to_string()))
    }

    fn report(&self, delivery: &Delivery<'_>) -> Report {
        let tier = self.tiers.get(self.position).map(|tier| tier.name.clone()).unwrap_or_default();
        Report { tier, delivery: delivery.number, trace: delivery.trace.map(str::to_owned) }
    }
}

/// What becomes of an event after one of its jobs.
enum Next {
    /// The next job.
    Done,
    /// Nothing more here.
    HandedOn,
}

/// Who is told: those of the configuration, and the stack's own topics.
fn told(bundle: &Bundle, settings: &ProcessSettings) -> Vec<NotificationSpec> {
    let own = |sns, email| NotificationSpec {
        on: vec![Outcome::Processed, Outcome::Failed, Outcome::Removed],
        rules: Vec::new(),
        webhook: None,
        email,
        sns,
        log: false,
    };
    let topic = settings.topic.as_ref().map(|_| own(Some(SnsTarget { topic_arn: OWN_TOPIC.to_owned(), endpoint: None }), None));
    let to = bundle.aws.emails.clone();
    let email = minilab_model::EmailTarget { to, digest_minutes: bundle.aws.digest_minutes, max_per_hour: 60 };
    // Whoever is told by e-mail of some outcomes alone shall not get all.
    let is_asked = !bundle.aws.emails.is_empty() || bundle.notifications.iter().all(|spec| spec.email.is_none());
    let digest = (settings.digests && is_asked).then(|| own(None, Some(email)));
    bundle.notifications.iter().cloned().chain(topic).chain(digest).collect()
}

fn too_large(job: &Job, estimated_bytes: u64) -> JobError {
    let message = format!("its work is estimated to take {estimated_bytes} bytes, and no tier has as much memory");
    broken(job, FailureCause::OverLimit, &message)
}

/// A message that could not be sent leaves its job to another delivery.
fn unsent(again: Again) -> JobError {
    StoreError::Unavailable(again.reason.into()).into()
}

fn broken(job: &Job, cause: FailureCause, message: &str) -> JobError {
    let error = RenderFailure { cause, message: message.to_owned() };
    JobError::Image { source_object: job.event.object(), error, facts: None }
}
