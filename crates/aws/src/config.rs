//! The `[aws]` table of the configuration: what a deployment needs beyond the rules. Every key has a default.

mod check;
mod tier;

pub(crate) use check::is_email;
pub use check::{AwsConfigError, STORAGE_CLASSES};
pub use tier::TierConfig;

use crate::table;
use minilab_model::BucketName;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The `[aws]` table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AwsConfig {
    /// Begins the names of everything that the stack makes. Default `minilab`.
    pub name: String,
    /// The processors that the functions run on. Default `arm64`, a fifth cheaper than `x86_64`.
    pub architecture: Architecture,
    /// The DynamoDB table. Default `ImageMetadata`.
    pub table: String,
    /// The table's partition key, a string. Default `ImageId`.
    pub table_key: String,
    /// Whether the table is there already, so that the stack does not make it. Default no.
    pub table_exists: bool,
    /// Whether the table can be restored to any second of the last 35 days, which is charged by the gigabyte. Default no.
    pub point_in_time_recovery: bool,
    /// Over how many items the statistics of a bucket are spread. Transactions on one item are carried out one after the other, some
    /// milliseconds each, so that each item takes about a hundred images a second; each makes reading the statistics three queries
    /// longer. It may be raised later, never lowered. Default 4.
    pub statistics_shards: u16,
    /// Put before the names of the rules' buckets, since all of AWS shares one set of names. Default: nothing.
    pub bucket_prefix: String,
    /// The buckets that are there already, so that the stack does not make them; their names get no prefix. Their events come
    /// over EventBridge.
    pub existing_buckets: Vec<String>,
    /// Where variants were written by former rules, as `bucket/prefix` with the bucket's name on AWS: workers may read and
    /// delete there, so that what a new recipe leaves over goes.
    pub former_destinations: Vec<String>,
    /// How events come from the buckets that the stack makes. Default `sqs`.
    pub events: EventRoute,
    /// The workers' sizes, the smallest first. Default: small, medium, large.
    pub tiers: Vec<TierConfig>,
    /// Whether there is an HTTP API. Default yes.
    pub api: bool,
    /// Who may call the HTTP API. Default `iam`: who signs requests with AWS credentials.
    pub api_auth: ApiAuth,
    /// With `jwt`: who issues the tokens, an `https://` address.
    pub jwt_issuer: String,
    /// With `jwt`: for whom the tokens must be made out.
    pub jwt_audience: Vec<String>,
    /// Web pages' origins that may read the HTTP API. Default: none.
    pub cors_origins: Vec<String>,
    /// Calls of the HTTP API in a second, on average. Default 50.
    pub api_rate: u32,
    /// Calls of the HTTP API at once. Default 100.
    pub api_burst: u32,
    /// Receivers of e-mail digests.
    pub emails: Vec<String>,
    /// What is told in this time goes into one e-mail, in minutes. Default 15.
    pub digest_minutes: u32,
    /// Receivers of alarms.
    pub alarm_emails: Vec<String>,
    /// An alarm rings when a message has waited this long, in seconds. Default 900.
    pub alarm_age_seconds: u32,
    /// How long a link to a download holds, in seconds. Default 300.
    pub download_seconds: u32,
    /// The storage class of variants. Default `STANDARD`.
    pub storage_class: String,
    /// After how many days the objects of buckets that the stack makes go into Intelligent-Tiering. Default 0: never.
    pub intelligent_tiering_days: u32,
    /// After how many days an upload in parts that was never completed is thrown away. Default 7.
    pub abort_uploads_days: u32,
    /// How long logs are kept, in days. Default 14.
    pub log_days: u32,
    /// Whether X-Ray records traces. Default no; trace ids are passed on all the same.
    pub tracing: bool,
    /// Whether functions run in private subnets, and how they reach AWS from there. Default `off`.
    pub vpc: Vpc,
    /// Private subnets that are there already. Default: the stack makes a network.
    pub subnets: Vec<String>,
    /// The security groups of functions in [`subnets`](Self::subnets).
    pub security_groups: Vec<String>,
}

/// The processors that functions run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Architecture {
    /// 64-bit ARM (Graviton).
    #[default]
    #[serde(rename = "arm64")]
    Arm64,
    /// 64-bit Intel and AMD.
    #[serde(rename = "x86_64")]
    X86_64,
}

impl Architecture {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Arm64, Self::X86_64];

    /// The name that AWS gives it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a bucket's events come into the ingest queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventRoute {
    /// The bucket's own notifications, straight into the queue.
    #[default]
    Sqs,
    /// Over EventBridge, where others can listen, too.
    Eventbridge,
}

/// Who may call the HTTP API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApiAuth {
    /// Who signs requests with AWS credentials that may `execute-api:Invoke`.
    #[default]
    Iam,
    /// Who shows a token of [`AwsConfig::jwt_issuer`].
    Jwt,
    /// Everybody.
    None,
}

/// Where functions run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vpc {
    /// In no network of the account.
    #[default]
    Off,
    /// What needs S3 and DynamoDB alone runs in private subnets, by gateway endpoints, which cost nothing.
    Gateway,
    /// Everything runs in private subnets, by interface endpoints for SQS and SNS, which are charged by the hour.
    Interface,
}

impl AwsConfig {
    /// The name that a bucket of the rules has on AWS.
    #[must_use]
    pub fn bucket_name(&self, bucket: &BucketName) -> String {
        match self.is_existing(bucket.as_str()) {
            true => bucket.as_str().to_owned(),
            false => format!("{}{bucket}", self.bucket_prefix),
        }
    }

    /// Whether this bucket was there before the stack.
    #[must_use]
    pub fn is_existing(&self, bucket: &str) -> bool {
        self.existing_buckets.iter().any(|existing| existing == bucket)
    }

    /// Whether events are sorted by the memory that their image needs before they are worked on.
    #[must_use]
    pub fn has_router(&self) -> bool {
        self.tiers.len() > 1
    }
}

impl Default for AwsConfig {
    fn default() -> Self {
        Self {
            name: "minilab".to_owned(),
            architecture: Architecture::default(),
            table: table::DEFAULT_TABLE.to_owned(),
            table_key: table::DEFAULT_KEY.to_owned(),
            table_exists: false,
            point_in_time_recovery: false,
            statistics_shards: 4,
            bucket_prefix: String::new(),
            existing_buckets: Vec::new(),
            former_destinations: Vec::new(),
            events: EventRoute::default(),
            tiers: vec![TierConfig::new("small", 512, 5), TierConfig::new("medium", 1769, 5), TierConfig::new("large", 3008, 1)],
            api: true,
            api_auth: ApiAuth::default(),
            jwt_issuer: String::new(),
            jwt_audience: Vec::new(),
            cors_origins: Vec::new(),
            api_rate: 50,
            api_burst: 100,
            emails: Vec::new(),
            digest_minutes: 15,
            alarm_emails: Vec::new(),
            alarm_age_seconds: 900,
            download_seconds: 300,
            storage_class: "STANDARD".to_owned(),
            intelligent_tiering_days: 0,
            abort_uploads_days: 7,
            log_days: 14,
            tracing: false,
            vpc: Vpc::default(),
            subnets: Vec::new(),
            security_groups: Vec::new(),
        }
    }
}
