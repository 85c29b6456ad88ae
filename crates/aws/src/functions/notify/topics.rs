//! Messages to SNS topics.

use crate::functions::queues::attribute_value;
use aws_sdk_sns::Client;
use aws_sdk_sns::error::{DisplayErrorContext, ProvideErrorMetadata as _};
use aws_sdk_sns::types::MessageAttributeValue;
use sha2::{Digest as _, Sha256};
use std::future::Future;
use std::sync::OnceLock;

/// Codes of errors with a 4xx status that go by.
const PASSING: [&str; 8] = [
    "Throttled",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "KMSThrottling",
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
];

/// A message to a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// The same for every try.
    pub id: String,
    /// Messages of one group stay in order, where the topic keeps any.
    pub group: String,
    /// The subject of the e-mail that it becomes.
    pub subject: Option<String>,
    /// What it says.
    pub body: String,
    /// What subscriptions can filter by.
    pub attributes: Vec<(&'static str, String)>,
}

/// Why a message was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// It may be another time.
    #[error("the topic is unavailable: {0}")]
    Unavailable(String),
    /// It never will be: there is no such topic, or it is not ours to publish to.
    #[error("the topic refuses the message: {0}")]
    Refused(String),
}

/// Topics, by their ARNs.
pub trait Topics: Send + Sync + 'static {
    /// Publishes a message.
    ///
    /// # Errors
    /// [`PublishError`] says whether another try can help.
    fn publish(&self, topic: &str, publication: Publication) -> impl Future<Output = Result<(), PublishError>> + Send;
}

/// Topics on SNS. The client is made when it is first used.
pub struct SnsTopics {
    client: OnceLock<Client>,
    connect: Box<dyn Fn() -> Client + Send + Sync>,
}

impl SnsTopics {
    /// Topics that are reached by the client which `connect` makes.
    #[must_use]
    pub fn new(connect: impl Fn() -> Client + Send + Sync + 'static) -> Self {
        Self { client: OnceLock::new(), connect: Box::new(connect) }
    }
}

impl Topics for SnsTopics {
    async fn publish(&self, topic: &str, publication: Publication) -> Result<(), PublishError> {
        let client = self.client.get_or_init(&self.connect);
        let mut request = client.publish().topic_arn(topic).message(publication.body).set_subject(publication.subject);
        for (name, value) in publication.attributes {
            let value = MessageAttributeValue::builder().data_type("String").string_value(attribute_value(&value)).build();
            request = request.message_attributes(name, value.map_err(|error| PublishError::Refused(error.to_string()))?);
        }
        if topic.ends_with(".fifo") {
            // Names of groups and of messages have at most 128 letters that not every key is made of.
            let name = |text: &str| hex::encode(Sha256::digest(text));
            request = request.message_group_id(name(&publication.group)).message_deduplication_id(name(&publication.id));
        }
        request.send().await.map(drop).map_err(|error| {
            let status = error.raw_response().map(|response| response.status().as_u16());
            let passes = error.code().is_some_and(|code| PASSING.contains(&code));
            let reason = match (error.code(), error.message()) {
                (Some(code), Some(message)) => format!("{code}: {message}"),
                _ => DisplayErrorContext(&error).to_string(),
            };
            match status {
                Some(400..=499) if status != Some(429) && !passes => PublishError::Refused(reason),
                _ => PublishError::Unavailable(reason),
            }
        })
    }
}
