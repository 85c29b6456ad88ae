//! `notify`: the table's stream in, messages to SNS out; and digests when its clock rings.
//!
//! The rows were written in the transaction that made them true, so that what the stream tells has happened.

mod digest;
#[cfg(test)]
mod tests;
mod topics;

pub use topics::{Publication, PublishError, SnsTopics, Topics};

use super::batch::BatchResponse;
use super::invocation::Invocation;
use super::log::Line;
use super::process::OWN_TOPIC;
use super::queues::{Outgoing, Queues};
use super::settings::NotifySettings;
use crate::{metrics, table};
use futures::StreamExt as _;
use minilab_model::{Message, Notification, NotificationTarget, OutcomeMessage, cloud_event};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;

/// Messages that are published at once.
const CONCURRENCY: usize = 8;

/// The `source` of CloudEvents, a URI reference.
const SOURCE: &str = "minilab";

/// The function.
pub struct Notify<T, Q> {
    topics: T,
    queues: Q,
    settings: NotifySettings,
    /// The table's partition key.
    table_key: String,
}

/// A record of the table's stream, as far as it is used.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StreamRecord {
    #[serde(default)]
    event_name: String,
    dynamodb: Change,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change {
    sequence_number: String,
    #[serde(default)]
    new_image: HashMap<String, HashMap<String, Value>>,
}

impl Change {
    /// An attribute of type String.
    fn text(&self, name: &str) -> Option<&str> {
        self.new_image.get(name)?.get("S")?.as_str()
    }
}

/// What came of a record.
enum Told {
    /// It is done with.
    Yes,
    /// It is to be read again.
    Again(String),
}

impl<T: Topics, Q: Queues> Notify<T, Q> {
    /// The function over these topics and queues, for a table whose partition key is `table_key`.
    #[must_use]
    pub fn new(settings: NotifySettings, table_key: String, topics: T, queues: Q) -> Self {
        Self { topics, queues, settings, table_key }
    }

    /// Answers one call: a batch of the table's stream, or a clock's event, whatever it says.
    ///
    /// # Errors
    /// What to tell Lambda, so that it calls again.
    pub async fn call(&self, mut payload: Value, invocation: &Invocation) -> Result<BatchResponse, String> {
        let records = payload.get_mut("Records").map(Value::take);
        let Some(records) = records else {
            self.digest(invocation).await?;
            return Ok(BatchResponse::default());
        };
        let records: Vec<StreamRecord> =
            serde_json::from_value(records).map_err(|error| format!("the records are none of a table's stream: {error}"))?;
        // A topic that keeps the order gets it.
        let keeps_order = records.iter().any(|record| {
            let topic = self.settings.topic.as_deref().unwrap_or_default();
            topic.ends_with(".fifo") || record.dynamodb.text(table::NOTIFICATION).is_some_and(|row| row.contains(".fifo\""))
        });
        let concurrency = if keeps_order { 1 } else { CONCURRENCY };
        let mut told = futures::stream::iter(&records).map(|record| self.record(record, invocation)).buffered(concurrency);
        let mut position = 0;
        while let Some(outcome) = told.next().await {
            if let (Told::Again(reason), Some(record)) = (outcome, records.get(position)) {
                let number = &record.dynamodb.sequence_number;
                Line::new("notify").with("outcome", "again").with("record", number).with("error", reason).print();
                // The stream is read again from here on.
                return Ok([number.clone()].into_iter().collect());
            }
            position += 1;
        }
        Ok(BatchResponse::default())
    }

    async fn record(&self, record: &StreamRecord, invocation: &Invocation) -> Told {
        let change = &record.dynamodb;
        if record.event_name != "INSERT" || change.text(table::KIND) != Some(table::NOTIFICATION_KIND) {
            return Told::Yes;
        }
        if !invocation.has_time() {
            return Told::Again("there was no time left to begin".to_owned());
        }
        let row = change.text(table::NOTIFICATION).unwrap_or_default();
        let notification: Notification = match serde_json::from_str(row) {
            Ok(notification) => notification,
            Err(error) => return refused(&format!("a row is no notification: {error}")),
        };
        let Message::Outcome(told) = notification.message else { return refused("a row tells of no image") };
        let id = change.text(&self.table_key).unwrap_or(&change.sequence_number);
        let id = id.rsplit('#').next().unwrap_or(id);
        match notification.target {
            NotificationTarget::Sns(target) if target.topic_arn == OWN_TOPIC => match &self.settings.topic {
                Some(topic) => self.publish(topic, id, &told).await,
                None => Told::Yes,
            },
            NotificationTarget::Sns(target) => self.publish(&target.topic_arn, id, &told).await,
            NotificationTarget::Email(_) => self.to_digest(&told).await,
            NotificationTarget::Log => {
                line(&told, "told").print();
                Told::Yes
            }
            NotificationTarget::Webhook(_) | NotificationTarget::BucketWebhook(_) => {
                refused("webhooks are not called from here; subscribe the address to the stack's topic")
            }
        }
    }

    async fn publish(&self, topic: &str, id: &str, told: &OutcomeMessage) -> Told {
        let body = match cloud_event::encode(id, SOURCE, told) {
            Ok(body) => String::from_utf8_lossy(&body).into_owned(),
            Err(error) => return refused(&error.to_string()),
        };
        let mut attributes = vec![
            ("outcome", told.outcome.as_str().to_owned()),
            ("rule", told.rule.clone()),
            ("bucket", told.source.bucket.as_str().to_owned()),
        ];
        if let Some(request) = &told.request_id {
            attributes.push(("trace", request.clone()));
        }
        let publication = Publication { id: id.to_owned(), group: told.source.to_string(), subject: None, body, attributes };
        match self.topics.publish(topic, publication).await {
            Ok(()) => {
                line(told, "published").with("topic", topic).count(metrics::PUBLISHED).print();
                Told::Yes
            }
            // It would hold up all that come after it, and fail in the same way.
            Err(PublishError::Refused(reason)) => {
                line(told, "refused").with("topic", topic).with("error", reason).count(metrics::FAILED).print();
                Told::Yes
            }
            Err(PublishError::Unavailable(reason)) => Told::Again(reason),
        }
    }

    async fn to_digest(&self, told: &OutcomeMessage) -> Told {
        let Some(digest) = &self.settings.digest else {
            return refused("there is no digest; list the receivers in `aws.emails` and deploy the stack again");
        };
        let Ok(body) = serde_json::to_string(told) else { return refused("an outcome cannot be written") };
        let sent = self.queues.send(&digest.queue, vec![Outgoing { body, attributes: Vec::new(), trace: None }]).await;
        match sent.into_iter().next() {
            Some(Err(error)) => Told::Again(error.to_string()),
            _ => Told::Yes,
        }
    }
}

/// A row that nobody can ever be told of is told to the log.
fn refused(reason: &str) -> Told {
    Line::new("notify").with("outcome", "refused").with("error", reason).count(metrics::FAILED).print();
    Told::Yes
}

fn line(told: &OutcomeMessage, outcome: &'static str) -> Line {
    let line = Line::new("notify").with("outcome", outcome).with("told", told.outcome).with("rule", &told.rule);
    let line = line.with("bucket", &told.source.bucket).with("key", &told.source.key);
    line.with("request", told.request_id.as_deref())
}
