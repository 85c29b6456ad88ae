//! How a job's outcome changes an image's record and its bucket's totals. Pure, so that every catalog makes the same
//! records of the same outcomes: a catalog reads what it holds, asks here, and writes the answer in one transaction.

use crate::catalog::{CatalogWrite, RecordChange};
use crate::store::SourceInfo;
use minilab_model::{Format, ImageMetadata, ImageRecord, ImageState, Sequencer, SourceVersion, VariantRecord};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The rules that have run on a record's version, and how they ended.
pub type Outcomes = BTreeMap<String, RuleOutcome>;

/// How a rule ended, and by which recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredOutcome")]
pub struct RuleOutcome {
    /// How it ended.
    pub state: OutcomeState,
    /// The recipe by which the rule's variants were made; unknown for a rule that failed, and for older records.
    pub recipe: Option<String>,
}

/// How a rule ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutcomeState {
    /// Its variants are there.
    Processed,
    /// It failed for good.
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

/// What a catalog holds of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The record.
    pub record: ImageRecord,
    /// How the rules ended that have run on the record's version.
    pub outcomes: Outcomes,
}

/// What a write does to what is stored.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Nothing: a newer version is recorded.
    Superseded,
    /// Nothing: it is as it should be. Whether somebody is to be told all the same.
    Keep {
        /// Whether the write's notifications are to be written.
        tell: bool,
    },
    /// This is stored instead.
    Replace {
        /// What is stored from now on.
        stored: Box<Stored>,
        /// Whether the write's notifications are to be written.
        tell: bool,
    },
    /// It goes. Whom to tell of a source's removal is the catalog's to know: each rule with an outcome tells once.
    Remove,
}

/// Decides what `write` does to what is `stored`, for a write about the source's current version; `info` is what the
/// store knows of that, for a job that could not read it.
///
/// The same end of a rule is told once, also when a newer recipe has led to it. What a rule [skips](RecordChange::Skipped)
/// takes out of the record what it had said; a record of an older version goes then, since what it speaks of is no more.
#[must_use]
pub fn decide(stored: Option<&Stored>, write: &CatalogWrite, info: &SourceInfo) -> Decision {
    if stored.is_some_and(|stored| stored.record.sequencer > write.source.sequencer) {
        return Decision::Superseded;
    }
    match &write.change {
        RecordChange::Dropped => Decision::Keep { tell: false },
        RecordChange::Skipped => take_back(stored, write),
        RecordChange::Removed if stored.is_some() => Decision::Remove,
        RecordChange::Removed => Decision::Keep { tell: false },
        RecordChange::Processed { recipe, .. } => {
            let outcome = RuleOutcome { state: OutcomeState::Processed, recipe: Some(recipe.clone()) };
            update(stored, write, outcome, info)
        }
        RecordChange::Failed { .. } => update(stored, write, RuleOutcome { state: OutcomeState::Failed, recipe: None }, info),
    }
}

fn update(stored: Option<&Stored>, write: &CatalogWrite, outcome: RuleOutcome, info: &SourceInfo) -> Decision {
    let mut outcomes = of_version(stored, write.source.sequencer).map(|stored| stored.outcomes.clone()).unwrap_or_default();
    let former = stored.map(|stored| &stored.record);
    let record = updated(former, &outcomes, &write.source, &write.rule, &write.change, info);
    let state = outcome.state;
    let told = outcomes.insert(write.rule.clone(), outcome).is_some_and(|former| former.state == state);
    let new = Stored { record, outcomes };
    match stored == Some(&new) {
        true => Decision::Keep { tell: !told },
        false => Decision::Replace { stored: Box::new(new), tell: !told },
    }
}

fn take_back(stored: Option<&Stored>, write: &CatalogWrite) -> Decision {
    let Some(there) = stored else { return Decision::Keep { tell: false } };
    let Some(there) = of_version(Some(there), write.source.sequencer) else { return Decision::Remove };
    let mut outcomes = there.outcomes.clone();
    if outcomes.remove(&write.rule).is_none() {
        return Decision::Keep { tell: false };
    }
    match without(there.record.clone(), &write.rule, &outcomes) {
        Some(record) => Decision::Replace { stored: Box::new(Stored { record, outcomes }), tell: false },
        None => Decision::Remove,
    }
}

fn of_version(stored: Option<&Stored>, version: Sequencer) -> Option<&Stored> {
    stored.filter(|stored| stored.record.sequencer == version)
}

/// What one record adds to its bucket's totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    processed: bool,
    size_bytes: u64,
    format: Option<Format>,
}

impl From<&ImageRecord> for Share {
    fn from(record: &ImageRecord) -> Self {
        let format = record.metadata.as_ref().map(|metadata| metadata.format);
        Self { processed: record.state == ImageState::Processed, size_bytes: record.size_bytes, format }
    }
}

/// How a bucket's totals change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// Of the number of processed images.
    pub count: i64,
    /// Of their bytes in all.
    pub bytes: i64,
    /// Of the number of sources that could not be processed.
    pub failed: i64,
    /// Of the number of processed images of each format; no zeros.
    pub formats: BTreeMap<Format, i64>,
}

impl Difference {
    /// What it takes to have `new` in the totals instead of `old`.
    #[must_use]
    pub fn between(old: Option<Share>, new: Option<Share>) -> Self {
        let mut difference = Self::default();
        for (sign, share) in [(-1, old), (1, new)] {
            match share {
                Some(Share { processed: true, size_bytes, format }) => {
                    difference.count += sign;
                    difference.bytes += sign * i64::try_from(size_bytes).unwrap_or(i64::MAX);
                    if let Some(format) = format {
                        *difference.formats.entry(format).or_default() += sign;
                    }
                }
                Some(Share { processed: false, .. }) => difference.failed += sign,
                None => {}
            }
        }
        difference.formats.retain(|_, change| *change != 0);
        difference
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// The record after `rule` has run on `source`. `former` is the record of this version or an older one; `info` what the
/// store knows of the source, for a job that could not read it; `outcomes` those of this version before.
///
/// A record of an older version is replaced, but for variants of other rules, which are there until their rule has run.
/// Within a version, what several rules say is joined, so that their order does not matter.
fn updated(
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
fn without(mut record: ImageRecord, rule: &str, others: &Outcomes) -> Option<ImageRecord> {
    if others.is_empty() {
        return None;
    }
    record.variants.retain(|variant| variant.rule != rule);
    record.failures.retain(|failure| failure.rule != rule);
    record.state = if record.failures.is_empty() { ImageState::Processed } else { ImageState::Failed };
    Some(record)
}

/// What two rules have read from the same bytes. EXIF fields and facts about pixels that only one of them was asked for stay,
/// whichever came first.
fn joined(former: Option<&ImageMetadata>, new: Option<&ImageMetadata>) -> Option<ImageMetadata> {
    let (Some(former), Some(new)) = (former, new) else { return new.or(former).cloned() };
    let mut joined = new.clone();
    for (name, value) in &former.exif {
        joined.exif.entry(name.clone()).or_insert_with(|| value.clone());
    }
    joined.thumbhash = joined.thumbhash.or_else(|| former.thumbhash.clone());
    joined.blurhash = joined.blurhash.or_else(|| former.blurhash.clone());
    joined.perceptual_hash = joined.perceptual_hash.or_else(|| former.perceptual_hash.clone());
    joined.is_opaque = joined.is_opaque.or(former.is_opaque);
    joined.entropy = joined.entropy.or(former.entropy);
    if joined.palette.is_empty() {
        joined.palette.clone_from(&former.palette);
    }
    Some(joined)
}

/// The variants with those of `rule` replaced, at the place where they were.
fn replaced(former: &[VariantRecord], rule: &str, made: &[VariantRecord]) -> Vec<VariantRecord> {
    let place = former.iter().position(|variant| variant.rule == rule).unwrap_or(former.len());
    let others = |variant: &&VariantRecord| variant.rule != rule;
    let (before, after) = former.split_at(place);
    before.iter().filter(others).chain(made).chain(after.iter().filter(others)).cloned().collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use minilab_model::{Failure, FailureCause, Timestamp};

    fn info() -> SourceInfo {
        SourceInfo {
            size_bytes: 5,
            etag: "e".to_owned(),
            sha256: "00".to_owned(),
            content_type: Some("text/plain".to_owned()),
            user_metadata: BTreeMap::new(),
            created_at: Timestamp::from_millis(1),
        }
    }

    fn write(sequencer: u64, rule: &str, change: RecordChange) -> CatalogWrite {
        let source = SourceVersion { object: "photos/a.jpg".parse().unwrap(), sequencer: Sequencer(sequencer) };
        CatalogWrite { source, rule: rule.to_owned(), change, notifications: Vec::new(), lease: None }
    }

    fn processed(recipe: &str) -> RecordChange {
        let metadata = Box::new(ImageMetadata::new(Format::Png, 4, 3));
        RecordChange::Processed { info: info(), metadata, variants: Vec::new(), recipe: recipe.to_owned() }
    }

    fn failed(rule: &str) -> RecordChange {
        let failure = Failure { rule: rule.to_owned(), cause: FailureCause::Damaged, error: "broken".to_owned() };
        RecordChange::Failed { info: None, variants: Vec::new(), failure, facts: None }
    }

    fn replaced(decision: Decision) -> (Stored, bool) {
        match decision {
            Decision::Replace { stored, tell } => (*stored, tell),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_one_rule_reads_of_the_pixels_stays_whichever_comes_first() {
        let plain = ImageMetadata::new(Format::Png, 4, 3);
        let described = ImageMetadata {
            blurhash: Some("b".to_owned()),
            perceptual_hash: Some("p".to_owned()),
            is_opaque: Some(true),
            entropy: Some(1.5),
            ..plain.clone()
        };
        for (first, second) in [(&plain, &described), (&described, &plain)] {
            assert_eq!(joined(Some(first), Some(second)).as_ref(), Some(&described));
        }
    }

    #[test]
    fn each_end_is_told_once() {
        let (first, tell) = replaced(decide(None, &write(1, "one", processed("r1")), &info()));
        assert!(tell);
        assert_eq!(decide(Some(&first), &write(1, "one", processed("r1")), &info()), Decision::Keep { tell: false });
        let (second, tell) = replaced(decide(Some(&first), &write(1, "one", processed("r2")), &info()));
        assert!(!tell, "a newer recipe has led to the same end");
        let (broken, tell) = replaced(decide(Some(&second), &write(1, "one", failed("one")), &info()));
        assert!(tell && broken.record.state == ImageState::Failed);
        assert_eq!(decide(Some(&broken), &write(0, "one", processed("r1")), &info()), Decision::Superseded);
        let (newer, tell) = replaced(decide(Some(&broken), &write(2, "one", failed("one")), &info()));
        assert!(tell && newer.outcomes.len() == 1);
    }

    #[test]
    fn what_is_taken_back_leaves_the_others() {
        let (one, _) = replaced(decide(None, &write(1, "one", failed("one")), &info()));
        let (both, _) = replaced(decide(Some(&one), &write(1, "two", processed("r")), &info()));
        let (two, tell) = replaced(decide(Some(&both), &write(1, "one", RecordChange::Skipped), &info()));
        assert_eq!((two.record.state, two.outcomes.len(), tell), (ImageState::Processed, 1, false));
        let skip = |stored, sequencer, rule| decide(stored, &write(sequencer, rule, RecordChange::Skipped), &info());
        assert_eq!(skip(Some(&two), 1, "one"), Decision::Keep { tell: false });
        assert_eq!(skip(Some(&two), 1, "two"), Decision::Remove);
        assert_eq!(skip(Some(&two), 2, "three"), Decision::Remove, "it speaks of a version that is no more");
        assert_eq!(skip(None, 2, "three"), Decision::Keep { tell: false });
    }

    #[test]
    fn differences_undo_each_other() {
        let (good, _) = replaced(decide(None, &write(1, "one", processed("r")), &info()));
        let (bad, _) = replaced(decide(None, &write(1, "one", failed("one")), &info()));
        let (good, bad) = (Share::from(&good.record), Share::from(&bad.record));
        let fresh = Difference::between(None, Some(good));
        assert_eq!(fresh, Difference { count: 1, bytes: 5, failed: 0, formats: [(Format::Png, 1)].into() });
        let worse = Difference::between(Some(good), Some(bad));
        assert_eq!(worse, Difference { count: -1, bytes: -5, failed: 1, formats: [(Format::Png, -1)].into() });
        assert!(Difference::between(Some(good), Some(good)).is_none());
    }
}
