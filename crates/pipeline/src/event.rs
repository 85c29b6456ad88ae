//! Every source of events is decoded into one [`Event`].
//!
//! The embedded store builds its events itself, in the transaction that writes the object. What arrives from outside is
//! S3's notification JSON or EventBridge's event about an object, bare, in the envelope of an SNS message, or as the event
//! that another part of Minilab has decoded before ([`Relayed`]).

use minilab_model::{BucketName, Event, EventKind, NameError, ObjectKey, Sequencer, Timestamp};
use serde::{Deserialize, Serialize};

/// Why a notification was not understood.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// The text is not the JSON of a notification.
    #[error("the notification is not S3 event JSON")]
    Json(#[from] serde_json::Error),
    /// It is JSON, but of no kind that is known here.
    #[error("the message is no S3 notification, no EventBridge event about an object and no SNS message around one")]
    Unknown,
    /// SNS messages in SNS messages.
    #[error("the message has an envelope within an envelope; subscribe the queue to one topic")]
    Nested,
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

/// An event as one part of Minilab hands it on to another by a queue: decoded already, so that nothing is decoded twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relayed {
    /// The event.
    pub event: Event,
    /// The trace that it belongs to, as the platform writes it (X-Ray's trace header).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

/// All that a message can begin with; what is there decides what it is.
#[derive(Deserialize)]
struct AnyMessage {
    /// An S3 notification, or what SNS hands to a function.
    #[serde(rename = "Records")]
    records: Option<Vec<serde_json::Value>>,
    /// An S3 test event: a greeting, and means no events.
    #[serde(rename = "Event")]
    greeting: Option<String>,
    /// An SNS envelope.
    #[serde(rename = "Message")]
    message: Option<String>,
    /// An EventBridge event.
    #[serde(rename = "detail-type")]
    detail_type: Option<String>,
    detail: Option<Detail>,
    time: Option<Timestamp>,
    /// A [`Relayed`] one.
    event: Option<Event>,
}

#[derive(Deserialize)]
struct SnsRecord {
    #[serde(rename = "Sns")]
    sns: SnsMessage,
}

#[derive(Deserialize)]
struct SnsMessage {
    #[serde(rename = "Message")]
    message: String,
}

/// What EventBridge says of an object (Amazon S3 User Guide, "EventBridge event message structure").
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Detail {
    bucket: Bucket,
    object: DetailObject,
    #[serde(default)]
    request_id: Option<String>,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
struct DetailObject {
    /// As it is, not encoded.
    key: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    etag: String,
    #[serde(default)]
    sequencer: Option<String>,
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

/// Decodes whatever tells of objects: an S3 notification, an EventBridge event, an SNS message around one of them, what SNS
/// hands to a function, or a [`Relayed`] event. A test event, and an event of a kind that no rule can listen to, means no
/// events.
///
/// # Errors
/// [`EventError`] says which field of which record, or that the message is none of these.
pub fn from_message(json: &[u8]) -> Result<Vec<Event>, EventError> {
    let mut found = Vec::new();
    from_any(serde_json::from_slice(json)?, Envelope::Allowed, &mut found)?;
    Ok(found)
}

/// Whether a message may be an envelope. One within another is refused, so that depth is bounded.
#[derive(Clone, Copy)]
enum Envelope {
    Allowed,
    Refused,
}

fn from_any(message: AnyMessage, envelope: Envelope, found: &mut Vec<Event>) -> Result<(), EventError> {
    match message {
        AnyMessage { event: Some(event), .. } => found.push(event),
        AnyMessage { detail_type: Some(detail_type), detail: Some(detail), time, .. } => {
            found.extend(from_detail(&detail_type, detail, time)?);
        }
        AnyMessage { records: Some(records), .. } => {
            for (index, record) in records.into_iter().enumerate() {
                if record.get("Sns").is_some() {
                    from_envelope(&serde_json::from_value::<SnsRecord>(record)?.sns.message, envelope, found)?;
                } else {
                    found.extend(from_record(index, serde_json::from_value(record)?)?);
                }
            }
        }
        AnyMessage { message: Some(message), .. } => from_envelope(&message, envelope, found)?,
        AnyMessage { greeting: Some(_), .. } => {}
        AnyMessage { .. } => return Err(EventError::Unknown),
    }
    Ok(())
}

fn from_envelope(message: &str, envelope: Envelope, found: &mut Vec<Event>) -> Result<(), EventError> {
    match envelope {
        Envelope::Allowed => from_any(serde_json::from_str(message)?, Envelope::Refused, found),
        Envelope::Refused => Err(EventError::Nested),
    }
}

fn from_detail(detail_type: &str, detail: Detail, time: Option<Timestamp>) -> Result<Option<Event>, EventError> {
    let Some(kind) = detail_kind(detail_type, detail.reason.as_deref()) else { return Ok(None) };
    let name_error = |error| EventError::Name { index: 0, error };
    let field_error = |reason| EventError::Field { index: 0, reason };
    let object = detail.object;
    let sequencer = object.sequencer.ok_or_else(|| field_error("the sequencer is missing".to_owned()))?;
    let created = kind.is_created();
    Ok(Some(Event {
        kind,
        bucket: BucketName::new(detail.bucket.name).map_err(name_error)?,
        key: ObjectKey::new(object.key).map_err(name_error)?,
        sequencer: parse_sequencer(&sequencer).map_err(field_error)?,
        // A removal may tell the ETag of what is gone.
        etag: if created { object.etag.trim_matches('"').to_owned() } else { String::new() },
        size_bytes: if created { object.size } else { 0 },
        time: time.unwrap_or(Timestamp::from_millis(0)),
        request_id: detail.request_id,
        requester: None,
    }))
}

/// The kind of an EventBridge event, by its type and by the API call that is the reason for it.
fn detail_kind(detail_type: &str, reason: Option<&str>) -> Option<EventKind> {
    match (detail_type, reason) {
        ("Object Created", Some("POST Object")) => Some(EventKind::CreatedPost),
        ("Object Created", Some("CopyObject")) => Some(EventKind::CreatedCopy),
        ("Object Created", Some("CompleteMultipartUpload")) => Some(EventKind::CreatedCompleteMultipartUpload),
        ("Object Created", _) => Some(EventKind::CreatedPut),
        // By request or by lifecycle, for good or behind a delete marker: it is not there any more.
        ("Object Deleted", _) => Some(EventKind::RemovedDelete),
        _ => None,
    }
}

/// The kind of an S3 notification's record. A delete marker and the end of a lifecycle remove an object as a request does.
fn record_kind(name: &str) -> Option<EventKind> {
    match name.trim_start_matches("s3:") {
        "ObjectRemoved:DeleteMarkerCreated" | "LifecycleExpiration:Delete" | "LifecycleExpiration:DeleteMarkerCreated" => {
            Some(EventKind::RemovedDelete)
        }
        name => EventKind::try_from(format!("s3:{name}")).ok(),
    }
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
    let Some(kind) = record_kind(&record.event_name) else { return Ok(None) };
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
/// compared (Amazon S3 User Guide, "Event message structure"). Notifications have shown 18 digits that begin with two zeros,
/// EventBridge the same without them: 64 bits either way.
fn parse_sequencer(text: &str) -> Result<Sequencer, String> {
    let wrong = || format!("`{text}` is not a sequencer of up to 64 bits in hex");
    let digits = match text.strip_prefix("00") {
        Some(rest) => rest,
        None => text,
    };
    if text.is_empty() || digits.len() > 16 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    u64::from_str_radix(&format!("{digits:0<16}"), 16).map(Sequencer).map_err(|_| wrong())
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

    fn bridged(detail_type: &str, reason: &str, key: &str) -> String {
        format!(
            r#"{{"version":"0","id":"17793124","detail-type":"{detail_type}","source":"aws.s3","account":"111122223333",
            "time":"2026-11-20T12:00:00Z","region":"ca-central-1","resources":["arn:aws:s3:::photos"],
            "detail":{{"version":"0","bucket":{{"name":"photos"}},"object":{{"key":"{key}","size":5,"etag":"b1946",
            "version-id":"IYV3p45BT0ac8hjHg1houSdS1a.Mro8e","sequencer":"617f08299329d189"}},"request-id":"N4N7GDK58NMKJ12R",
            "requester":"123456789012","source-ip-address":"1.2.3.4","reason":"{reason}"}}}}"#
        )
    }

    #[test]
    fn eventbridge_keys_are_raw_and_reasons_are_kinds() {
        let check = |detail_type, reason, expected| {
            let events = from_message(bridged(detail_type, reason, "in/a+b%40.jpg").as_bytes()).unwrap();
            assert_eq!(events.iter().map(|event| event.kind).collect::<Vec<_>>(), expected, "{detail_type} {reason}");
            assert!(events.iter().all(|event| event.key.as_str() == "in/a+b%40.jpg"));
        };
        check("Object Created", "PutObject", vec![EventKind::CreatedPut]);
        check("Object Created", "POST Object", vec![EventKind::CreatedPost]);
        check("Object Created", "CopyObject", vec![EventKind::CreatedCopy]);
        check("Object Created", "CompleteMultipartUpload", vec![EventKind::CreatedCompleteMultipartUpload]);
        check("Object Deleted", "DeleteObject", vec![EventKind::RemovedDelete]);
        check("Object Deleted", "Lifecycle Expiration", vec![EventKind::RemovedDelete]);
        check("Object Tags Added", "PutObjectTagging", vec![]);
        let events = from_message(bridged("Object Created", "PutObject", "a").as_bytes()).unwrap();
        assert_eq!((events[0].size_bytes, events[0].etag.as_str()), (5, "b1946"));
        assert_eq!(events[0].request_id.as_deref(), Some("N4N7GDK58NMKJ12R"));
    }

    #[test]
    fn a_key_has_one_order_whoever_tells_of_it() {
        let number = |text: &str| parse_sequencer(text).unwrap().0;
        assert_eq!(number("00617f08299329d189"), number("617f08299329d189"));
        assert!(number("617f08299329d1") < number("617f08299329d189"), "the shorter one is padded on the right");
        assert!(number("0055AED6DCD90281E5") < number("617f08299329d189"));
        for wrong in ["", "xyz", "0A1B2C3D4E5F678901", "+617f08299329d18"] {
            assert!(parse_sequencer(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn envelopes_are_opened_once() {
        let envelope = |message: &str| {
            serde_json::json!({"Type": "Notification", "MessageId": "m", "TopicArn": "arn:aws:sns:eu-central-1:1:t",
                "Subject": "Amazon S3 Notification", "Message": message})
        };
        let inner = record("ObjectCreated:Put", "in/a+b.jpg");
        let in_queue = envelope(&inner).to_string();
        let to_function = serde_json::json!({"Records": [{"EventSource": "aws:sns", "Sns": envelope(&inner)}]}).to_string();
        for message in [inner.as_str(), &in_queue, &to_function] {
            assert_eq!(from_message(message.as_bytes()).unwrap()[0].key.as_str(), "in/a b.jpg", "{message}");
        }
        let twice = envelope(&in_queue).to_string();
        assert!(matches!(from_message(twice.as_bytes()), Err(EventError::Nested)));
    }

    #[test]
    fn what_was_handed_on_is_the_same_event() {
        let event = from_message(bridged("Object Created", "CopyObject", "a b").as_bytes()).unwrap().remove(0);
        let relayed = Relayed { event: event.clone(), trace: Some("Root=1-5759e988-bd862e3fe1be46a994272793".to_owned()) };
        assert_eq!(from_message(&serde_json::to_vec(&relayed).unwrap()).unwrap(), [event]);
    }

    #[test]
    fn greetings_mean_nothing_and_strangers_are_refused() {
        let greeting = br#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-11-20T12:00:00.000Z","Bucket":"photos"}"#;
        assert_eq!(from_message(greeting).unwrap(), []);
        assert_eq!(
            from_message(record("ObjectRemoved:DeleteMarkerCreated", "a").as_bytes()).unwrap()[0].kind,
            EventKind::RemovedDelete
        );
        assert!(matches!(from_message(br#"{"hello":"world"}"#), Err(EventError::Unknown)));
        for broken in ["not json", "[]", r#"{"Records":[{"eventName":"ObjectCreated:Put"}]}"#] {
            assert!(matches!(from_message(broken.as_bytes()), Err(EventError::Json(_))), "{broken}");
        }
    }
}
