//! Which jobs follow from an event, and what becomes of one that failed. Pure.

use minilab_model::{Action, DeliveryLimits, Event, FailureKind, Job, RuleSet};
use std::time::Duration;

/// One job for each rule that the event concerns.
///
/// Whoever calls this has checked that the object is no variant: objects with our provenance start nothing.
#[must_use]
pub fn plan(event: &Event, rules: &RuleSet) -> Vec<Job> {
    let action = if event.kind.is_created() { Action::Process } else { Action::Remove };
    rules.concerned(event).map(|rule| Job { event: event.clone(), rule: rule.name.clone(), action }).collect()
}

/// What becomes of a job after an attempt that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It is tried again, after a wait drawn evenly from zero to this.
    Retry {
        /// The longest wait.
        within: Duration,
    },
    /// It is kept as a dead letter.
    DeadLetter,
}

/// Decides what follows attempt number `attempt` (from 1) that failed in this way.
#[must_use]
pub fn after_failure(kind: FailureKind, attempt: u32, limits: &DeliveryLimits) -> Next {
    match kind {
        FailureKind::Retryable if attempt < limits.attempts => Next::Retry { within: limits.backoff_ceiling(attempt) },
        FailureKind::Retryable | FailureKind::Permanent => Next::DeadLetter,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use minilab_model::{BucketName, EventKind, ObjectKey, Sequencer, Timestamp};

    fn event(kind: EventKind, key: &str) -> Event {
        Event {
            kind,
            bucket: BucketName::new("photos").unwrap(),
            key: ObjectKey::new(key).unwrap(),
            sequencer: Sequencer(7),
            etag: "e".to_owned(),
            size_bytes: 1,
            time: Timestamp::from_millis(0),
            request_id: None,
            requester: None,
        }
    }

    #[test]
    fn an_event_gives_one_job_a_rule() {
        let rules = serde_json::from_value(serde_json::json!([
            {"name": "a", "bucket": "photos", "prefix": "in/"},
            {"name": "b", "bucket": "photos", "events": ["s3:ObjectCreated:Copy"]},
            {"name": "c", "bucket": "other"}
        ]));
        let rules = RuleSet::new(rules.unwrap()).unwrap();
        let jobs = |kind, key| plan(&event(kind, key), &rules).into_iter().map(|job| (job.rule, job.action)).collect::<Vec<_>>();
        assert_eq!(jobs(EventKind::CreatedPut, "in/x"), [("a".to_owned(), Action::Process)]);
        assert_eq!(jobs(EventKind::CreatedCopy, "x"), [("b".to_owned(), Action::Process)]);
        let removed = jobs(EventKind::RemovedDelete, "in/x");
        assert_eq!(removed, [("a".to_owned(), Action::Remove), ("b".to_owned(), Action::Remove)]);
    }

    #[test]
    fn the_same_event_gives_the_same_keys() {
        let job = |sequencer, rule: &str| {
            let event = Event { sequencer: Sequencer(sequencer), ..event(EventKind::CreatedPut, "in/x") };
            Job { event, rule: rule.to_owned(), action: Action::Process }.idempotency_key()
        };
        assert_eq!(job(1, "a"), job(1, "a"));
        assert_ne!(job(1, "a"), job(2, "a"));
        assert_ne!(job(1, "a"), job(1, "b"));
    }

    #[test]
    fn failures_end_as_retries_or_dead_letters() {
        let limits = DeliveryLimits::default();
        assert_eq!(after_failure(FailureKind::Permanent, 1, &limits), Next::DeadLetter);
        assert_eq!(after_failure(FailureKind::Retryable, 1, &limits), Next::Retry { within: Duration::from_secs(4) });
        assert_eq!(after_failure(FailureKind::Retryable, 5, &limits), Next::DeadLetter);
    }
}
