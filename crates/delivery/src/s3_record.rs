//! Events of a bucket in S3's own record JSON, version 2.1 (Amazon S3 User Guide, "Event message structure"), so that
//! handlers which were written for S3 can be called as they are.

use minilab_model::{Event, EventKind, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::json;

/// The media type of the records.
pub(crate) const CONTENT_TYPE: &str = "application/json";

/// What `application/x-www-form-urlencoded` escapes (URL standard), without the slash: S3 leaves it as it is. A space
/// becomes `+` afterwards.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_').remove(b'/').remove(b' ');

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Object<'a> {
    /// Form-encoded.
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e_tag: Option<&'a str>,
    sequencer: String,
}

/// `{"Records": […]}` with the one record of this event.
pub(crate) fn encode(event: &Event, configuration_id: &str, region: &str) -> Result<Vec<u8>, serde_json::Error> {
    // A removal has neither size nor ETag.
    let created = event.kind.is_created();
    let object = Object {
        key: utf8_percent_encode(event.key.as_str(), FORM).to_string().replace(' ', "+"),
        size: created.then_some(event.size_bytes),
        e_tag: created.then_some(event.etag.as_str()),
        sequencer: event.sequencer.to_string(),
    };
    let mut response = serde_json::Map::new();
    if let Some(request_id) = &event.request_id {
        response.insert("x-amz-request-id".to_owned(), json!(request_id));
    }
    // Who asked: the access key. S3 itself writes `Anonymous` for requests without one.
    let principal = json!({"principalId": event.requester.as_deref().unwrap_or("Anonymous")});
    serde_json::to_vec(&json!({"Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": region,
        "eventTime": time(event.time),
        "eventName": name(event.kind),
        "userIdentity": principal,
        "requestParameters": {},
        "responseElements": response,
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": configuration_id,
            "bucket": {
                "name": event.bucket.as_str(),
                "ownerIdentity": {"principalId": "minilab"},
                "arn": format!("arn:aws:s3:::{}", event.bucket),
            },
            "object": object,
        },
    }]}))
}

/// Names in records have no `s3:` before them.
fn name(kind: EventKind) -> &'static str {
    kind.as_str().trim_start_matches("s3:")
}

/// Always with three digits of milliseconds, since handlers have been written with a fixed format.
fn time(time: Timestamp) -> String {
    let text = String::from(time);
    match text.strip_suffix('Z').map(|text| text.split_once('.').unwrap_or((text, ""))) {
        Some((seconds, fraction)) => format!("{seconds}.{fraction:0<3}Z"),
        None => text,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use minilab_model::Sequencer;

    #[test]
    fn records_have_the_fields_of_s3() {
        let event = Event {
            kind: EventKind::CreatedPut,
            bucket: "photos".parse().unwrap(),
            key: "in/a b+ü%.jpg".parse().unwrap(),
            sequencer: Sequencer(10),
            etag: "abc".to_owned(),
            size_bytes: 12,
            time: Timestamp::from_millis(1_795_176_000_250),
            request_id: Some("R1".to_owned()),
            requester: Some("KEY".to_owned()),
        };
        let json: serde_json::Value = serde_json::from_slice(&encode(&event, "hook-1", "eu-west-1").unwrap()).unwrap();
        let record = &json["Records"][0];
        assert_eq!(record["eventVersion"], "2.1");
        assert_eq!(record["eventName"], "ObjectCreated:Put");
        assert_eq!(record["eventTime"], "2026-11-20T12:00:00.250Z");
        assert_eq!(record["awsRegion"], "eu-west-1");
        assert_eq!(record["userIdentity"]["principalId"], "KEY");
        assert_eq!(record["responseElements"]["x-amz-request-id"], "R1");
        assert_eq!(record["s3"]["configurationId"], "hook-1");
        assert_eq!(record["s3"]["bucket"]["arn"], "arn:aws:s3:::photos");
        let object = json!({"key": "in/a+b%2B%C3%BC%25.jpg", "size": 12, "eTag": "abc", "sequencer": "00000000000000000A"});
        assert_eq!(record["s3"]["object"], object);

        let removal = Event { kind: EventKind::RemovedDelete, time: Timestamp::from_millis(0), ..event };
        let json: serde_json::Value = serde_json::from_slice(&encode(&removal, "hook-1", "eu-west-1").unwrap()).unwrap();
        assert_eq!(json["Records"][0]["eventTime"], "1970-01-01T00:00:00.000Z");
        assert!(json["Records"][0]["s3"]["object"].get("size").is_none());
    }
}
