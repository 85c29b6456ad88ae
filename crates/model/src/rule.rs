use crate::{BucketName, Event, EventPattern, ObjectKey, PixelField, VariantSpec};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

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
    /// Only content of one of these types, as found out from the bytes: `image/jpeg`, `image/*`; any when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub content_type: Vec<ContentTypePattern>,
    /// Only sources of this length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<SizeRange>,
    /// Only sources with this user metadata (names without `x-amz-meta-`, compared without regard to case); the value
    /// `*` stands for any.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub user_metadata: BTreeMap<String, String>,
    /// Object tags that the source gets once the rule has succeeded, beside those it has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tag: BTreeMap<String, String>,
    /// What becomes of the variants when the source is deleted.
    #[serde(default)]
    pub on_delete: OnDelete,
    /// Whether GPS coordinates go into the record. Off by default: a place is personal.
    #[serde(default)]
    pub record_gps: bool,
    /// What of the pixels goes into the record: by default the ThumbHash alone. When nothing is asked for and nothing is made,
    /// no pixel is decoded.
    #[serde(default = "default_describe", skip_serializing_if = "is_default_describe")]
    pub describe: Vec<PixelField>,
    /// Whether a file that is cut off or damaged gives what is there; the record then says so. Off by default: such a file
    /// fails.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tolerant: bool,
    /// What is made. None: the record alone.
    #[serde(default)]
    pub variants: Vec<VariantSpec>,
}

/// A media type or a family of them: `image/png`, `image/*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContentTypePattern(String);

impl TryFrom<String> for ContentTypePattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let valid =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._*".contains(&byte));
        match text.split_once('/') {
            Some((family, kind)) if valid(family) && valid(kind) && !family.contains('*') => Ok(Self(text.to_ascii_lowercase())),
            _ => Err(format!("`{text}` is not a media type; write it as image/jpeg or image/*")),
        }
    }
}

impl From<ContentTypePattern> for String {
    fn from(pattern: ContentTypePattern) -> Self {
        pattern.0
    }
}

impl ContentTypePattern {
    /// Whether this media type is meant.
    #[must_use]
    pub fn matches(&self, content_type: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(family) => content_type.starts_with(family),
            None => content_type == self.0,
        }
    }
}

/// A range of lengths in bytes, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SizeRange {
    /// Least length. Default 0.
    #[serde(default)]
    pub min: u64,
    /// Greatest length. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u64>,
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

fn default_describe() -> Vec<PixelField> {
    vec![PixelField::Thumbhash]
}

fn is_default_describe(fields: &[PixelField]) -> bool {
    fields == [PixelField::Thumbhash]
}

fn default_events() -> Vec<EventPattern> {
    vec![EventPattern::any_created()]
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

    /// Whether a source of this length and with this user metadata is one that the rule wants. Names of user metadata
    /// are in lower case.
    #[must_use]
    pub fn accepts_source(&self, size_bytes: u64, user_metadata: &BTreeMap<String, String>) -> bool {
        let fits = self.size_bytes.is_none_or(|range| range.min <= size_bytes && range.max.is_none_or(|max| size_bytes <= max));
        fits && self.user_metadata.iter().all(|(name, wanted)| {
            let value = user_metadata.get(&name.to_ascii_lowercase());
            value.is_some_and(|value| wanted == "*" || value == wanted)
        })
    }

    /// Whether content of this type, as found out from the bytes, is what the rule wants.
    #[must_use]
    pub fn accepts_content(&self, content_type: &str) -> bool {
        self.content_type.is_empty() || self.content_type.iter().any(|pattern| pattern.matches(content_type))
    }

    /// Hash of the source's ETag, the rule's name, variants and tags, and the engine's version, 32 hex digits. Equal hashes mean equal
    /// output, so what is current need not be made again. One thing is not in it: the content of an image that a watermark names by its key.
    /// Under a new key it is another recipe; where it is replaced under its own, what exists stays as it is.
    #[must_use]
    pub fn recipe(&self, source_etag: &str, engine_version: &str) -> String {
        let variants = serde_json::to_vec(&self.variants).unwrap_or_default();
        let tags = serde_json::to_vec(&self.tag).unwrap_or_default();
        let mut parts = vec![source_etag.as_bytes(), self.name.as_bytes(), &variants, engine_version.as_bytes()];
        if !self.tag.is_empty() {
            parts.push(&tags);
        }
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hex::encode(&hash.finalize()[..16])
    }
}
