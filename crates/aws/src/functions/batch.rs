//! What a function is called with: a batch from a queue, or an event itself; and what it answers.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;

/// What `process` and `router` are called with.
#[derive(Debug)]
pub enum Call {
    /// A batch of SQS messages. Each is answered for by itself.
    Queue(Vec<QueueMessage>),
    /// An event that S3, SNS or EventBridge has handed over without a queue.
    Direct(Value),
}

/// A message as a queue hands it to a function. Fields that nobody uses are left out.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueMessage {
    /// Names the message in the answer.
    pub message_id: String,
    /// What it says.
    #[serde(default)]
    pub body: String,
    /// What SQS says of it.
    #[serde(default)]
    attributes: HashMap<String, String>,
    /// What its sender said of it.
    #[serde(default)]
    message_attributes: HashMap<String, MessageAttribute>,
    /// The trace that the body names.
    #[serde(skip)]
    told_trace: Option<String>,
}

/// What a body that another function has written says of its trace.
#[derive(Deserialize)]
struct Told {
    trace: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessageAttribute {
    #[serde(default)]
    string_value: Option<String>,
}

impl QueueMessage {
    /// Which delivery of the message this is, from 1.
    #[must_use]
    pub fn delivery(&self) -> u32 {
        self.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1)
    }

    /// The trace that the message belongs to: X-Ray's own attribute, or what whoever handed it on has said.
    #[must_use]
    pub fn trace(&self) -> Option<&str> {
        let stated = || self.message_attributes.get("trace").and_then(|attribute| attribute.string_value.as_deref());
        self.attributes.get("AWSTraceHeader").map(String::as_str).or_else(stated).or(self.told_trace.as_deref())
    }
}

impl Call {
    /// Sorts out what a function was called with.
    ///
    /// # Errors
    /// When it looks like a batch from a queue but cannot be read as one.
    pub fn parse(payload: Value) -> Result<Self, serde_json::Error> {
        let records = payload.get("Records").and_then(Value::as_array);
        let is_batch = records.is_some_and(|records| {
            let source = records.first().and_then(|record| record.get("eventSource")).and_then(Value::as_str);
            source == Some("aws:sqs")
        });
        match payload {
            Value::Object(mut payload) if is_batch => {
                let records = payload.remove("Records").unwrap_or_default();
                let mut messages: Vec<QueueMessage> = serde_json::from_value(records)?;
                for message in &mut messages {
                    message.told_trace = serde_json::from_str::<Told>(&message.body).ok().and_then(|told| told.trace);
                }
                Ok(Self::Queue(messages))
            }
            payload => Ok(Self::Direct(payload)),
        }
    }
}

/// The answer to a batch: what is to be delivered again. Everything else is done with.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct BatchResponse {
    /// In the order of the batch.
    #[serde(rename = "batchItemFailures")]
    pub failures: Vec<ItemFailure>,
}

/// One message that is to be delivered again, or the stream's record from which on it is to be read again.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct ItemFailure {
    /// The message's identifier, or the record's sequence number.
    #[serde(rename = "itemIdentifier")]
    pub identifier: String,
}

impl FromIterator<String> for BatchResponse {
    fn from_iter<I: IntoIterator<Item = String>>(identifiers: I) -> Self {
        Self { failures: identifiers.into_iter().map(|identifier| ItemFailure { identifier }).collect() }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn batches_are_told_from_events() {
        let batch = json!({"Records": [{
            "messageId": "059f36b4", "receiptHandle": "AQEB", "body": "{}",
            "attributes": {"ApproximateReceiveCount": "3", "AWSTraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793", "SenderId": "A"},
            "messageAttributes": {"trace": {"stringValue": "other", "dataType": "String"}},
            "md5OfBody": "e4e6", "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-central-1:1:q", "awsRegion": "eu-central-1"
        }]});
        let Call::Queue(messages) = Call::parse(batch).unwrap() else { panic!("not a batch") };
        assert_eq!((messages[0].delivery(), messages[0].trace()), (3, Some("Root=1-5759e988-bd862e3fe1be46a994272793")));
        for event in
            [json!({"Records": [{"eventSource": "aws:s3"}]}), json!({"detail-type": "Object Created"}), json!({"Records": []})]
        {
            assert!(matches!(Call::parse(event).unwrap(), Call::Direct(_)));
        }
    }

    #[test]
    fn what_was_handed_on_keeps_its_trace() {
        let body = json!({"event": {}, "trace": "Root=1"}).to_string();
        let batch = json!({"Records": [{"messageId": "m", "body": body, "eventSource": "aws:sqs"}]});
        let Call::Queue(messages) = Call::parse(batch).unwrap() else { panic!("not a batch") };
        assert_eq!((messages[0].delivery(), messages[0].trace()), (1, Some("Root=1")));
    }

    #[test]
    fn answers_name_what_failed() {
        let answer: BatchResponse = ["m1".to_owned()].into_iter().collect();
        assert_eq!(serde_json::to_value(answer).unwrap(), json!({"batchItemFailures": [{"itemIdentifier": "m1"}]}));
    }
}
