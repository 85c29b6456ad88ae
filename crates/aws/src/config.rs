//! The `[aws]` table of the configuration: what a deployment needs beyond the rules. Every key has a default.

use crate::table;
use serde::{Deserialize, Serialize};

/// The `[aws]` table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AwsConfig {
    /// Begins the names of everything that the stack makes. Default `minilab`.
    pub name: String,
    /// The DynamoDB table. Default `ImageMetadata`.
    pub table: String,
    /// The table's partition key, a string. Default `ImageId`.
    pub table_key: String,
    /// Whether the table is there already, so that the stack does not make it. Default no.
    pub table_exists: bool,
    /// Over how many items the statistics of a bucket are spread: more where images come faster than a thousand a
    /// second. Default 1.
    pub statistics_shards: u16,
    /// The buckets that are there already, so that the stack does not make them.
    pub existing_buckets: Vec<String>,
    /// The workers' sizes, the smallest first. Default: small, medium, large.
    pub tiers: Vec<TierConfig>,
    /// Receivers of e-mail digests.
    pub emails: Vec<String>,
    /// What is told in this time goes into one e-mail, in minutes. Default 15.
    pub digest_minutes: u32,
    /// How long a link to a download holds, in seconds. Default 300.
    pub download_seconds: u32,
    /// The storage class of variants. Default `STANDARD`.
    pub storage_class: String,
    /// How long logs are kept, in days. Default 14.
    pub log_days: u32,
}

/// A size of worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierConfig {
    /// Unique; in names of resources.
    pub name: String,
    /// Memory of the function in MB. One virtual CPU comes with 1,769 (AWS Lambda, "Configure Lambda function memory").
    pub memory_mb: u32,
    /// Images whose work is estimated to take up to this many bytes come here. Default: three fifths of the memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to_bytes: Option<u64>,
    /// The function's time limit in seconds. Default 60.
    #[serde(default = "TierConfig::default_timeout_s")]
    pub timeout_s: u32,
    /// Messages that one call gets. Default 1: what kills a call takes its whole batch with it.
    #[serde(default = "TierConfig::default_batch")]
    pub batch: u32,
    /// Most calls at once. Default: none set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
}

impl TierConfig {
    const fn default_timeout_s() -> u32 {
        60
    }

    const fn default_batch() -> u32 {
        1
    }

    /// Images whose work is estimated to take up to this many bytes come here.
    #[must_use]
    pub fn bound_bytes(&self) -> u64 {
        self.up_to_bytes.unwrap_or(u64::from(self.memory_mb) * 1_048_576 / 5 * 3)
    }
}

impl Default for AwsConfig {
    fn default() -> Self {
        let tier = |name: &str, memory_mb, batch| TierConfig {
            name: name.to_owned(),
            memory_mb,
            up_to_bytes: None,
            timeout_s: TierConfig::default_timeout_s(),
            batch,
            concurrency: None,
        };
        Self {
            name: "minilab".to_owned(),
            table: table::DEFAULT_TABLE.to_owned(),
            table_key: table::DEFAULT_KEY.to_owned(),
            table_exists: false,
            statistics_shards: 1,
            existing_buckets: Vec::new(),
            tiers: vec![tier("small", 512, 5), tier("medium", 1769, 5), tier("large", 3008, 1)],
            emails: Vec::new(),
            digest_minutes: 15,
            download_seconds: 300,
            storage_class: "STANDARD".to_owned(),
            log_days: 14,
        }
    }
}
