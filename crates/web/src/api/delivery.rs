use minilab_embedded::{DeliveryAttempt, DeliveryInfo, DeliveryState};
use minilab_model::{Message, ObjectRef, Timestamp};
use serde::{Deserialize, Serialize};

/// Some notifications, the newest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Deliveries {
    /// The notifications.
    pub notifications: Vec<DeliverySummary>,
    /// What to give as `after` to get those before them; `None` when there are none.
    pub next: Option<i64>,
}

/// Where a notification goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Tells targets apart; no part of an address can be read from it.
    pub id: String,
    /// `webhook`, `bucket_webhook`, `email`, `sns` or `log`.
    pub kind: String,
    /// As people call it, without secrets.
    pub label: String,
}

/// A notification in a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeliverySummary {
    /// The store's number for it.
    pub id: i64,
    /// Where it stands.
    pub state: DeliveryState,
    /// Where it goes.
    pub target: Target,
    /// What is told: `image.processed`, `s3:ObjectCreated:Put`.
    pub event: String,
    /// The object that it is about.
    #[serde(flatten)]
    pub source: ObjectRef,
    /// Attempts made since it was queued or last asked for again.
    pub attempt: u32,
    /// How the last attempt went.
    pub last_attempt: Option<DeliveryAttempt>,
    /// When it came to be.
    pub created_at: Timestamp,
    /// Waiting: when it is tried next. Delivered, dead: when that came to be.
    pub due_at: Timestamp,
}

/// Everything about a notification.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeliveryDetail {
    /// What a list says of it.
    #[serde(flatten)]
    pub summary: DeliverySummary,
    /// The same for every attempt and no other notification.
    pub message_id: String,
    /// How the last attempts went, the latest last.
    pub attempts: Vec<DeliveryAttempt>,
    /// What is told.
    pub message: Message,
}

impl From<DeliveryInfo> for DeliverySummary {
    fn from(info: DeliveryInfo) -> Self {
        Self::of(&info)
    }
}

impl DeliverySummary {
    fn of(info: &DeliveryInfo) -> Self {
        let (event, source) = match &info.message {
            Message::Outcome(told) => (told.outcome.as_str(), told.source.clone()),
            Message::S3Event { event, .. } => (event.kind.as_str(), event.object()),
        };
        Self {
            id: info.id,
            state: info.state,
            target: Target { id: info.target_id.clone(), kind: info.target_kind.to_owned(), label: info.target_label.clone() },
            event: event.to_owned(),
            source,
            attempt: info.attempt,
            last_attempt: info.attempts.last().cloned(),
            created_at: info.created_at,
            due_at: info.due_at,
        }
    }
}

impl From<DeliveryInfo> for DeliveryDetail {
    fn from(info: DeliveryInfo) -> Self {
        let summary = DeliverySummary::of(&info);
        Self { summary, message_id: info.message_id, attempts: info.attempts, message: info.message }
    }
}

/// Which notifications are to be told again: exactly one of the three.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryRequest {
    /// These, whatever their state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<i64>>,
    /// All that were given up for the target with this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// All that were given up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}
