use crate::{Failure, ObjectRef, Timestamp};
use serde::{Deserialize, Serialize};

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
}

/// Where one notification goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NotificationTarget {
    /// A POST.
    Webhook(WebhookTarget),
    /// A log line.
    Log,
}

/// One message to one target, written in the transaction that makes it true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Where it goes.
    pub target: NotificationTarget,
    /// What is told.
    pub outcome: Outcome,
    /// The source image.
    pub source: ObjectRef,
    /// The rule.
    pub rule: String,
    /// When it came to be.
    pub time: Timestamp,
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
        let log = self.log.then_some(NotificationTarget::Log);
        webhook.into_iter().chain(log).filter(move |_| wanted)
    }
}
