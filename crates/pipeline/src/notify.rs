//! Who is told of what. The rows are written with the outcome that they tell of; draining them is a loop of its own, so
//! that a target that is down delays nothing else.

use crate::catalog::RecordChange;
use minilab_model::{
    Event, Message, Notification, NotificationSpec, NotificationTarget, ObjectRef, Outcome, OutcomeMessage, Timestamp,
};
use std::collections::HashSet;
use std::time::SystemTime;

/// The rows that tell of one outcome, one for each target that wants to know.
#[must_use]
pub fn rows(specs: &[NotificationSpec], event: &Event, rule: &str, change: &RecordChange) -> Vec<Notification> {
    let (outcome, variants, failure) = match change {
        RecordChange::Processed { variants, .. } => (Outcome::Processed, variants.as_slice(), None),
        RecordChange::Failed { variants, failure, .. } => (Outcome::Failed, variants.as_slice(), Some(failure)),
        RecordChange::Removed => (Outcome::Removed, &[][..], None),
        RecordChange::Skipped | RecordChange::Dropped => return Vec::new(),
    };
    let mut targets: Vec<NotificationTarget> = specs.iter().flat_map(|spec| spec.targets(outcome, rule)).collect();
    let mut seen = HashSet::new();
    targets.retain(|target| seen.insert(target.clone()));
    let row = |target| Notification {
        target,
        message: Message::Outcome(OutcomeMessage {
            outcome,
            source: event.object(),
            rule: rule.to_owned(),
            time: Timestamp::from(SystemTime::now()),
            request_id: event.request_id.clone(),
            variants: variants.iter().map(|variant| ObjectRef::new(variant.bucket.clone(), variant.key.clone())).collect(),
            failure: failure.cloned(),
        }),
    };
    targets.into_iter().map(row).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use minilab_model::{EventKind, Failure, FailureCause, Sequencer};

    #[test]
    fn each_target_is_told_once() {
        let specs: Vec<NotificationSpec> = serde_json::from_value(serde_json::json!([
            {"on": ["image.processed"], "webhook": {"url": "http://a/"}, "log": true},
            {"on": ["image.processed", "image.failed"], "webhook": {"url": "http://a/"}},
            {"on": ["image.processed"], "rules": ["other"], "webhook": {"url": "http://b/"}}
        ]))
        .unwrap();
        let ObjectRef { bucket, key } = "photos/a.jpg".parse().unwrap();
        let event = Event {
            kind: EventKind::CreatedPut,
            bucket,
            key,
            sequencer: Sequencer(1),
            etag: String::new(),
            size_bytes: 0,
            time: Timestamp::from_millis(0),
            request_id: None,
            requester: None,
        };
        let told = |change| rows(&specs, &event, "r", &change).len();
        let failure = Failure { rule: "r".to_owned(), cause: FailureCause::Damaged, error: "broken".to_owned() };
        assert_eq!(told(RecordChange::Failed { info: None, variants: Vec::new(), failure, facts: None }), 1);
        assert_eq!((told(RecordChange::Removed), told(RecordChange::Dropped)), (0, 0));
        let only_first = vec![NotificationSpec { on: vec![Outcome::Removed], ..specs[0].clone() }, specs[1].clone()];
        assert_eq!(rows(&only_first, &event, "r", &RecordChange::Removed).len(), 2);
    }
}
