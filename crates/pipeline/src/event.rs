//! Every source of events is decoded into one [`Event`].
//!
//! The embedded store builds its events itself, in the transaction that writes the object. What arrives from outside is
//! S3's notification JSON, bare or as the body of a queue message.

use minilab_model::{BucketName, Event, EventKind, NameError, ObjectKey, Sequencer, Timestamp};
use serde::Deserialize;

/// Why a notification was not understood.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// The text is not the JSON of a notification.
    #[error("the notification is not S3 event JSON")]
    Json(#[from] serde_json::Error),
    /// A bucket or key is not valid.
    #[error("record {index} of the notification names no valid object")]
    Name {
        /// Position of the record, from 0.
        index: usize,
        /// What is wrong.
        #[source]
        error: NameError,
    },
    /// Another field is not valid.
    #[error("record {index} of the notification: {reason}")]
    Field {
        /// Position of the record, from 0.
        index: usize,
        /// Which field, and what is wrong with it.
        reason: String,
    },
}

#[derive(Deserialize)]
struct Notification {
    // `s3:TestEvent` has no records: it is a greeting, and means no events.
    #[serde(rename = "Records", default)]
    records: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_name: String,
    event_time: Option<Timestamp>,
    s3: Entity,
    #[serde(default)]
    response_elements: std::collections::HashMap<String, String>,
}

#[derive(Deserialize)]
struct Entity {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    key: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    e_tag: String,
    #[serde(default)]
    sequencer: Option<String>,
}

/// Decodes an S3 event notification (`{"Records": [...]}`).
///
/// Lenient about everything that the flow does not use: versions move, and fields come and go. Events of kinds that no
/// rule can listen to are left out. Keys are form-encoded in notifications (space → `+`) and are decoded here.
///
/// # Errors
/// [`EventError`] names the record and the field.
pub fn from_s3_notification(json: &[u8]) -> Result<Vec<Event>, EventError> {
    let notification: Notification = serde_json::from_slice(json)?;
    let events = notification.records.into_iter().enumerate().map(|(index, record)| from_record(index, record));
    events.filter_map(Result::transpose).collect()
}

fn from_record(index: usize, record: Record) -> Result<Option<Event>, EventError> {
    let Ok(kind) = EventKind::try_from(format!("s3:{}", record.event_name.trim_start_matches("s3:"))) else {
        return Ok(None);
    };
    let name_error = |error| EventError::Name { index, error };
    let field_error = |reason| EventError::Field { index, reason };
    let object = record.s3.object;
    let sequencer = object.sequencer.ok_or_else(|| field_error("the sequencer is missing".to_owned()))?;
    Ok(Some(Event {
        kind,
        bucket: BucketName::new(record.s3.bucket.name).map_err(name_error)?,
        key: ObjectKey::new(form_decode(&object.key).ok_or_else(|| field_error("the key is not UTF-8".to_owned()))?)
            .map_err(name_error)?,
        sequencer: parse_sequencer(&sequencer).map_err(field_error)?,
        etag: object.e_tag.trim_matches('"').to_owned(),
        size_bytes: object.size,
        time: record.event_time.unwrap_or(Timestamp::from_millis(0)),
        request_id: record.response_elements.get("x-amz-request-id").cloned(),
        requester: None,
    }))
}

/// S3's sequencers are hex of varying length; the shorter of two is padded on the right with zeros before they are
/// compared (Amazon S3 User Guide, "Event message structure"). They have been 18 digits with leading zeros.
fn parse_sequencer(text: &str) -> Result<Sequencer, String> {
    let wrong = || format!("`{text}` is not a sequencer of up to 18 hex digits and 64 bits");
    let number = u128::from_str_radix(&format!("{text:0<18}"), 16).map_err(|_| wrong())?;
    u64::try_from(number).map(Sequencer).map_err(|_| wrong())
}

/// Undoes `application/x-www-form-urlencoded`. `None` when the bytes are not UTF-8.
fn form_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, tail @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                bytes.push(digit(*high)? * 16 + digit(*low)?);
                rest = tail;
            }
            (other, _) => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Shape as recorded from the real service.
    fn record(name: &str, key: &str) -> String {
        format!(
            r#"{{"Records":[{{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"us-east-1","eventTime":"2026-11-20T12:00:00.000Z",
            "eventName":"{name}","responseElements":{{"x-amz-request-id":"R1"}},
            "s3":{{"s3SchemaVersion":"1.0","bucket":{{"name":"photos","arn":"arn:aws:s3:::photos"}},
            "object":{{"key":"{key}","size":12,"eTag":"abc","sequencer":"0055AED6DCD90281E5"}}}}}}]}}"#
        )
    }

    #[test]
    fn records_become_events() {
        let events = from_s3_notification(record("ObjectCreated:Put", "in/a+b%40c%2B.jpg").as_bytes()).unwrap();
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].key.as_str(), "in/a b@c+.jpg");
        assert_eq!(events[0].kind, EventKind::CreatedPut);
        assert_eq!((events[0].etag.as_str(), events[0].size_bytes), ("abc", 12));
        assert_eq!(events[0].sequencer, Sequencer(0x55AE_D6DC_D902_81E5));
        assert_eq!(events[0].request_id.as_deref(), Some("R1"));
    }

    #[test]
    fn what_is_not_ours_is_left_out_and_what_is_broken_is_named() {
        assert_eq!(from_s3_notification(br#"{"Service":"Amazon S3","Event":"s3:TestEvent"}"#).unwrap(), []);
        assert_eq!(from_s3_notification(record("ObjectTagging:Put", "a").as_bytes()).unwrap(), []);
        assert!(matches!(from_s3_notification(b"not json"), Err(EventError::Json(_))));
        let no_key = from_s3_notification(record("ObjectCreated:Put", "").as_bytes());
        assert!(matches!(no_key, Err(EventError::Name { index: 0, .. })));
    }
}
