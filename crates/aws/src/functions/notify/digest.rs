//! Digests: what waits in the queue becomes one readable message, whatever comes. SNS stops e-mail subscriptions that are sent
//! too much.

use super::{Notify, Publication, PublishError, Topics};
use crate::functions::invocation::Invocation;
use crate::functions::log::Line;
use crate::functions::queues::{Queues, Received};
use crate::metrics;
use minilab_model::{Outcome, OutcomeMessage, Timestamp};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::SystemTime;

/// Most outcomes that one digest tells of.
const MOST: usize = 1000;
/// Most that are listed one by one, for each way in which they ended.
const LISTED: usize = 50;

impl<T: Topics, Q: Queues> Notify<T, Q> {
    /// Drains the digest queue, publishes what was in it, and then deletes it: what is not published comes back.
    pub(super) async fn digest(&self, invocation: &Invocation) -> Result<(), String> {
        let Some(settings) = &self.settings.digest else { return Ok(()) };
        let mut waiting: Vec<Received> = Vec::new();
        while waiting.len() < MOST && invocation.has_time() {
            match self.queues.receive(&settings.queue).await {
                Ok(received) if received.is_empty() => break,
                Ok(received) => waiting.extend(received),
                Err(error) if waiting.is_empty() => return Err(error.to_string()),
                Err(_) => break,
            }
        }
        if waiting.is_empty() {
            return Ok(());
        }
        let told: Vec<OutcomeMessage> = waiting.iter().filter_map(|message| serde_json::from_str(&message.body).ok()).collect();
        let digest = Digest::new(&told);
        let now = Timestamp::from(SystemTime::now());
        let publication = Publication {
            id: format!("digest-{now}"),
            group: "digest".to_owned(),
            subject: Some(digest.subject()),
            body: digest.text(waiting.len() >= MOST),
            attributes: vec![("outcome", "digest".to_owned())],
        };
        match self.topics.publish(&settings.topic, publication).await {
            Ok(()) => Line::new("notify").with("outcome", "digest").with("told", waiting.len()).count(metrics::PUBLISHED).print(),
            Err(error @ (PublishError::Unavailable(_) | PublishError::Refused(_))) => return Err(error.to_string()),
        }
        self.queues.delete(&settings.queue, &waiting).await.map_err(|error| error.to_string())
    }
}

/// Outcomes in the order in which people want to read of them.
struct Digest<'a> {
    failed: Vec<&'a OutcomeMessage>,
    processed: Vec<&'a OutcomeMessage>,
    removed: Vec<&'a OutcomeMessage>,
}

impl<'a> Digest<'a> {
    fn new(told: &'a [OutcomeMessage]) -> Self {
        // Who is told twice, by two tables of the configuration or by a second delivery, reads it once.
        let mut seen = BTreeSet::new();
        let mut digest = Self { failed: Vec::new(), processed: Vec::new(), removed: Vec::new() };
        for outcome in told {
            let key = (outcome.source.to_string(), &outcome.rule, outcome.outcome.as_str(), &outcome.request_id);
            if !seen.insert(key) {
                continue;
            }
            match outcome.outcome {
                Outcome::Failed => digest.failed.push(outcome),
                Outcome::Processed => digest.processed.push(outcome),
                Outcome::Removed => digest.removed.push(outcome),
            }
        }
        digest
    }

    fn counts(&self) -> String {
        format!("{} failed, {} processed, {} removed", self.failed.len(), self.processed.len(), self.removed.len())
    }

    /// SNS takes at most 99 characters of ASCII.
    fn subject(&self) -> String {
        format!("Minilab: {}", self.counts())
    }

    fn text(&self, is_full: bool) -> String {
        let all = || self.failed.iter().chain(&self.processed).chain(&self.removed).map(|told| told.time);
        let mut text = String::new();
        // Writing to a string cannot fail.
        if let (Some(first), Some(last)) = (all().min(), all().max()) {
            let _ = writeln!(text, "{first} to {last}: {}.", self.counts());
        }
        if is_full {
            text.push_str("More is waiting, and comes with the next message.\n");
        }
        for (title, outcomes) in [("Failed", &self.failed), ("Processed", &self.processed), ("Removed", &self.removed)] {
            if outcomes.is_empty() {
                continue;
            }
            let _ = writeln!(text, "\n{title}");
            for told in outcomes.iter().take(LISTED) {
                let _ = writeln!(text, "  {}", one_line(told));
            }
            if outcomes.len() > LISTED {
                let _ = writeln!(text, "  and {} more", outcomes.len() - LISTED);
            }
        }
        text
    }
}

fn one_line(told: &OutcomeMessage) -> String {
    let end = match (&told.failure, told.variants.len()) {
        (Some(failure), _) => format!("{}: {}", failure.cause, failure.error),
        (None, 0) => String::new(),
        (None, 1) => "1 variant".to_owned(),
        (None, variants) => format!("{variants} variants"),
    };
    let separator = if end.is_empty() { "" } else { ": " };
    let line = format!("{} (rule {}){separator}{end}", told.source, told.rule);
    // Keys and errors hold whatever people have typed.
    line.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(500).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use minilab_model::{Failure, FailureCause};

    fn told(outcome: Outcome, key: &str) -> OutcomeMessage {
        let failure = Failure { rule: "sizes".to_owned(), cause: FailureCause::Damaged, error: "cut\noff".to_owned() };
        OutcomeMessage {
            outcome,
            source: format!("photos/{key}").parse().unwrap(),
            rule: "sizes".to_owned(),
            time: Timestamp::from_millis(0),
            request_id: None,
            variants: vec!["prints/a.jpg".parse().unwrap()],
            failure: (outcome == Outcome::Failed).then_some(failure),
        }
    }

    #[test]
    fn a_digest_tells_of_failures_first_and_of_each_image_once() {
        let outcomes = [
            told(Outcome::Processed, "b.jpg"),
            told(Outcome::Failed, "a.jpg"),
            told(Outcome::Failed, "a.jpg"),
            told(Outcome::Removed, "c"),
        ];
        let digest = Digest::new(&outcomes);
        assert_eq!(digest.subject(), "Minilab: 1 failed, 1 processed, 1 removed");
        assert_eq!(
            digest.text(false),
            "1970-01-01T00:00:00Z to 1970-01-01T00:00:00Z: 1 failed, 1 processed, 1 removed.\n\n\
             Failed\n  photos/a.jpg (rule sizes): damaged: cut off\n\n\
             Processed\n  photos/b.jpg (rule sizes): 1 variant\n\n\
             Removed\n  photos/c (rule sizes): 1 variant\n"
        );
    }

    #[test]
    fn a_digest_of_many_stays_short() {
        let outcomes: Vec<_> = (0..1000).map(|number| told(Outcome::Processed, &format!("{number}.jpg"))).collect();
        let text = Digest::new(&outcomes).text(true);
        assert!(text.lines().count() < 60 && text.contains("and 950 more") && text.contains("More is waiting"));
    }
}
