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
    /// The error and its chain, one sentence.
    pub error: String,
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
