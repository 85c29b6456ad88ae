use minilab_model::ObjectRef;
use serde::{Deserialize, Serialize};

/// What `POST /api/v1/rules/apply` takes: the rules are to be applied to what is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplyRequest {
    /// Only this rule; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Whether variants and records that belong to no rule any more are removed.
    #[serde(default)]
    pub remove_orphans: bool,
    /// The fingerprint of the rules that are meant, as `GET /api/v1/rules` tells it: they must be the ones in force.
    pub fingerprint: String,
}

/// How far the rules have been applied to what was there: what `POST` and `GET /api/v1/rules/apply` answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyProgress {
    /// What was asked for.
    pub request: ApplyRequest,
    /// What is being done.
    pub stage: ApplyStage,
    /// Images to be made.
    pub total: u64,
    /// Those whose job has ended well, or has been overtaken by a newer upload or a deletion.
    pub done: u64,
    /// Those whose job has become a dead letter.
    pub failed: u64,
    /// Pairs of source and rule that were orphans and are gone.
    pub orphans: u64,
    /// Variants that went with them.
    pub removed_variants: u64,
    /// Their bytes in all.
    pub removed_bytes: u64,
    /// The first of those that failed.
    pub failures: Vec<ApplyFailure>,
    /// Why it ended early, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Where applying the rules stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApplyStage {
    /// Orphans are looked for and removed.
    Removing,
    /// What is to be made is counted.
    Counting,
    /// Jobs are queued, and waited for.
    Making,
    /// Everything has been done.
    Finished,
    /// It ended early.
    Stopped,
}

/// An image that a rule failed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyFailure {
    /// The source.
    #[serde(flatten)]
    pub source: ObjectRef,
    /// The rule.
    pub rule: String,
    /// The error of the last attempt.
    pub error: String,
}

impl ApplyProgress {
    /// Nothing done yet.
    #[must_use]
    pub fn new(request: ApplyRequest) -> Self {
        Self {
            request,
            stage: ApplyStage::Removing,
            total: 0,
            done: 0,
            failed: 0,
            orphans: 0,
            removed_variants: 0,
            removed_bytes: 0,
            failures: Vec::new(),
            error: None,
        }
    }

    /// Whether nothing more will happen.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        matches!(self.stage, ApplyStage::Finished | ApplyStage::Stopped)
    }
}
