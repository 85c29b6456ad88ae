//! Stand-ins for AWS in the functions' own tests.

use super::invocation::Invocation;
use super::notify::{Publication, PublishError, Topics};
use super::process::{Observe, ObserveError};
use super::queues::{Outgoing, QueueError, Queues, Received};
use crate::Bundle;
use bytes::Bytes;
use minilab_model::{BucketName, CollectionStatistics, Event, ImageRecord, Limits, ObjectRef, SourceVersion, Timestamp};
use minilab_pipeline::{Catalog, CatalogError, CatalogWrite, Commit, NewVariant, ObjectStore, SourceInfo, SourceState, StoreError};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A bundle whose one rule makes thumbnails of what is under `in/` of `photos` into `prints`.
pub(crate) fn bundle() -> Bundle {
    let rules = json!([{
        "name": "sizes", "bucket": "photos", "prefix": "in/",
        "variants": [{"name": "thumb", "bucket": "prints", "key": "{stem}.jpg", "format": "jpeg",
            "steps": [{"resize": {"width": 8, "height": 8}}]}]
    }]);
    Bundle {
        rules: serde_json::from_value(rules).unwrap(),
        notifications: Vec::new(),
        limits: Limits::default(),
        aws: crate::AwsConfig::default(),
    }
}

/// A call that has this many seconds left.
pub(crate) fn invocation(seconds: u64) -> Invocation {
    Invocation { deadline: Instant::now() + Duration::from_secs(seconds), trace: None }
}

/// A BMP with 24 bits a pixel, cut to `bytes` when it is longer.
pub(crate) fn bmp(width: u32, height: u32, bytes: usize) -> Vec<u8> {
    let row = (width as usize * 3).next_multiple_of(4);
    let body = row * height as usize;
    let mut file = Vec::new();
    file.extend_from_slice(b"BM");
    file.extend_from_slice(&u32::try_from(54 + body).unwrap().to_le_bytes());
    file.extend_from_slice(&[0; 4]);
    file.extend_from_slice(&54u32.to_le_bytes());
    file.extend_from_slice(&40u32.to_le_bytes());
    file.extend_from_slice(&width.to_le_bytes());
    file.extend_from_slice(&height.to_le_bytes());
    file.extend_from_slice(&[1, 0, 24, 0]);
    file.extend_from_slice(&[0; 24]);
    file.resize((54 + body).min(bytes), 0x7F);
    file
}

/// What S3 says of an object, as it arrives in a queue.
pub(crate) fn s3_notification(name: &str, key: &str, size: usize) -> Value {
    json!({"Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-central-1", "eventTime": "2026-11-20T12:00:00.000Z",
        "eventName": name, "userIdentity": {"principalId": "AWS:AIDA"}, "requestParameters": {"sourceIPAddress": "192.0.2.1"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyU"},
        "s3": {"s3SchemaVersion": "1.0", "configurationId": "minilab", "bucket": {"name": "photos",
            "ownerIdentity": {"principalId": "A3"}, "arn": "arn:aws:s3:::photos"},
            "object": {"key": key, "size": size, "eTag": "d41d8cd9", "sequencer": "0055AED6DCD90281E5"}}
    }]})
}

/// What EventBridge says of one.
pub(crate) fn bridged(key: &str, size: usize) -> Value {
    json!({
        "version": "0", "id": "17793124-05d4-b198-2fde-7ededc63b103", "detail-type": "Object Created", "source": "aws.s3",
        "account": "111122223333", "time": "2026-11-20T12:00:00Z", "region": "eu-central-1", "resources": ["arn:aws:s3:::photos"],
        "detail": {"version": "0", "bucket": {"name": "photos"}, "object": {"key": key, "size": size, "etag": "d41d8cd9",
            "sequencer": "617f08299329d189"}, "request-id": "N4N7GDK58NMKJ12R", "requester": "123456789012",
            "source-ip-address": "192.0.2.1", "reason": "PutObject"}
    })
}

/// SNS around it.
pub(crate) fn enveloped(message: &Value) -> Value {
    json!({"Type": "Notification", "MessageId": "22b80b92", "TopicArn": "arn:aws:sns:eu-central-1:1:uploads",
        "Subject": "Amazon S3 Notification", "Message": message.to_string(), "Timestamp": "2026-11-20T12:00:00.000Z",
        "SignatureVersion": "1", "Signature": "x", "SigningCertURL": "https://sns.example/", "UnsubscribeURL": "https://sns.example/"})
}

/// A batch of SQS messages `m0`, `m1`, … with these bodies, each delivered for this time.
pub(crate) fn batch(bodies: &[String], delivery: u32) -> Value {
    let records: Vec<Value> = bodies
        .iter()
        .enumerate()
        .map(|(index, body)| {
            json!({
                "messageId": format!("m{index}"), "receiptHandle": "AQEB", "body": body, "md5OfBody": "e4e68fb7",
                "attributes": {"ApproximateReceiveCount": delivery.to_string(), "SentTimestamp": "1795176000000",
                    "SenderId": "AIDA", "AWSTraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793"},
                "messageAttributes": {}, "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-central-1:1:ingest",
                "awsRegion": "eu-central-1"
            })
        })
        .collect();
    json!({ "Records": records })
}

/// Content and names of user metadata.
type FakeObject = (Vec<u8>, Vec<&'static str>);

/// Objects in memory, catalog and observer in one. Keys say what goes wrong with them.
#[derive(Clone, Default)]
pub(crate) struct Fake {
    /// By key; all in the bucket `photos`.
    pub(crate) objects: Arc<Mutex<HashMap<String, FakeObject>>>,
    pub(crate) written: Arc<Mutex<Vec<String>>>,
    pub(crate) commits: Arc<Mutex<Vec<CatalogWrite>>>,
    pub(crate) records: Arc<Mutex<Vec<ImageRecord>>>,
}

impl Fake {
    pub(crate) fn with(self, key: &str, content: Vec<u8>) -> Self {
        self.objects.lock().unwrap().insert(key.to_owned(), (content, Vec::new()));
        self
    }

    pub(crate) fn with_variant(self, key: &str, content: Vec<u8>) -> Self {
        self.objects.lock().unwrap().insert(key.to_owned(), (content, vec![minilab_model::provenance::SOURCE]));
        self
    }

    fn object(&self, source: &SourceVersion) -> Result<FakeObject, StoreError> {
        let key = source.object.key.as_str();
        assert!(!key.contains("bug"), "a bug that this key shows");
        if key.contains("down") {
            return Err(StoreError::Unavailable("no answer".into()));
        }
        let superseded = || StoreError::Superseded { object: source.object.clone(), sequencer: source.sequencer };
        self.objects.lock().unwrap().get(key).cloned().ok_or_else(superseded)
    }
}

impl ObjectStore for Fake {
    async fn head(&self, source: &SourceVersion) -> Result<SourceInfo, StoreError> {
        // Of one that is down, the properties are still known, so that a failure can be recorded.
        let (content, metadata) = match self.object(source) {
            Err(StoreError::Unavailable(_)) => (Vec::new(), Vec::new()),
            other => other?,
        };
        Ok(SourceInfo {
            size_bytes: content.len().max(1) as u64,
            etag: "d41d8cd9".to_owned(),
            sha256: String::new(),
            content_type: None,
            user_metadata: metadata.into_iter().map(|name| (name.to_owned(), "x".to_owned())).collect(),
            created_at: Timestamp::from_millis(0),
        })
    }

    async fn read(&self, source: &SourceVersion, range: Range<u64>) -> Result<Bytes, StoreError> {
        let (content, _) = self.object(source)?;
        let end = usize::try_from(range.end).unwrap().min(content.len());
        Ok(Bytes::copy_from_slice(&content[usize::try_from(range.start).unwrap()..end]))
    }

    async fn hash(&self, _: &SourceVersion) -> Result<String, StoreError> {
        Ok(String::new())
    }

    async fn read_current(&self, _: &ObjectRef, _: u64) -> Result<Option<Bytes>, StoreError> {
        Ok(None)
    }

    async fn replace_variants(
        &self,
        _: &SourceVersion,
        _: SourceState,
        _: &str,
        variants: Vec<NewVariant>,
    ) -> Result<(), StoreError> {
        self.written.lock().unwrap().extend(variants.iter().map(|variant| variant.destination.to_string()));
        Ok(())
    }

    async fn add_tags(&self, _: &SourceVersion, _: &BTreeMap<String, String>) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Catalog for Fake {
    async fn commit(&self, write: CatalogWrite) -> Result<Commit, CatalogError> {
        self.commits.lock().unwrap().push(write);
        Ok(Commit::Applied)
    }

    async fn image(&self, source: &ObjectRef) -> Result<Option<ImageRecord>, CatalogError> {
        let records = self.records.lock().unwrap();
        Ok(records.iter().find(|record| record.bucket == source.bucket && record.key == source.key).cloned())
    }

    async fn statistics(&self, _: &BucketName) -> Result<CollectionStatistics, CatalogError> {
        Ok(CollectionStatistics { count: 7, ..CollectionStatistics::default() })
    }
}

impl Observe for Fake {
    async fn observe(&self, event: &Event) -> Result<bool, ObserveError> {
        Ok(!event.key.as_str().contains("old"))
    }
}

/// Queues in memory.
#[derive(Clone, Default)]
pub(crate) struct FakeQueues {
    pub(crate) sent: Arc<Mutex<Vec<(String, Outgoing)>>>,
    pub(crate) waiting: Arc<Mutex<Vec<Received>>>,
    pub(crate) deleted: Arc<Mutex<usize>>,
}

impl Queues for FakeQueues {
    async fn send(&self, queue: &str, messages: Vec<Outgoing>) -> Vec<Result<(), QueueError>> {
        let send = |message: Outgoing| {
            if message.body.contains("unsendable") {
                return Err(QueueError { queue: queue.to_owned(), reason: "no answer".to_owned() });
            }
            self.sent.lock().unwrap().push((queue.to_owned(), message));
            Ok(())
        };
        messages.into_iter().map(send).collect()
    }

    async fn receive(&self, _: &str) -> Result<Vec<Received>, QueueError> {
        let mut waiting = self.waiting.lock().unwrap();
        let count = waiting.len().min(10);
        Ok(waiting.drain(..count).collect())
    }

    async fn delete(&self, _: &str, messages: &[Received]) -> Result<(), QueueError> {
        *self.deleted.lock().unwrap() += messages.len();
        Ok(())
    }
}

/// Topics in memory.
#[derive(Clone, Default)]
pub(crate) struct FakeTopics {
    pub(crate) published: Arc<Mutex<Vec<(String, Publication)>>>,
}

impl Topics for FakeTopics {
    async fn publish(&self, topic: &str, publication: Publication) -> Result<(), PublishError> {
        if publication.body.contains("throttled") {
            return Err(PublishError::Unavailable("throttled".to_owned()));
        }
        if topic.contains("missing") {
            return Err(PublishError::Refused("NotFound".to_owned()));
        }
        self.published.lock().unwrap().push((topic.to_owned(), publication));
        Ok(())
    }
}
