//! What the routes under `/api/v1/jobs`, `/api/v1/notifications` and `/api/v1/rules/apply` say and take, as types: whoever asks from Rust reads
//! what the server writes.

mod apply;
mod delivery;
mod job;
mod words;

pub use apply::{ApplyFailure, ApplyProgress, ApplyRequest, ApplyStage};
pub use delivery::{Deliveries, DeliveryDetail, DeliveryRequest, DeliverySummary, Target};
pub use job::{JobCriteria, JobDetail, JobRequest, JobSummary, Jobs};

use serde::{Deserialize, Serialize};

/// How many were found and changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// The number.
    pub count: u64,
}
