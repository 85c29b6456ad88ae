//! What a function works by. It lies in the zip beside the binary, so that a change of the rules is a change of the code
//! that is deployed, and can be rolled back with it.

use crate::config::AwsConfig;
use minilab_model::{BucketName, Limits, NotificationSpec, Rule, RuleError, RuleSet};
use serde::{Deserialize, Serialize};

/// The name of the bundle's file in the zip.
pub const FILE: &str = "minilab.json";

/// The checked configuration, as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bundle {
    /// The rules.
    pub rules: Vec<Rule>,
    /// Who is told of what.
    pub notifications: Vec<NotificationSpec>,
    /// Bounds of the work.
    pub limits: Limits,
    /// The `[aws]` table.
    pub aws: AwsConfig,
}

impl Bundle {
    /// The rules, checked once more: a bundle may have been changed by hand.
    ///
    /// # Errors
    /// [`RuleError`].
    pub fn rule_set(&self) -> Result<RuleSet, RuleError> {
        RuleSet::new(self.rules.clone())
    }

    /// The bucket that is meant when none is named: the first rule's.
    #[must_use]
    pub fn default_bucket(&self) -> Option<&BucketName> {
        self.rules.first().map(|rule| &rule.bucket)
    }
}
