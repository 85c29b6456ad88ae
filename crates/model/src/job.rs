use crate::{Event, ObjectRef, Sequencer, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// One version of a source object.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SourceVersion {
    /// Which object.
    pub object: ObjectRef,
    /// Which write of it.
    pub sequencer: Sequencer,
}

/// Work for one rule on one version of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The event that asks for it.
    pub event: Event,
    /// Name of the rule.
    pub rule: String,
    /// What is to be done.
    pub action: Action,
}

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Makes the rule's variants and the image record.
    Process,
    /// Removes the image record and, unless the rule keeps them, its variants.
    Remove,
}

impl Job {
    /// Same event, same rule: same key, however often the event arrives.
    #[must_use]
    pub fn idempotency_key(&self) -> IdempotencyKey {
        let mut hash = Sha256::new();
        for part in [self.event.bucket.as_str(), self.event.key.as_str(), &self.event.sequencer.to_string(), &self.rule] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        IdempotencyKey(hex::encode(&hash.finalize()[..16]))
    }
}

/// Names a job: 32 hex digits, 128 bits of a SHA-256 over bucket, key, sequencer and rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A worker's right to a job. Each claim has a new token; what an expired lease writes is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The queue's number for the job.
    pub job_id: i64,
    /// The fencing token, larger with each claim.
    pub token: i64,
}

/// How one attempt at a job ended, when it did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Counts from 1.
    pub number: u32,
    /// When it ended.
    pub ended_at: Timestamp,
    /// What kind of failure it was.
    #[serde(default)]
    pub cause: FailureCause,
    /// The error and its chain, one sentence.
    pub error: String,
}

/// What went wrong, in one word: to find and retry the jobs that failed in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCause {
    /// The bytes are no image.
    NotAnImage,
    /// An image of a kind that cannot be processed.
    Unsupported,
    /// The file breaks the rules of its format.
    Damaged,
    /// The source or a variant of it is over a limit.
    OverLimit,
    /// The work ran past its deadline and was stopped.
    Deadline,
    /// The worker process ran out of the memory it may use.
    OutOfMemory,
    /// The worker process died of a signal or ended without an answer, or its code panicked.
    WorkerDied,
    /// A step of a variant is not possible on this image, or the image that it lays over is not there.
    Recipe,
    /// A variant could not be encoded.
    Encoding,
    /// A variant's key is not valid.
    Key,
    /// The destination holds an object that no rule has made.
    Occupied,
    /// A destination bucket does not exist.
    NoSuchBucket,
    /// The store or the catalog could not do it.
    Unavailable,
    /// The process or the machine stopped while the job was under way, so that its lease ran out.
    LeaseExpired,
    /// Recorded before causes were, or by a newer version.
    #[default]
    #[serde(other)]
    Unknown,
}

impl FailureCause {
    /// Every cause, in the order of the documentation.
    pub const ALL: [Self; 15] = [
        Self::NotAnImage,
        Self::Unsupported,
        Self::Damaged,
        Self::OverLimit,
        Self::Deadline,
        Self::OutOfMemory,
        Self::WorkerDied,
        Self::Recipe,
        Self::Encoding,
        Self::Key,
        Self::Occupied,
        Self::NoSuchBucket,
        Self::Unavailable,
        Self::LeaseExpired,
        Self::Unknown,
    ];

    /// The name in the API, in the configuration and in commands: `over_limit`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotAnImage => "not_an_image",
            Self::Unsupported => "unsupported",
            Self::Damaged => "damaged",
            Self::OverLimit => "over_limit",
            Self::Deadline => "deadline",
            Self::OutOfMemory => "out_of_memory",
            Self::WorkerDied => "worker_died",
            Self::Recipe => "recipe",
            Self::Encoding => "encoding",
            Self::Key => "key",
            Self::Occupied => "occupied",
            Self::NoSuchBucket => "no_such_bucket",
            Self::Unavailable => "unavailable",
            Self::LeaseExpired => "lease_expired",
            Self::Unknown => "unknown",
        }
    }

    /// Whether trying again can help: the cause lies outside the image and the rule.
    #[must_use]
    pub const fn kind(self) -> FailureKind {
        match self {
            Self::Deadline
            | Self::OutOfMemory
            | Self::WorkerDied
            | Self::NoSuchBucket
            | Self::Unavailable
            | Self::LeaseExpired
            | Self::Unknown => FailureKind::Retryable,
            Self::NotAnImage
            | Self::Unsupported
            | Self::Damaged
            | Self::OverLimit
            | Self::Recipe
            | Self::Encoding
            | Self::Key
            | Self::Occupied => FailureKind::Permanent,
        }
    }
}

impl fmt::Display for FailureCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for FailureCause {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|cause| cause.as_str()).collect();
            format!("`{text}` is no cause of failure; use one of {}", names.join(", "))
        })
    }
}

/// What the header of a source said, kept with the job that failed on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderFacts {
    /// The format, by content.
    pub format: crate::Format,
    /// Width in pixels, as stored.
    pub width: u32,
    /// Height in pixels, as stored.
    pub height: u32,
    /// What the work was estimated to take in memory, in bytes.
    pub estimated_bytes: u64,
}

/// Where a job is worked on: large images have a lane of their own, so that small ones never wait behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// Where every job begins.
    #[default]
    Small,
    /// For images whose estimated memory is beyond [`LaneLimits::small_bytes`](crate::LaneLimits::small_bytes).
    Large,
}

impl Lane {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Small, Self::Large];

    /// The name in the index, in metrics and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Large => "large",
        }
    }
}

/// How much of the queue's attention a job gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// An upload that somebody waits for.
    #[default]
    Foreground,
    /// Work on what was there before: a backfill. It gets all that nobody else wants, and a small share of the rest.
    Background,
}

impl Priority {
    /// The name in the index and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Foreground => "foreground",
            Self::Background => "background",
        }
    }
}

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureKind {
    /// The same bytes will fail in the same way: not an image, over a limit, damaged.
    Permanent,
    /// The cause lies outside the image: a disk, a network, a busy machine.
    Retryable,
}

/// Where a variant comes from. It travels as user metadata on the variant; an object that carries it starts no job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The source object.
    pub source: ObjectRef,
    /// Name of the rule that made it.
    pub rule: String,
    /// Hash of source ETag, rule and engine version, in hex: equal recipes give equal bytes.
    pub recipe: String,
}

/// Names of the user metadata (without the `x-amz-meta-` prefix) that hold a [`Provenance`].
pub mod provenance {
    /// `bucket/key` of the source, percent-encoded where it is not printable ASCII.
    pub const SOURCE: &str = "minilab-source";
    /// The recipe hash.
    pub const RECIPE: &str = "minilab-recipe";
    /// The rule's name, percent-encoded likewise.
    pub const RULE: &str = "minilab-rule";
}

impl Provenance {
    /// The user metadata that says this, names without the `x-amz-meta-` prefix.
    #[must_use]
    pub fn to_user_metadata(&self) -> Vec<(String, String)> {
        vec![
            (provenance::SOURCE.to_owned(), percent_encode(&self.source.to_string())),
            (provenance::RECIPE.to_owned(), self.recipe.clone()),
            (provenance::RULE.to_owned(), percent_encode(&self.rule)),
        ]
    }

    /// Whether this user metadata marks a variant. Names are compared without regard to case, as HTTP does.
    pub fn is_marked<'a>(names: impl IntoIterator<Item = &'a str>) -> bool {
        names.into_iter().any(|name| name.eq_ignore_ascii_case(provenance::SOURCE) || name.eq_ignore_ascii_case(provenance::RECIPE))
    }
}

/// Percent-encodes what cannot stand in an HTTP header: all but printable ASCII, and `%` itself.
fn percent_encode(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        match byte {
            b'!'..=b'~' if byte != b'%' => encoded.push(char::from(byte)),
            // Writing to a string cannot fail.
            _ => write!(encoded, "%{byte:02X}").unwrap_or_default(),
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provenance_fits_into_headers() {
        assert_eq!(percent_encode("photos/ä b%.jpg"), "photos/%C3%A4%20b%25.jpg");
        assert!(Provenance::is_marked(["owner", "Minilab-Source"]));
        assert!(!Provenance::is_marked(["owner", "source"]));
    }
}
