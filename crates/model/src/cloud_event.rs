//! Outcomes as CloudEvents 1.0 in structured JSON (<https://github.com/cloudevents/spec>, `cloudevents/spec.md` and
//! `formats/json-format.md`).

use crate::{ObjectRef, OutcomeMessage};
use serde::Serialize;
use std::fmt::Write as _;

/// The media type of an event in structured JSON.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";

#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: &'a str,
    source: &'a str,
    r#type: &'static str,
    subject: String,
    time: String,
    datacontenttype: &'static str,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    bucket: &'a str,
    key: &'a str,
    rule: &'a str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    variants: Vec<Object<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureData<'a>>,
}

#[derive(Serialize)]
struct Object<'a> {
    bucket: &'a str,
    key: &'a str,
}

#[derive(Serialize)]
struct FailureData<'a> {
    cause: &'static str,
    error: &'a str,
}

/// The event's JSON. `id` is the same for every delivery of one message and for no other; `source` is a URI reference.
///
/// # Errors
/// None that can happen: the message holds nothing that JSON cannot.
pub fn encode(id: &str, source: &str, told: &OutcomeMessage) -> Result<Vec<u8>, serde_json::Error> {
    let event = CloudEvent {
        specversion: "1.0",
        id,
        source,
        r#type: told.outcome.as_str(),
        subject: subject(&told.source),
        time: told.time.into(),
        datacontenttype: "application/json",
        data: Data {
            bucket: told.source.bucket.as_str(),
            key: told.source.key.as_str(),
            rule: &told.rule,
            outcome: told.outcome.as_str(),
            request_id: told.request_id.as_deref(),
            variants: told
                .variants
                .iter()
                .map(|variant| Object { bucket: variant.bucket.as_str(), key: variant.key.as_str() })
                .collect(),
            failure: told.failure.as_ref().map(|failure| FailureData { cause: failure.cause.as_str(), error: &failure.error }),
        },
    };
    serde_json::to_vec(&event)
}

/// `bucket/key`. Attributes must not hold control characters ("Type System" in the specification), and keys may: they are
/// percent-encoded here, while `data.key` is the key itself.
fn subject(object: &ObjectRef) -> String {
    let mut subject = format!("{}/", object.bucket);
    for letter in object.key.as_str().chars() {
        if letter.is_control() {
            let mut bytes = [0; 4];
            for byte in letter.encode_utf8(&mut bytes).bytes() {
                // Writing to a string cannot fail.
                let _ = write!(subject, "%{byte:02X}");
            }
        } else {
            subject.push(letter);
        }
    }
    subject
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{Failure, FailureCause, Outcome, Timestamp};
    use serde_json::json;

    #[test]
    fn events_have_the_attributes_and_the_data() {
        let told = OutcomeMessage {
            outcome: Outcome::Failed,
            source: "photos/in/a\nb ü.jpg".parse().unwrap(),
            rule: "sizes".to_owned(),
            time: Timestamp::from_millis(1_795_176_000_250),
            request_id: Some("R1".to_owned()),
            variants: vec!["prints/a.jpg".parse().unwrap()],
            failure: Some(Failure { rule: "sizes".to_owned(), cause: FailureCause::Damaged, error: "cut off".to_owned() }),
        };
        let event: serde_json::Value = serde_json::from_slice(&encode("m1", "minilab", &told).unwrap()).unwrap();
        let expected = json!({
            "specversion": "1.0", "id": "m1", "source": "minilab", "type": "image.failed",
            "subject": "photos/in/a%0Ab ü.jpg", "time": "2026-11-20T12:00:00.25Z", "datacontenttype": "application/json",
            "data": {
                "bucket": "photos", "key": "in/a\nb ü.jpg", "rule": "sizes", "outcome": "image.failed", "request_id": "R1",
                "variants": [{"bucket": "prints", "key": "a.jpg"}], "failure": {"cause": "damaged", "error": "cut off"}
            }
        });
        assert_eq!(event, expected);
    }
}
