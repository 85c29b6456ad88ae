use super::backoff::Backoff;
use super::{Clock, Deliver};
use crate::error_chain::one_line;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use minilab_delivery::{DeliveryOutcome, Outgoing, Plan, Report};
use minilab_embedded::{DeliveryAttempt, Embedded, EmbeddedError, PendingNotification};
use minilab_model::{Message, NotificationTarget, Timestamp};
use std::time::Duration;
use tokio::sync::watch;
use tracing::Instrument as _;

/// Deliveries to one webhook at once.
const WEBHOOK_DELIVERIES: usize = 4;
/// Most rows in memory for one target.
const ROWS: usize = 256;
/// After so many deliveries others come in between.
const TURN: usize = 500;
const HOUR: Duration = Duration::from_secs(3600);

/// How a turn ended.
#[derive(Debug)]
pub enum Ended {
    /// Nothing is due any more, or others should come first.
    Done,
    /// The target failed so many times in a row; it is to be left alone until then.
    Failing { failures: u32, until: Timestamp },
    /// The target had its hourly share; there is a place again then.
    Paced { until: Timestamp },
    /// What was delivered could not be read or written down.
    StoreFailed,
}

/// One target's turn.
pub struct Turn<D> {
    pub store: Embedded,
    pub deliverer: D,
    pub shutdown: watch::Receiver<bool>,
    pub clock: Clock,
    pub backoff: Backoff,
    pub target_id: String,
    pub target: NotificationTarget,
    /// How often the target failed in a row before this turn.
    pub failures: u32,
}

/// What a round of deliveries showed of the target.
#[derive(Default)]
struct Round {
    answered: bool,
    /// The longest that the target is to be left alone.
    failed_until: Option<Timestamp>,
}

impl<D: Deliver> Turn<D> {
    pub async fn run(mut self) -> Ended {
        match self.drain().await {
            Ok(ended) => ended,
            Err(error) => {
                tracing::error!(target_kind = self.target.kind(), error = one_line(&error), "a delivery could not be written down");
                Ended::StoreFailed
            }
        }
    }

    async fn drain(&mut self) -> Result<Ended, EmbeddedError> {
        let plan = self.deliverer.plan(&self.target);
        let mut deliveries = 0;
        while deliveries < TURN && !self.is_stopping() {
            let free = match plan.max_per_hour {
                None => None,
                Some(max) => match self.free_places(max.max(1)).await? {
                    Ok(free) => Some(free),
                    Err(until) => return Ok(Ended::Paced { until }),
                },
            };
            let batches = self.batches(plan, free).await?;
            if batches.is_empty() {
                return Ok(Ended::Done);
            }
            deliveries += batches.len();
            let round = self.deliver_all(batches).await?;
            let failures = if round.answered { 0 } else { self.failures };
            match round.failed_until {
                Some(until) => return Ok(Ended::Failing { failures: failures.saturating_add(1), until }),
                None => self.failures = failures,
            }
        }
        Ok(Ended::Done)
    }

    fn is_stopping(&self) -> bool {
        *self.shutdown.borrow()
    }

    /// How many more messages the target takes this hour; when there is a place again, if none.
    async fn free_places(&self, max: u32) -> Result<Result<u32, Timestamp>, EmbeddedError> {
        let now = (self.clock)();
        let hour_ago = Timestamp::from_millis(now.as_millis().saturating_sub(HOUR.as_millis() as i64));
        let sent = self.store.messages_sent(&self.target_id, hour_ago, max).await?;
        let free = max.saturating_sub(u32::try_from(sent.len()).unwrap_or(u32::MAX));
        Ok(match sent.first() {
            Some(first) if free == 0 => Err(first.after(HOUR)),
            _ => Ok(free),
        })
    }

    /// What is to be delivered now, a message each: one while the target is not known to answer, or while its messages
    /// are counted.
    async fn batches(&self, plan: Plan, free: Option<u32>) -> Result<Vec<Vec<PendingNotification>>, EmbeddedError> {
        let size = plan.batch.max(1);
        let one = self.failures > 0 || free.is_some();
        let max = match free {
            Some(free) => (free as usize).saturating_mul(size).min(ROWS.max(size)),
            None if one => size,
            None => ROWS.max(size),
        };
        let mut rows = self.store.due_notifications(&self.target_id, (self.clock)(), max).await?;
        // Where a message a row would be too many for this hour, some are told together.
        let size = match (plan.digest, free) {
            (None, Some(free)) => rows.len().div_ceil(free.max(1) as usize).clamp(1, size),
            _ => size,
        };
        let most = if one { 1 } else { usize::MAX };
        let mut batches = Vec::new();
        while !rows.is_empty() && batches.len() < most {
            let rest = rows.split_off(size.min(rows.len()));
            batches.push(std::mem::replace(&mut rows, rest));
        }
        Ok(batches)
    }

    /// Delivers, some at once, until the target fails.
    async fn deliver_all(&self, batches: Vec<Vec<PendingNotification>>) -> Result<Round, EmbeddedError> {
        let places = match self.target {
            NotificationTarget::Webhook(_) | NotificationTarget::BucketWebhook(_) => WEBHOOK_DELIVERIES,
            _ => 1,
        };
        let (mut round, mut under_way) = (Round::default(), FuturesUnordered::new());
        let mut batches = batches.into_iter();
        loop {
            while round.failed_until.is_none() && under_way.len() < places && !self.is_stopping() {
                let Some(batch) = batches.next() else { break };
                under_way.push(self.deliver(batch));
            }
            let Some((batch, report)) = under_way.next().await else { return Ok(round) };
            self.write_down(&batch, report, &mut round).await?;
        }
    }

    async fn deliver(&self, batch: Vec<PendingNotification>) -> (Vec<PendingNotification>, Report) {
        let outgoing: Vec<Outgoing> = batch
            .iter()
            .map(|row| Outgoing {
                message_id: row.message_id.clone(),
                notification: row.notification.clone(),
                created_at: row.created_at,
                attempt: row.attempt,
            })
            .collect();
        // One message for several notifications goes back to several requests, and to none of them alone.
        let trace = if batch.len() == 1 { trace(&batch) } else { None };
        let span = tracing::error_span!("notification", trace, target_kind = self.target.kind());
        let report = self.deliverer.deliver(&self.target, &outgoing).instrument(span).await;
        (batch, report)
    }

    async fn write_down(&self, batch: &[PendingNotification], report: Report, round: &mut Round) -> Result<(), EmbeddedError> {
        let now = (self.clock)();
        let Report { outcome, status, detail, duration } = report;
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let attempt = DeliveryAttempt { at: now, status, detail, duration_ms };
        let ids = |rows: &[&PendingNotification]| rows.iter().map(|row| row.id).collect::<Vec<_>>();
        let all: Vec<&PendingNotification> = batch.iter().collect();
        match outcome {
            DeliveryOutcome::Delivered => {
                round.answered = true;
                tracing::debug!(
                    target_kind = self.target.kind(),
                    target_label = self.target.label(),
                    trace = trace(batch),
                    notifications = batch.len(),
                    status,
                    duration_ms,
                    "delivered"
                );
                self.store.finish_notifications(ids(&all), attempt).await
            }
            DeliveryOutcome::Refused => {
                round.answered = true;
                self.log_end(batch, &attempt, "a delivery was refused for good; it can be asked for again");
                self.store.fail_notifications(ids(&all), attempt, None).await
            }
            DeliveryOutcome::Retry { after } => {
                let failures = if round.answered { 1 } else { self.failures.saturating_add(1) };
                let tried = batch.iter().map(|row| row.attempt).max().unwrap_or(1);
                let waits = self.backoff.waits(failures, tried, after);
                round.failed_until = round.failed_until.max(Some(now.after(waits.target)));
                let (retried, ended): (Vec<_>, Vec<_>) = all.into_iter().partition(|row| self.give_up_at(row) > now);
                if let Some(last_chance) = retried.iter().map(|row| self.give_up_at(row)).min() {
                    let retry_at = now.after(waits.notification).min(last_chance);
                    self.log_retry(batch, &attempt, retry_at);
                    self.store.fail_notifications(ids(&retried), attempt.clone(), Some(retry_at)).await?;
                }
                if !ended.is_empty() {
                    self.log_end(batch, &attempt, "a delivery failed for good; it can be asked for again");
                    self.store.fail_notifications(ids(&ended), attempt.clone(), None).await?;
                }
                self.expire(now, attempt).await
            }
        }
    }

    fn give_up_at(&self, row: &PendingNotification) -> Timestamp {
        row.queued_at.after(self.backoff.give_up_after)
    }

    /// Gives up what has waited behind a failing target for too long, without a try for each.
    async fn expire(&self, now: Timestamp, mut attempt: DeliveryAttempt) -> Result<(), EmbeddedError> {
        let span_ms = i64::try_from(self.backoff.give_up_after.as_millis()).unwrap_or(i64::MAX);
        let before = Timestamp::from_millis(now.as_millis().saturating_sub(span_ms));
        attempt.detail = format!("given up: the target has not answered in time; another delivery to it: {}", attempt.detail);
        let expired = self.store.expire_notifications(&self.target_id, before, attempt).await?;
        if expired > 0 {
            let (target_kind, target_label) = (self.target.kind(), self.target.label());
            tracing::warn!(target_kind, target_label, expired, "deliveries were given up; they can be asked for again");
        }
        Ok(())
    }

    fn log_retry(&self, batch: &[PendingNotification], attempt: &DeliveryAttempt, retry_at: Timestamp) {
        tracing::warn!(
            target_kind = self.target.kind(),
            target_label = self.target.label(),
            trace = trace(batch),
            notifications = batch.len(),
            attempt = batch.iter().map(|row| row.attempt).max(),
            status = attempt.status,
            error = attempt.detail,
            next_try = %retry_at,
            "a delivery failed and will be tried again"
        );
    }

    fn log_end(&self, batch: &[PendingNotification], attempt: &DeliveryAttempt, what: &str) {
        tracing::warn!(
            target_kind = self.target.kind(),
            target_label = self.target.label(),
            trace = trace(batch),
            notifications = batch.len(),
            attempt = batch.iter().map(|row| row.attempt).max(),
            status = attempt.status,
            error = attempt.detail,
            "{what}"
        );
    }
}

/// The request that the first notification of a message goes back to.
fn trace(batch: &[PendingNotification]) -> Option<&str> {
    batch.first().and_then(|row| match &row.notification.message {
        Message::Outcome(told) => told.request_id.as_deref(),
        Message::S3Event { event, .. } => event.request_id.as_deref(),
    })
}
