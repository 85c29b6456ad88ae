//! The `[aws]` table: its mistakes in their places.

use super::{Config, ConfigError, position};
use minilab_aws::{AwsConfig, AwsConfigError, Bundle, DeployError};
use std::path::Path;

/// Checks the table by itself.
pub(super) fn check(file: &Path, text: &str, aws: &AwsConfig) -> Result<(), ConfigError> {
    aws.validate().map_err(|error| placed(file, text, &error))
}

impl Config {
    /// What is deployed on AWS.
    ///
    /// # Errors
    /// [`ConfigError`] names the line of what AWS cannot do.
    pub fn bundle(&self) -> Result<Bundle, ConfigError> {
        let (file, text) = (&self.origin.file, &self.origin.text);
        let line = |offset, error: &DeployError| ConfigError::value(file, text, offset, error.to_string());
        Bundle::new(self.rules.iter().cloned(), self.notifications.clone(), self.limits, self.aws.clone()).map_err(|error| {
            match error {
                DeployError::Aws(error) => placed(file, text, &error),
                DeployError::Rule(error) => self.origin.rule_error(error),
                DeployError::Bucket { ref rule, .. } => line(self.origin.rule_start(rule), &error),
                DeployError::Webhook { .. } => line(position::of_key(text, 0, "webhook"), &error),
                DeployError::Email { ref address } => line(position::of_key_with(text, "email", address), &error),
                DeployError::Topic { ref topic_arn, .. } => line(position::of_key_with(text, "sns", topic_arn), &error),
                DeployError::UnknownBucket { .. } => line(position::of_key(text, 0, "existing_buckets"), &error),
                DeployError::SameBucket { .. } | DeployError::NoRules => line(position::of_table(text, "[aws]", 0), &error),
            }
        })
    }
}

fn placed(file: &Path, text: &str, error: &AwsConfigError) -> ConfigError {
    let table = position::of_table(text, "[aws]", 0);
    let offset = match error.tier {
        // Tiers stand in tables of their own, or all in one line.
        Some(tier) if text.contains("[[aws.tiers]]") => {
            position::of_key_in_table(text, position::of_table(text, "[[aws.tiers]]", tier), error.key)
        }
        Some(_) => position::of_key_in_table(text, table, "tiers"),
        None => position::of_key_in_table(text, table, error.key),
    };
    ConfigError::value(file, text, offset, error.to_string())
}
