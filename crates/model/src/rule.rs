use crate::{BucketName, Color, Event, EventPattern, KeyTemplate, ObjectKey, OutputFormat, Step};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Which objects are meant, and what is made of them: a `[[rules]]` table of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Names the rule in logs, records and provenance.
    pub name: String,
    /// The source bucket.
    pub bucket: BucketName,
    /// Only keys that start with this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Only keys that end with one of these; any when empty. Case counts, as in S3.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suffix: Vec<String>,
    /// Only these events.
    #[serde(default = "default_events")]
    pub events: Vec<EventPattern>,
    /// What becomes of the variants when the source is deleted.
    #[serde(default)]
    pub on_delete: OnDelete,
    /// Whether GPS coordinates go into the record. Off by default: a place is personal.
    #[serde(default)]
    pub record_gps: bool,
    /// What is made. None: the record alone.
    #[serde(default)]
    pub variants: Vec<VariantSpec>,
}

/// What becomes of a rule's variants when their source is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnDelete {
    /// They are deleted, too.
    #[default]
    Remove,
    /// They stay.
    Keep,
}

/// One output of a rule: a `[[rules.variants]]` table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariantSpec {
    /// Names the variant within its rule.
    pub name: String,
    /// The destination; the source bucket when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<BucketName>,
    /// The destination key.
    pub key: KeyTemplate,
    /// What is done, in order.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// The output format.
    #[serde(default)]
    pub format: OutputFormat,
    /// Quality 1 to 100 of lossy formats. Default 80.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<u8>,
    /// What shows through where the output has no alpha. Default white.
    #[serde(default)]
    pub background: Color,
}

fn default_events() -> Vec<EventPattern> {
    vec![EventPattern::any_created()]
}

impl VariantSpec {
    /// Quality of lossy formats when none is given.
    pub const DEFAULT_QUALITY: u8 = 80;

    /// The quality to encode with.
    #[must_use]
    pub fn quality(&self) -> u8 {
        self.quality.unwrap_or(Self::DEFAULT_QUALITY)
    }

    /// Whether the bytes are copied untouched: no steps, and the source's own format.
    #[must_use]
    pub fn is_copy(&self) -> bool {
        self.steps.is_empty() && self.format == OutputFormat::Keep
    }
}

impl Rule {
    /// The bucket that this variant of the rule is written to.
    #[must_use]
    pub fn destination<'a>(&'a self, variant: &'a VariantSpec) -> &'a BucketName {
        variant.bucket.as_ref().unwrap_or(&self.bucket)
    }

    /// Whether a key of a bucket is one of the rule's sources.
    #[must_use]
    pub fn covers(&self, bucket: &BucketName, key: &ObjectKey) -> bool {
        let key = key.as_str();
        self.bucket == *bucket
            && self.prefix.as_ref().is_none_or(|prefix| key.starts_with(prefix.as_str()))
            && (self.suffix.is_empty() || self.suffix.iter().any(|suffix| key.ends_with(suffix.as_str())))
    }

    /// Whether the rule listens to this event.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        self.covers(&event.bucket, &event.key) && self.events.iter().any(|pattern| pattern.matches(event.kind))
    }

    /// Hash of the source's ETag, the rule's variants and the engine's version, 32 hex digits. Equal hashes mean equal
    /// output, so what is current need not be made again.
    #[must_use]
    pub fn recipe(&self, source_etag: &str, engine_version: &str) -> String {
        let variants = serde_json::to_vec(&self.variants).unwrap_or_default();
        let mut hash = Sha256::new();
        for part in [source_etag.as_bytes(), self.name.as_bytes(), &variants, engine_version.as_bytes()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hex::encode(&hash.finalize()[..16])
    }
}
