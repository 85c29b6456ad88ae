//! What an e-mail says: plain text that can be read at a glance.

use crate::Outgoing;
use minilab_model::{Event, Message, Outcome, OutcomeMessage};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Most letters of a key in a subject.
const SUBJECT_LETTERS: usize = 100;
/// Most letters of an error.
const ERROR_LETTERS: usize = 500;
/// Most variants that are listed of one image.
const VARIANTS: usize = 20;

pub(super) struct Text {
    pub subject: String,
    pub body: String,
}

/// Tells all of it, failures first.
pub(super) fn compose(batch: &[Outgoing]) -> Text {
    let subject = match batch {
        [one] => single_subject(&one.notification.message),
        _ => digest_subject(batch),
    };
    let mut body = String::new();
    for outcome in [Outcome::Failed, Outcome::Processed, Outcome::Removed] {
        let told: Vec<&OutcomeMessage> = outcomes(batch).filter(|told| told.outcome == outcome).collect();
        if !told.is_empty() {
            section(&mut body, &format!("{} ({})", title(outcome), told.len()), told.iter().map(|told| describe(told)));
        }
    }
    let events: Vec<&Event> = batch.iter().filter_map(|outgoing| event(&outgoing.notification.message)).collect();
    if !events.is_empty() {
        section(&mut body, &format!("Events ({})", events.len()), events.iter().map(|event| describe_event(event)));
    }
    Text { subject, body }
}

fn section(body: &mut String, title: &str, entries: impl Iterator<Item = String>) {
    if !body.is_empty() {
        body.push('\n');
    }
    body.push_str(title);
    body.push('\n');
    entries.for_each(|entry| body.push_str(&entry));
}

fn describe(told: &OutcomeMessage) -> String {
    let mut text = format!("\n  {}/{}\n", told.source.bucket, plain(told.source.key.as_str()));
    let mut line = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "    {name}: {value}");
    };
    if let Some(failure) = &told.failure {
        line("why", &format!("{} ({})", short(&plain(&failure.error), ERROR_LETTERS), failure.cause.as_str()));
    }
    line("rule", &plain(&told.rule));
    line("time", &String::from(told.time));
    for variant in told.variants.iter().take(VARIANTS) {
        line("variant", &format!("{}/{}", variant.bucket, plain(variant.key.as_str())));
    }
    if let Some(more) = told.variants.len().checked_sub(VARIANTS).filter(|more| *more > 0) {
        line("variant", &format!("and {more} more"));
    }
    if let Some(request_id) = &told.request_id {
        line("request", &plain(request_id));
    }
    text
}

fn describe_event(event: &Event) -> String {
    let object = format!("{}/{}", event.bucket, plain(event.key.as_str()));
    format!("\n  {object}\n    event: {}\n    time: {}\n", event.kind.as_str(), String::from(event.time))
}

fn single_subject(message: &Message) -> String {
    match message {
        Message::Outcome(told) => {
            format!("{}: {}/{}", title(told.outcome), told.source.bucket, short(&plain(told.source.key.as_str()), SUBJECT_LETTERS))
        }
        Message::S3Event { event, .. } => {
            format!("{}: {}/{}", event.kind.as_str(), event.bucket, short(&plain(event.key.as_str()), SUBJECT_LETTERS))
        }
    }
}

/// `3 images processed, 1 failed in photos`
fn digest_subject(batch: &[Outgoing]) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut add = |count: usize, what: &str| {
        if count > 0 {
            let noun = match (parts.is_empty(), count) {
                (true, 1) => " image",
                (true, _) => " images",
                (false, _) => "",
            };
            parts.push(format!("{count}{noun} {what}"));
        }
    };
    let count = |outcome: Outcome| outcomes(batch).filter(|told| told.outcome == outcome).count();
    add(count(Outcome::Processed), "processed");
    add(count(Outcome::Failed), "failed");
    add(count(Outcome::Removed), "removed");
    let events = batch.iter().filter_map(|outgoing| event(&outgoing.notification.message)).count();
    if events > 0 {
        parts.push(format!("{events} {}", if events == 1 { "event" } else { "events" }));
    }
    let buckets: BTreeSet<&str> = batch
        .iter()
        .map(|outgoing| match &outgoing.notification.message {
            Message::Outcome(told) => told.source.bucket.as_str(),
            Message::S3Event { event, .. } => event.bucket.as_str(),
        })
        .collect();
    let place = match buckets.len() {
        0..=3 => buckets.into_iter().collect::<Vec<_>>().join(", "),
        number => format!("{number} buckets"),
    };
    format!("{} in {place}", parts.join(", "))
}

fn outcomes(batch: &[Outgoing]) -> impl Iterator<Item = &OutcomeMessage> {
    batch.iter().filter_map(|outgoing| match &outgoing.notification.message {
        Message::Outcome(told) => Some(told),
        Message::S3Event { .. } => None,
    })
}

fn event(message: &Message) -> Option<&Event> {
    match message {
        Message::S3Event { event, .. } => Some(event),
        Message::Outcome(_) => None,
    }
}

const fn title(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Processed => "Processed",
        Outcome::Failed => "Failed",
        Outcome::Removed => "Removed",
    }
}

/// One line in which nothing pretends to be something else: control characters, line separators and what changes the
/// direction of writing are escaped.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}' => {
                plain.extend(letter.escape_unicode());
            }
            _ if letter.is_control() => plain.extend(letter.escape_default()),
            _ => plain.push(letter),
        }
    }
    plain
}

fn short(text: &str, letters: usize) -> String {
    match text.char_indices().nth(letters) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use minilab_model::{Failure, FailureCause, Notification, NotificationTarget, Timestamp};

    fn outgoing(outcome: Outcome, source: &str) -> Outgoing {
        let failure = Failure { rule: "sizes".to_owned(), cause: FailureCause::NotAnImage, error: "no image\nat all".to_owned() };
        let told = OutcomeMessage {
            outcome,
            source: source.parse().unwrap(),
            rule: "sizes".to_owned(),
            time: Timestamp::from_millis(0),
            request_id: Some("R1".to_owned()),
            variants: vec!["prints/a.jpg".parse().unwrap()],
            failure: (outcome == Outcome::Failed).then_some(failure),
        };
        Outgoing {
            message_id: source.len().to_string(),
            notification: Notification { target: NotificationTarget::Log, message: Message::Outcome(told) },
            created_at: Timestamp::from_millis(0),
            attempt: 1,
        }
    }

    #[test]
    fn subjects_count() {
        let subject = |batch: &[Outgoing]| compose(batch).subject;
        let (good, bad) = (outgoing(Outcome::Processed, "photos/a.jpg"), outgoing(Outcome::Failed, "photos/b.jpg"));
        assert_eq!(subject(std::slice::from_ref(&good)), "Processed: photos/a.jpg");
        assert_eq!(subject(&[good.clone(), bad.clone(), good.clone(), good.clone()]), "3 images processed, 1 failed in photos");
        assert_eq!(
            subject(&[bad.clone(), outgoing(Outcome::Removed, "archive/b.jpg")]),
            "1 image failed, 1 removed in archive, photos"
        );
        assert_eq!(subject(&[bad.clone(), bad]), "2 images failed in photos");
    }

    #[test]
    fn keys_cannot_pretend() {
        let text = compose(&[outgoing(Outcome::Failed, "photos/a\r\nBcc: x@y.z\u{202E}gpj\u{2028}.jpg")]);
        assert_eq!(text.subject, "Failed: photos/a\\r\\nBcc: x@y.z\\u{202e}gpj\\u{2028}.jpg");
        assert!(text.body.contains("why: no image\\nat all (not_an_image)"), "{}", text.body);
        assert!(text.body.lines().all(|line| !line.starts_with("Bcc")));
        assert!(compose(&[outgoing(Outcome::Failed, &format!("photos/{}", "ü".repeat(500)))]).subject.chars().count() < 130);
    }
}
