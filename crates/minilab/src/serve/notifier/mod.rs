//! Drains the notification rows to their targets, each target by itself: one that is down delays no other.
//!
//! Every notification is delivered at least once, or ends as a dead one that can be seen and told again. A delivery that
//! a crash keeps from being written down is made again under the same message id.
//!
//! A target is drained in turns. A turn ends when nothing more is due, when the target fails, when it has had its hourly
//! share, or when others should come in between. A target that failed is left alone for a while, then tried with one
//! message; only when that is taken do the others follow. So a target that is down costs one attempt in each wait,
//! however many rows it has.

mod backoff;
#[cfg(test)]
mod tests;
mod turn;

use crate::error_chain::one_line;
use backoff::Backoff;
use minilab_delivery::{Deliverer, Outgoing, Plan, Report};
use minilab_embedded::{Embedded, EmbeddedError, WaitingTarget};
use minilab_model::{NotificationTarget, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use turn::{Ended, Turn};

/// Most targets at once.
const TARGETS: usize = 32;
/// How long deliveries under way may go on after the order to stop; the rows of those that take longer stay.
const DRAIN: Duration = Duration::from_secs(10);
/// How long a target is left alone after the store failed.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest sleep, so that a clock that was set is noticed.
const NAP: Duration = Duration::from_secs(60);

/// What the notifier asks of a [`Deliverer`]. Tests put one in its place whose receivers are down for an hour.
pub trait Deliver: Clone + Send + Sync + 'static {
    /// Tells the target all of these in one message.
    fn deliver(&self, target: &NotificationTarget, batch: &[Outgoing]) -> impl Future<Output = Report> + Send;

    /// How rows of the target are grouped and paced.
    fn plan(&self, target: &NotificationTarget) -> Plan;
}

impl Deliver for Deliverer {
    async fn deliver(&self, target: &NotificationTarget, batch: &[Outgoing]) -> Report {
        Deliverer::deliver(self, target, batch).await
    }

    fn plan(&self, target: &NotificationTarget) -> Plan {
        Deliverer::plan(self, target)
    }
}

/// The present moment.
type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Delivers until `shutdown` says true. A new deliverer is used from the next turn on.
pub async fn run<D: Deliver>(store: Embedded, deliverer: watch::Receiver<D>, shutdown: watch::Receiver<bool>) {
    let clock: Clock = Arc::new(|| Timestamp::from(SystemTime::now()));
    Notifier::new(store, deliverer, shutdown, clock).run().await;
}

/// Why and how long a target is left alone.
#[derive(Debug, Clone, Copy)]
struct Pause {
    since: Timestamp,
    until: Timestamp,
    /// Failures in a row; 0 when it only had its hourly share.
    failures: u32,
}

struct Notifier<D> {
    store: Embedded,
    deliverer: watch::Receiver<D>,
    shutdown: watch::Receiver<bool>,
    clock: Clock,
    backoff: Backoff,
    turns: JoinSet<Ended>,
    /// The targets whose turn it is, and the deliverer that they began it with.
    running: HashMap<Id, (String, u64)>,
    /// Which deliverer is in force, counting from 0.
    generation: u64,
    paused: HashMap<String, Pause>,
    /// When each target had its last turn, counted in turns: who waited longest is next.
    last_turns: HashMap<String, u64>,
    turn: u64,
}

impl<D: Deliver> Notifier<D> {
    fn new(store: Embedded, deliverer: watch::Receiver<D>, shutdown: watch::Receiver<bool>, clock: Clock) -> Self {
        Self {
            store,
            deliverer,
            shutdown,
            clock,
            backoff: Backoff::default(),
            turns: JoinSet::new(),
            running: HashMap::new(),
            generation: 0,
            paused: HashMap::new(),
            last_turns: HashMap::new(),
            turn: 0,
        }
    }

    async fn run(mut self) {
        let mut arrivals = self.store.notification_arrivals();
        let (mut shutdown, mut deliverer) = (self.shutdown.clone(), self.deliverer.clone());
        let mut may_reload = true;
        loop {
            arrivals.mark_unchanged();
            let wait = match self.start_due().await {
                Ok(next) => next.map(|next| self.until(next)),
                Err(error) => {
                    tracing::error!(error = one_line(&error), "notifications cannot be read");
                    Some(PAUSE)
                }
            };
            let has_room = self.turns.len() < TARGETS;
            let due = async {
                match wait {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = shutdown.wait_for(|stop| *stop) => break,
                Some(ended) = self.turns.join_next_with_id(), if !self.turns.is_empty() => self.note(ended),
                changed = deliverer.changed(), if may_reload => {
                    may_reload = changed.is_ok();
                    self.generation += u64::from(may_reload);
                    // What failed may have been put right. What was tried itself keeps its own wait.
                    self.paused.retain(|_, pause| pause.failures == 0);
                }
                _ = arrivals.changed(), if has_room => {}
                () = due, if has_room => {}
            }
        }
        self.drain().await;
    }

    /// Gives a turn to each target that has something due, as far as there is room; says when the next one can have one.
    async fn start_due(&mut self) -> Result<Option<Timestamp>, EmbeddedError> {
        let now = (self.clock)();
        let mut targets = self.store.waiting_targets().await?;
        self.last_turns.retain(|id, _| targets.iter().any(|target| target.id == *id));
        targets.retain(|target| !self.running.values().any(|(id, _)| *id == target.id));
        targets.sort_by_key(|target| (self.last_turns.get(&target.id).copied(), target.due_at));
        let mut next: Option<Timestamp> = None;
        for target in targets {
            let start_at = self.start_at(&target, now);
            if start_at <= now && self.turns.len() < TARGETS {
                self.start(target);
            } else {
                next = Some(next.map_or(start_at, |next| next.min(start_at)));
            }
        }
        Ok(next)
    }

    /// When a target can have its next turn.
    fn start_at(&self, target: &WaitingTarget, now: Timestamp) -> Timestamp {
        let Some(pause) = self.paused.get(&target.id) else { return target.due_at };
        // Somebody who asks for a delivery has a reason to believe that the target is there again.
        let urged = pause.failures > 0 && target.urged_at.is_some_and(|urged| urged >= pause.since && urged <= now);
        if urged { target.due_at } else { target.due_at.max(pause.until) }
    }

    fn start(&mut self, target: WaitingTarget) {
        self.turn += 1;
        self.last_turns.insert(target.id.clone(), self.turn);
        let failures = self.paused.remove(&target.id).map_or(0, |pause| pause.failures);
        let turn = Turn {
            store: self.store.clone(),
            deliverer: self.deliverer.borrow().clone(),
            shutdown: self.shutdown.clone(),
            clock: Arc::clone(&self.clock),
            backoff: self.backoff,
            target_id: target.id.clone(),
            target: target.target,
            failures,
        };
        let handle = self.turns.spawn(turn.run());
        self.running.insert(handle.id(), (target.id, self.generation));
    }

    fn note(&mut self, ended: Result<(Id, Ended), JoinError>) {
        let (id, ended) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                tracing::error!(%error, "a turn of deliveries ended in disorder");
                (error.id(), Ended::StoreFailed)
            }
        };
        let Some((target_id, generation)) = self.running.remove(&id) else { return };
        let since = (self.clock)();
        let pause = match ended {
            Ended::Done => return,
            Ended::Failing { .. } if generation != self.generation => return,
            Ended::Failing { failures, until } => Pause { since, until, failures },
            Ended::Paced { until } => Pause { since, until, failures: 0 },
            Ended::StoreFailed => Pause { since, until: since.after(PAUSE), failures: 0 },
        };
        self.paused.insert(target_id, pause);
    }

    fn until(&self, moment: Timestamp) -> Duration {
        let millis = moment.as_millis().saturating_sub((self.clock)().as_millis());
        Duration::from_millis(u64::try_from(millis).unwrap_or(0)).min(NAP)
    }

    async fn drain(mut self) {
        let all_done = async { while self.turns.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN, all_done).await.is_err() {
            tracing::warn!(targets = self.turns.len(), "deliveries were still under way; they are made again after the next start");
            self.turns.shutdown().await;
        }
    }
}
