use crate::{Event, Failure, ObjectRef, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What somebody can be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// A rule's variants and the record are there.
    #[serde(rename = "image.processed")]
    Processed,
    /// A job ended as a dead letter.
    #[serde(rename = "image.failed")]
    Failed,
    /// A source was deleted, and its record with it.
    #[serde(rename = "image.removed")]
    Removed,
}

impl Outcome {
    /// The name used in configuration and payloads.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Processed => "image.processed",
            Self::Failed => "image.failed",
            Self::Removed => "image.removed",
        }
    }
}

/// Who is told of what: a `[[notifications]]` table of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotificationSpec {
    /// The outcomes that are told.
    pub on: Vec<Outcome>,
    /// Only these rules; all when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// Told by an HTTP POST to this address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookTarget>,
    /// Told by e-mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailTarget>,
    /// Told by a message to an SNS topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sns: Option<SnsTarget>,
    /// Told by a line in the log.
    #[serde(default)]
    pub log: bool,
}

/// An HTTP address that receives notifications.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookTarget {
    /// `http://` or `https://` address.
    pub url: String,
    /// Name of the environment variable that holds the signing secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_env: Option<String>,
    /// Whether the address may be a private one: loopback, the local network. Default no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_private: bool,
}

/// People who are told by e-mail. The mail server stands in the configuration's `[smtp]` table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailTarget {
    /// The receivers' addresses.
    pub to: Vec<String>,
    /// What is told in this time goes into one message. Default 0: a message for each image.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub digest_minutes: u32,
    /// Most messages in an hour; what is beyond waits and is told together. Default 60.
    #[serde(default = "EmailTarget::default_max_per_hour")]
    pub max_per_hour: u32,
}

impl EmailTarget {
    const fn default_max_per_hour() -> u32 {
        60
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// An SNS topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnsTarget {
    /// The topic: `arn:aws:sns:eu-central-1:123456789012:images`.
    pub topic_arn: String,
    /// Another endpoint than the region's own: an emulator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// Where one notification goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotificationTarget {
    /// A POST of a CloudEvent.
    Webhook(WebhookTarget),
    /// A POST of S3's own event JSON to the webhook of this name in the configuration (`[[webhooks]]`), as a bucket's
    /// notification configuration asks for it.
    BucketWebhook(String),
    /// A message by e-mail.
    Email(EmailTarget),
    /// A message to a topic.
    Sns(SnsTarget),
    /// A log line.
    Log,
}

impl NotificationTarget {
    /// Tells targets apart in the index and in metrics: the kind, and 16 hex digits of a hash over everything that makes
    /// it this target. No part of an address or a secret can be read from it.
    #[must_use]
    pub fn id(&self) -> String {
        // A target has no maps and no floats, so its JSON always comes out, and always the same.
        let json = serde_json::to_vec(self).unwrap_or_default();
        format!("{}-{}", self.kind(), hex::encode(&Sha256::digest(json)[..8]))
    }

    /// The kind: `webhook`, `bucket_webhook`, `email`, `sns`, `log`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::BucketWebhook(_) => "bucket_webhook",
            Self::Email(_) => "email",
            Self::Sns(_) => "sns",
            Self::Log => "log",
        }
    }

    /// The target as people call it: the address without what follows `?`, the receivers, the topic.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Webhook(webhook) => webhook.label(),
            Self::BucketWebhook(name) => name.clone(),
            Self::Email(email) => email.to.join(", "),
            Self::Sns(sns) => sns.topic_arn.clone(),
            Self::Log => "the log".to_owned(),
        }
    }
}

impl WebhookTarget {
    /// The address without user, query and fragment, which can hold secrets.
    #[must_use]
    pub fn label(&self) -> String {
        let address = self.url.split(['?', '#']).next().unwrap_or_default();
        match address.split_once("://") {
            Some((scheme, rest)) => {
                let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                let host = authority.rsplit('@').next().unwrap_or_default();
                format!("{scheme}://{host}{path}")
            }
            None => address.to_owned(),
        }
    }
}

/// One message to one target, written in the transaction that makes it true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Where it goes.
    pub target: NotificationTarget,
    /// What is told.
    #[serde(flatten)]
    pub message: Message,
}

/// What a notification says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum Message {
    /// How a job ended.
    Outcome(OutcomeMessage),
    /// What happened to an object, for those who asked the bucket to be told.
    S3Event {
        /// The event.
        event: Box<Event>,
        /// The `Id` of the bucket's notification configuration that asked.
        configuration_id: String,
    },
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeMessage {
    /// How.
    pub outcome: Outcome,
    /// The source image.
    pub source: ObjectRef,
    /// The rule.
    pub rule: String,
    /// When it came to be.
    pub time: Timestamp,
    /// The request that uploaded the source (`x-amz-request-id`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Keys of the variants that were made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<ObjectRef>,
    /// What went wrong, for [`Outcome::Failed`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

impl NotificationSpec {
    /// The targets that are told of this outcome of this rule.
    pub fn targets<'a>(&'a self, outcome: Outcome, rule: &str) -> impl Iterator<Item = NotificationTarget> + use<'a> {
        let wanted = self.on.contains(&outcome) && (self.rules.is_empty() || self.rules.iter().any(|name| name == rule));
        let webhook = self.webhook.clone().map(NotificationTarget::Webhook);
        let email = self.email.clone().map(NotificationTarget::Email);
        let sns = self.sns.clone().map(NotificationTarget::Sns);
        let log = self.log.then_some(NotificationTarget::Log);
        webhook.into_iter().chain(email).chain(sns).chain(log).filter(move |_| wanted)
    }
}

/// What a bucket's notification configuration asks for: events of some keys are told to one webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketNotification {
    /// The configuration's `Id`, unique in its bucket.
    pub id: String,
    /// Which events.
    pub events: Vec<crate::EventPattern>,
    /// Only keys that start with this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Only keys that end with this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
    /// Name of the webhook in the configuration (`[[webhooks]]`), the last part but one of its ARN
    /// `arn:minilab:sqs::NAME:webhook`.
    pub webhook: String,
}

impl BucketNotification {
    /// Whether this event is told.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        let key = event.key.as_str();
        self.events.iter().any(|pattern| pattern.matches(event.kind))
            && self.prefix.as_ref().is_none_or(|prefix| key.starts_with(prefix.as_str()))
            && self.suffix.as_ref().is_none_or(|suffix| key.ends_with(suffix.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_hold_no_secrets() {
        let label = |url: &str| WebhookTarget { url: url.to_owned(), secret_env: None, allow_private: false }.label();
        assert_eq!(label("https://me:pw@example.com:8443/hook/a?token=x#y"), "https://example.com:8443/hook/a");
        assert_eq!(label("http://a@b?x"), "http://b");
    }

    #[test]
    fn targets_have_stable_ids() {
        assert_eq!(NotificationTarget::Log.id(), NotificationTarget::Log.id());
        assert!(NotificationTarget::Log.id().starts_with("log-"));
        assert_ne!(NotificationTarget::Log.id(), NotificationTarget::BucketWebhook("log".to_owned()).id());
    }
}
