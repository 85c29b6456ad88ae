//! Notifications: rows written in the transaction that makes them true, drained by the flow's last stage.

use minilab_model::Notification;

/// A notification that is to be delivered.
#[derive(Debug, Clone)]
pub struct PendingNotification {
    /// The store's number for it.
    pub id: i64,
    /// The same for every attempt and no other notification; 32 hex digits.
    pub message_id: String,
    /// What is told to whom.
    pub notification: Notification,
    /// Which attempt this is, counting from 1.
    pub attempt: u32,
    /// When it came to be.
    pub created_at: minilab_model::Timestamp,
}
