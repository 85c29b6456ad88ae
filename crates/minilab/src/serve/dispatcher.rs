//! Claims jobs from the embedded queue and gives them to the worker: leases, heartbeats, retries, dead letters.

use super::metrics::{AttemptEnd, Counters, result};
use super::renderer::ServerRenderer;
use crate::error_chain::one_line;
use minilab_embedded::{ClaimOptions, Embedded, FailedAttempt, LeasedJob};
use minilab_model::{Attempt, DeliveryLimits, Format, Lane, Lease, Timestamp};
use minilab_pipeline::job::{Next, after_failure};
use minilab_pipeline::{CpuPoolOptions, Finished, JobError, Stage, StageTimes, Worker};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::Instrument as _;

/// The worker of an embedded server.
pub type EmbeddedWorker = Worker<Embedded, Embedded, ServerRenderer>;

/// How long jobs under way may go on after the order to stop; what is not done then is given back.
const DRAIN: Duration = Duration::from_secs(20);
/// How long to wait after the queue itself failed.
const PAUSE: Duration = Duration::from_secs(1);

/// What the dispatchers of all lanes share.
#[derive(Clone)]
pub struct Dispatchers {
    pub store: Embedded,
    /// The worker in force: replaced as a whole when the rules are. A job under way ends with the one it began with.
    pub worker: watch::Receiver<Arc<EmbeddedWorker>>,
    pub limits: DeliveryLimits,
    /// Where attempts are counted.
    pub counters: Arc<Counters>,
}

impl Dispatchers {
    /// Starts one for each lane. It claims twice as many jobs as the lane has places: while some are worked on, others
    /// read and write.
    pub fn start(&self, tasks: &mut JoinSet<()>, pool: CpuPoolOptions, shutdown: &watch::Receiver<bool>) {
        for (lane, places) in [(Lane::Small, pool.running), (Lane::Large, pool.large_running)] {
            let dispatcher = Dispatcher { shared: self.clone(), lane, concurrency: 2 * places };
            tasks.spawn(dispatcher.run(shutdown.clone()));
        }
    }
}

/// Runs the jobs of one lane until `shutdown` says true.
struct Dispatcher {
    shared: Dispatchers,
    lane: Lane,
    /// Jobs under way at once.
    concurrency: usize,
}

type Held = Arc<Mutex<HashSet<Lease>>>;

impl Dispatcher {
    /// Claims and runs jobs; returns when all under way are done or given back.
    async fn run(self, mut shutdown: watch::Receiver<bool>) {
        let held = Held::default();
        let heartbeat = tokio::spawn(keep_alive(self.shared.store.clone(), self.shared.limits, Arc::clone(&held)));
        let mut arrivals = self.shared.store.job_arrivals();
        let mut tasks = JoinSet::new();
        while !*shutdown.borrow() {
            arrivals.mark_unchanged();
            let free = self.concurrency.saturating_sub(tasks.len());
            let mut pause = None;
            if free > 0 {
                let claim = ClaimOptions { lane: self.lane, max: free, lease: self.shared.limits.lease };
                match self.shared.store.claim(claim).await {
                    Ok(claimed) => {
                        for job in claimed {
                            self.start(job, &held, &mut tasks);
                        }
                    }
                    Err(error) => {
                        tracing::error!(error = one_line(&error), "jobs cannot be claimed");
                        pause = Some(PAUSE);
                    }
                }
            }
            let has_room = tasks.len() < self.concurrency;
            let due = async {
                match pause {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => self.until_due().await,
                }
            };
            tokio::select! {
                _ = shutdown.wait_for(|stop| *stop) => break,
                Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
                () = due, if has_room => {}
                _ = arrivals.changed(), if has_room && pause.is_none() => {}
            }
        }
        self.drain(tasks, &held).await;
        heartbeat.abort();
    }

    fn start(&self, leased: LeasedJob, held: &Held, tasks: &mut JoinSet<()>) {
        let (store, worker, limits, held) =
            (self.shared.store.clone(), Arc::clone(&self.shared.worker.borrow()), self.shared.limits, Arc::clone(held));
        let (lane, counters) = (self.lane, Arc::clone(&self.shared.counters));
        lock(&held).insert(leased.lease);
        let span = span(&leased);
        let job = async move {
            work(&store, &worker, &limits, lane, &leased, &counters).await;
            lock(&held).remove(&leased.lease);
        };
        tasks.spawn(job.instrument(span));
    }

    /// Waits until a job that waits for its time can be claimed; for ever when there is none.
    async fn until_due(&self) {
        match self.shared.store.next_due(self.lane).await {
            Ok(Some(due)) => {
                let now = Timestamp::from(SystemTime::now());
                let wait = u64::try_from(due.as_millis() - now.as_millis()).unwrap_or(0);
                tokio::time::sleep(Duration::from_millis(wait.max(10))).await;
            }
            Ok(None) => std::future::pending().await,
            Err(error) => {
                tracing::error!(error = one_line(&error), "the queue cannot be read");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    async fn drain(&self, mut tasks: JoinSet<()>, held: &Held) {
        let all_done = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN, all_done).await.is_ok() {
            return;
        }
        tasks.shutdown().await;
        let left: Vec<Lease> = lock(held).drain().collect();
        tracing::warn!(jobs = left.len(), "jobs were still under way and are given back");
        for lease in left {
            if let Err(error) = self.shared.store.release(lease).await {
                tracing::warn!(error = one_line(&error), "a job could not be given back; the next start frees it");
            }
        }
    }
}

async fn work(
    store: &Embedded,
    worker: &EmbeddedWorker,
    limits: &DeliveryLimits,
    lane: Lane,
    leased: &LeasedJob,
    counters: &Counters,
) {
    let (started, mut times) = (Instant::now(), StageTimes::default());
    let (event, attempt) = (&leased.job.event, leased.attempt);
    let ran = match leased.exhausted {
        // Run once more it might end this process, too.
        true => Err(JobError::Abandoned { source_object: event.object(), attempts: attempt }),
        false => worker.run_timed(&leased.job, lane, Some(leased.lease), &mut times).await,
    };
    let ended = match ran {
        Ok(Finished::TooLarge { estimated_bytes }) => {
            tracing::debug!(estimated_bytes, "the job goes to the large lane");
            match store.move_to_lane(leased.lease, Lane::Large).await {
                Ok(true) => {}
                Ok(false) => tracing::info!("somebody else holds the job by now"),
                // The lease runs out by itself, and the job is claimed again then.
                Err(error) => tracing::error!(error = one_line(&error), "the job could not be moved to the large lane"),
            }
            return;
        }
        Ok(finished) => {
            counters.finished(event, finished, &times);
            log_done(finished, started.elapsed(), &times);
            return;
        }
        Err(error) => error,
    };
    let error = ended.chain();
    let next = match leased.exhausted {
        true => Next::DeadLetter,
        false => after_failure(ended.kind(), attempt, limits),
    };
    match next {
        Next::DeadLetter => {
            counters.failed(event, &ended, AttemptEnd::DeadLetter, &times);
            tracing::warn!(error, "job failed for good");
            if let Err(second) = worker.give_up(&leased.job, &ended, Some(leased.lease)).await {
                tracing::error!(error = second.chain(), "the failure could not be recorded; it is tried again");
                retry(store, leased, &second, limits.backoff_ceiling(attempt)).await;
            }
        }
        Next::Retry { within } => {
            counters.failed(event, &ended, AttemptEnd::Retry, &times);
            tracing::warn!(error, "job failed and will be tried again");
            retry(store, leased, &ended, within).await;
        }
    }
}

/// What every line about a job says: the request that it goes back to, the source, the rule, and which attempt it is.
fn span(leased: &LeasedJob) -> tracing::Span {
    let event = &leased.job.event;
    let trace = event.request_id.as_deref().unwrap_or("-");
    // Of the highest level, so that it stands at the lines that tell of a failure whatever else is left out.
    tracing::error_span!("job", trace, object = %event.object(), rule = leased.job.rule, attempt = leased.attempt)
}

/// The job's line in the log.
fn log_done(finished: Finished, elapsed: Duration, times: &StageTimes) {
    let millis = |elapsed: Duration| (elapsed.as_secs_f64() * 1e4).round() / 10.0;
    let stage = |stage| times.elapsed(stage).map(millis);
    let variants = match finished {
        Finished::Processed { variants } => Some(variants),
        _ => None,
    };
    tracing::info!(
        result = result(finished),
        format = times.format.map(Format::as_str),
        variants,
        ms = millis(elapsed),
        wait_ms = stage(Stage::Wait),
        read_ms = stage(Stage::Read),
        render_ms = stage(Stage::Render),
        store_ms = stage(Stage::Store),
        commit_ms = stage(Stage::Commit),
        "job done"
    );
}

async fn retry(store: &Embedded, leased: &LeasedJob, error: &JobError, within: Duration) {
    let ended_at = Timestamp::from(SystemTime::now());
    let attempt = Attempt { number: leased.attempt, ended_at, cause: error.cause(), error: error.chain() };
    let failed = FailedAttempt { attempt, facts: error.facts().cloned() };
    match store.retry_later(leased.lease, failed, jitter(within)).await {
        Ok(true) => {}
        Ok(false) => tracing::info!("somebody else holds the job by now"),
        // The lease runs out by itself, and the job is claimed again then.
        Err(error) => tracing::error!(error = one_line(&error), "the retry could not be written"),
    }
}

/// A wait drawn evenly from zero to `ceiling` ("full jitter"), so that what failed together is not tried together.
fn jitter(ceiling: Duration) -> Duration {
    // Without random bytes all wait the longest, which is correct if less even.
    let fraction = getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX));
    ceiling.mul_f64(fraction)
}

/// Renews the leases of all jobs under way.
async fn keep_alive(store: Embedded, limits: DeliveryLimits, held: Held) {
    let mut ticks = tokio::time::interval(limits.heartbeat);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let leases: Vec<Lease> = lock(&held).iter().copied().collect();
        if leases.is_empty() {
            continue;
        }
        match store.heartbeat(&leases, limits.lease).await {
            Ok(lost) if lost.is_empty() => {}
            Ok(lost) => tracing::warn!(jobs = lost.len(), "leases ran out; what these jobs write will be refused"),
            Err(error) => tracing::error!(error = one_line(&error), "leases cannot be renewed"),
        }
    }
}

fn lock(held: &Mutex<HashSet<Lease>>) -> std::sync::MutexGuard<'_, HashSet<Lease>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
