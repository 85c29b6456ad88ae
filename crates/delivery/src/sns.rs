//! Messages to SNS topics, by the AWS SDK. Credentials come from the SDK's default chain: environment, profile, container,
//! instance.

use crate::Timeouts;
use crate::detail::{chain, clean};
use crate::webhook::Answer;
use crate::{DeliveryOutcome, Outgoing};
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_sns::Client;
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sns::operation::publish::PublishError;
use aws_sdk_sns::types::MessageAttributeValue;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use minilab_model::{Message, SnsTarget};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use tokio::sync::Mutex;

/// Codes of errors with a 4xx status that go by.
const PASSING: [&str; 7] =
    ["Throttled", "ThrottledException", "Throttling", "ThrottlingException", "KMSThrottling", "ExpiredToken", "RequestExpired"];

/// The clients of all topics, one for each region and endpoint, made when first used.
pub(crate) struct Topics {
    timeouts: Timeouts,
    clients: Mutex<HashMap<(String, Option<String>), Client>>,
}

impl Topics {
    pub fn new(timeouts: Timeouts) -> Self {
        Self { timeouts, clients: Mutex::default() }
    }

    /// Publishes the JSON that a webhook would get.
    pub async fn publish(&self, target: &SnsTarget, outgoing: &Outgoing, body: Vec<u8>) -> Answer {
        let Some(region) = region(&target.topic_arn) else {
            return Answer::refused(format!("`{}` is not a topic's ARN", target.topic_arn));
        };
        let text = match String::from_utf8(body) {
            Ok(text) => text,
            Err(error) => return Answer::refused(chain(&error)),
        };
        let publish = async {
            let client = self.client(region, target.endpoint.as_deref()).await;
            let mut request = client.publish().topic_arn(&target.topic_arn).message(text);
            for (name, value) in attributes(&outgoing.notification.message) {
                let value = MessageAttributeValue::builder().data_type("String").string_value(value).build();
                match value {
                    Ok(value) => request = request.message_attributes(name, value),
                    Err(error) => return Answer::refused(chain(&error)),
                }
            }
            // What is told of one object stays in order, and a repeat within five minutes is dropped by SNS itself.
            if target.topic_arn.ends_with(".fifo") {
                request =
                    request.message_group_id(group(&outgoing.notification.message)).message_deduplication_id(&outgoing.message_id);
            }
            match request.send().await {
                Ok(published) => Answer {
                    outcome: DeliveryOutcome::Delivered,
                    status: Some(200),
                    detail: published.message_id().map_or_else(String::new, |id| format!("message {id}")),
                },
                Err(error) => failed(&error),
            }
        };
        match tokio::time::timeout(self.timeouts.request, publish).await {
            Ok(answer) => answer,
            Err(_) => Answer::retry(format!("no answer within {} s", self.timeouts.request.as_secs_f32())),
        }
    }

    async fn client(&self, region: &str, endpoint: Option<&str>) -> Client {
        let key = (region.to_owned(), endpoint.map(str::to_owned));
        let mut clients = self.clients.lock().await;
        if let Some(client) = clients.get(&key) {
            return client.clone();
        }
        let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .region(Region::new(region.to_owned()))
            // Who calls tries again, and writes down each attempt.
            .retry_config(RetryConfig::disabled());
        if let Some(endpoint) = endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        let client = Client::new(&loader.load().await);
        clients.insert(key, client.clone());
        client
    }
}

/// The region in `arn:PARTITION:sns:REGION:ACCOUNT:NAME`.
pub(crate) fn region(arn: &str) -> Option<&str> {
    match arn.split(':').collect::<Vec<_>>()[..] {
        ["arn", partition, "sns", region, account, name] if ![partition, region, account, name].contains(&"") => Some(region),
        _ => None,
    }
}

/// What subscriptions can filter by.
fn attributes(message: &Message) -> Vec<(&'static str, String)> {
    match message {
        Message::Outcome(told) => vec![("outcome", told.outcome.as_str().to_owned()), ("rule", told.rule.clone())],
        Message::S3Event { event, .. } => vec![("event", event.kind.as_str().to_owned())],
    }
}

/// A group for each object; its name must be of 128 letters that not every key is made of.
fn group(message: &Message) -> String {
    let object = match message {
        Message::Outcome(told) => told.source.to_string(),
        Message::S3Event { event, .. } => event.object().to_string(),
    };
    hex::encode(Sha256::digest(object))
}

fn failed(error: &SdkError<PublishError>) -> Answer {
    let status = error.raw_response().map(|response| response.status().as_u16());
    let passes = error.code().is_some_and(|code| PASSING.contains(&code));
    let outcome = match status {
        Some(400..=499) if status != Some(429) && !passes => DeliveryOutcome::Refused,
        _ => DeliveryOutcome::Retry { after: None },
    };
    let detail = match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        _ => chain(error),
    };
    Answer { outcome, status, detail: clean(&detail, &[]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_stands_in_the_arn() {
        assert_eq!(region("arn:aws:sns:eu-central-1:123456789012:images"), Some("eu-central-1"));
        assert_eq!(region("arn:aws-cn:sns:cn-north-1:123456789012:images.fifo"), Some("cn-north-1"));
        for wrong in ["", "images", "arn:aws:sqs:eu-central-1:123456789012:images", "arn:aws:sns::123456789012:images"] {
            assert_eq!(region(wrong), None, "{wrong}");
        }
    }
}
