//! Claims jobs from the embedded queue and gives them to the worker: leases, heartbeats, retries, dead letters.

use crate::error_chain::one_line;
use minilab_embedded::{Embedded, LeasedJob};
use minilab_model::{Attempt, DeliveryLimits, Lease, Timestamp};
use minilab_pipeline::job::{Next, after_failure};
use minilab_pipeline::{JobError, Worker};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The worker of an embedded server.
pub type EmbeddedWorker = Worker<Embedded, Embedded>;

/// How long jobs under way may go on after the order to stop; what is not done then is given back.
const DRAIN: Duration = Duration::from_secs(20);
/// How long to wait after the queue itself failed.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs jobs until `shutdown` says true.
pub struct Dispatcher {
    pub store: Embedded,
    pub worker: Arc<EmbeddedWorker>,
    pub limits: DeliveryLimits,
    /// Jobs under way at once. Image work has its own bound; more jobs than cores keep the cores busy while others
    /// read and write.
    pub concurrency: usize,
}

type Held = Arc<Mutex<HashSet<Lease>>>;

impl Dispatcher {
    /// Claims and runs jobs; returns when all under way are done or given back.
    pub async fn run(self, mut shutdown: watch::Receiver<bool>) {
        let held = Held::default();
        let heartbeat = tokio::spawn(keep_alive(self.store.clone(), self.limits, Arc::clone(&held)));
        let mut arrivals = self.store.job_arrivals();
        let mut tasks = JoinSet::new();
        while !*shutdown.borrow() {
            arrivals.mark_unchanged();
            let free = self.concurrency.saturating_sub(tasks.len());
            let mut pause = None;
            if free > 0 {
                match self.store.claim(free, self.limits.lease).await {
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
        let (store, worker, limits, held) = (self.store.clone(), Arc::clone(&self.worker), self.limits, Arc::clone(held));
        lock(&held).insert(leased.lease);
        tasks.spawn(async move {
            work(&store, &worker, &limits, &leased).await;
            lock(&held).remove(&leased.lease);
        });
    }

    /// Waits until a job that waits for its time can be claimed; for ever when there is none.
    async fn until_due(&self) {
        match self.store.next_due().await {
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
            if let Err(error) = self.store.release(lease).await {
                tracing::warn!(error = one_line(&error), "a job could not be given back; the next start frees it");
            }
        }
    }
}

async fn work(store: &Embedded, worker: &EmbeddedWorker, limits: &DeliveryLimits, leased: &LeasedJob) {
    let started = Instant::now();
    let event = &leased.job.event;
    let trace = event.request_id.as_deref().unwrap_or("-");
    let (object, rule, attempt) = (event.object(), &leased.job.rule, leased.attempt);
    let ended = match worker.run(&leased.job, Some(leased.lease)).await {
        Ok(finished) => {
            let ms = started.elapsed().as_millis();
            tracing::info!(trace, %object, rule, attempt, ms, result = ?finished, "job done");
            return;
        }
        Err(error) => error,
    };
    let error = ended.chain();
    match after_failure(ended.kind(), attempt, limits) {
        Next::DeadLetter => {
            tracing::warn!(trace, %object, rule, attempt, error, "job failed for good");
            if let Err(second) = worker.give_up(&leased.job, &ended, Some(leased.lease)).await {
                tracing::error!(trace, %object, error = second.chain(), "the failure could not be recorded; it is tried again");
                retry(store, leased, &second, limits.backoff_ceiling(attempt)).await;
            }
        }
        Next::Retry { within } => {
            tracing::warn!(trace, %object, rule, attempt, error, "job failed and will be tried again");
            retry(store, leased, &ended, within).await;
        }
    }
}

async fn retry(store: &Embedded, leased: &LeasedJob, error: &JobError, within: Duration) {
    let attempt = Attempt { number: leased.attempt, ended_at: Timestamp::from(SystemTime::now()), error: error.chain() };
    match store.retry_later(leased.lease, attempt, jitter(within)).await {
        Ok(true) => {}
        Ok(false) => tracing::info!(object = %leased.job.event.object(), "somebody else holds the job by now"),
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
