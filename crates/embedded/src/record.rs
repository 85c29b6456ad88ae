//! How a job's outcome changes an image's record.

use minilab_model::{ImageMetadata, ImageRecord, ImageState, SourceVersion, VariantRecord};
use minilab_pipeline::{RecordChange, SourceInfo};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The rules that have run on a record's version, and how they ended.
pub(crate) type Outcomes = BTreeMap<String, RuleOutcome>;

/// How a rule ended, and by which recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredOutcome")]
pub(crate) struct RuleOutcome {
    pub(crate) state: OutcomeState,
    /// The recipe by which the rule's variants were made; unknown for a rule that failed, and for older records.
    pub(crate) recipe: Option<String>,
}

/// How a rule ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OutcomeState {
    Processed,
    Failed,
}

/// An outcome as rows hold it: the state alone in those written before recipes were kept.
#[derive(Deserialize)]
#[serde(untagged)]
enum StoredOutcome {
    State(OutcomeState),
    Whole { state: OutcomeState, recipe: Option<String> },
}

impl From<StoredOutcome> for RuleOutcome {
    fn from(stored: StoredOutcome) -> Self {
        match stored {
            StoredOutcome::State(state) => Self { state, recipe: None },
            StoredOutcome::Whole { state, recipe } => Self { state, recipe },
        }
    }
}

/// The record after `rule` has run on `source`. `former` is the record of this version or an older one; `info` what the
/// store knows of the source, for a job that could not read it; `outcomes` those of this version before.
///
/// A record of an older version is replaced, but for variants of other rules, which are there until their rule has run.
/// Within a version, what several rules say is joined, so that their order does not matter.
pub(crate) fn updated(
    former: Option<&ImageRecord>,
    outcomes: &Outcomes,
    source: &SourceVersion,
    rule: &str,
    change: &RecordChange,
    info: &SourceInfo,
) -> ImageRecord {
    let (read, metadata, made, failure) = match change {
        RecordChange::Processed { info, metadata, variants, .. } => (Some(info), Some(&**metadata), variants.as_slice(), None),
        RecordChange::Failed { info, variants, failure, .. } => (info.as_ref(), None, variants.as_slice(), Some(failure)),
        RecordChange::Skipped | RecordChange::Removed | RecordChange::Dropped => (None, None, [].as_slice(), None),
    };
    let info = read.unwrap_or(info);
    let same_version = former.filter(|former| former.sequencer == source.sequencer);
    let known = same_version.and_then(|former| former.metadata.as_ref());
    // Alone, a rule may take back what it said before: GPS coordinates, for one.
    let metadata = match outcomes.keys().any(|other| other != rule) {
        true => joined(known, metadata),
        false => metadata.or(known).cloned(),
    };
    let mut failures = same_version.map(|former| former.failures.clone()).unwrap_or_default();
    failures.retain(|failure| failure.rule != rule);
    failures.extend(failure.cloned());
    let content_type = match &metadata {
        Some(metadata) => metadata.format.content_type().to_owned(),
        None => info.content_type.clone().unwrap_or_else(|| "application/octet-stream".to_owned()),
    };
    ImageRecord {
        bucket: source.object.bucket.clone(),
        key: source.object.key.clone(),
        sequencer: source.sequencer,
        state: if failures.is_empty() { ImageState::Processed } else { ImageState::Failed },
        content_type,
        metadata,
        size_bytes: info.size_bytes,
        etag: info.etag.clone(),
        sha256: info.sha256.clone(),
        created_at: info.created_at,
        variants: replaced(former.map(|former| former.variants.as_slice()).unwrap_or_default(), rule, made),
        failures,
    }
}

/// The record without what `rule` had said about this version; `None` when nobody else has said anything.
pub(crate) fn without(mut record: ImageRecord, rule: &str, others: &Outcomes) -> Option<ImageRecord> {
    if others.is_empty() {
        return None;
    }
    record.variants.retain(|variant| variant.rule != rule);
    record.failures.retain(|failure| failure.rule != rule);
    record.state = if record.failures.is_empty() { ImageState::Processed } else { ImageState::Failed };
    Some(record)
}

/// What two rules have read from the same bytes. EXIF fields that only one of them was asked for stay.
fn joined(former: Option<&ImageMetadata>, new: Option<&ImageMetadata>) -> Option<ImageMetadata> {
    let (Some(former), Some(new)) = (former, new) else { return new.or(former).cloned() };
    let mut joined = new.clone();
    for (name, value) in &former.exif {
        joined.exif.entry(name.clone()).or_insert_with(|| value.clone());
    }
    joined.thumbhash = joined.thumbhash.or_else(|| former.thumbhash.clone());
    Some(joined)
}

/// The variants with those of `rule` replaced, at the place where they were.
fn replaced(former: &[VariantRecord], rule: &str, made: &[VariantRecord]) -> Vec<VariantRecord> {
    let place = former.iter().position(|variant| variant.rule == rule).unwrap_or(former.len());
    let others = |variant: &&VariantRecord| variant.rule != rule;
    let (before, after) = former.split_at(place);
    before.iter().filter(others).chain(made).chain(after.iter().filter(others)).cloned().collect()
}
