//! Compares rules with what exists: what would be made, made again or removed, and what that would cost. Pure.

mod cost;

pub use cost::{Cost, Dollars, GB_SECOND, LAMBDA_MEMORY_MB, LAMBDA_REQUEST, PRICES_OF, S3_GET, S3_PUT};

use minilab_imaging::ENGINE_VERSION;
use minilab_model::{Event, EventKind, Format, ObjectRef, OnDelete, Rule, RuleSet, Sequencer, Timestamp};
use std::collections::BTreeMap;

/// The media type of what is not an image.
const OTHER_CONTENT: &str = "application/octet-stream";

/// One source object as it stands, and what is known of the rules' work on it. Objects with our provenance are none.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceEntry {
    /// Which object.
    pub object: ObjectRef,
    /// Which write of it.
    pub sequencer: Sequencer,
    /// ETag without quotes.
    pub etag: String,
    /// Length in bytes.
    pub size_bytes: u64,
    /// When it was written.
    pub modified_at: Timestamp,
    /// User metadata, names in lower case and without the `x-amz-meta-` prefix.
    pub user_metadata: BTreeMap<String, String>,
    /// The version that the record speaks of; `None` when there is no record.
    pub recorded: Option<Sequencer>,
    /// What the record says of the pixels, when it speaks of this version and this is an image.
    pub image: Option<ImageFacts>,
    /// How the rules ended that have run on the recorded version.
    pub outcomes: BTreeMap<String, RecordedOutcome>,
    /// Jobs about this version that the queue holds, by rule.
    pub jobs: BTreeMap<String, QueuedJob>,
}

/// What the cost of an image depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageFacts {
    /// The format, by content.
    pub format: Format,
    /// Width in pixels, as stored.
    pub width: u32,
    /// Height in pixels, as stored.
    pub height: u32,
}

/// How a rule ended on a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedOutcome {
    /// Whether it failed for good.
    pub failed: bool,
    /// By which recipe it worked; `None` when that was not recorded.
    pub recipe: Option<String>,
}

/// Where a job in the queue stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueuedJob {
    /// It waits or runs.
    Alive,
    /// It is a dead letter.
    Dead,
}

/// What the bytes of an object said when they were looked at for want of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sniffed {
    /// The version that was looked at.
    pub sequencer: Sequencer,
    /// Its format; `None` when it is no image.
    pub format: Option<Format>,
}

/// Where a rule stands with a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// The rule does not want it.
    Unwanted,
    /// Whether the rule wants it depends on the content's type, which no record tells: the first bytes must be looked at.
    Unsniffed,
    /// Nothing has been made of it.
    Missing,
    /// What was made came from an older version of the source.
    SourceChanged,
    /// What was made came from another recipe: the rule has changed, or the engine.
    RecipeChanged,
    /// Its job is in the queue.
    Queued,
    /// The rule failed on it for good.
    Failed,
    /// It is as the rule wants it.
    Current,
}

impl Standing {
    /// Whether there is work to do that nobody has been asked to do yet.
    #[must_use]
    pub const fn is_due(self) -> bool {
        matches!(self, Self::Missing | Self::SourceChanged | Self::RecipeChanged)
    }
}

/// Whether the rule wants objects as they stand, and not only hears of their removal. Stores do not remember by which
/// request an object was written, so that a rule for copies alone is taken to want all that it covers.
#[must_use]
pub fn wants_objects(rule: &Rule) -> bool {
    let created = |kind: &EventKind| kind.is_created();
    EventKind::ALL.iter().filter(|kind| created(kind)).any(|kind| rule.events.iter().any(|pattern| pattern.matches(*kind)))
}

/// Where `rule` stands with `source`. `sniffed` is what its first bytes said, for a source without a record.
#[must_use]
pub fn compare(rule: &Rule, source: &SourceEntry, sniffed: Option<Sniffed>) -> Standing {
    match wants(rule, source, sniffed) {
        Some(true) => {}
        Some(false) => return Standing::Unwanted,
        None => return Standing::Unsniffed,
    }
    match source.jobs.get(&rule.name) {
        Some(QueuedJob::Alive) => return Standing::Queued,
        Some(QueuedJob::Dead) => return Standing::Failed,
        None => {}
    }
    match source.outcomes.get(&rule.name) {
        None => Standing::Missing,
        Some(_) if source.recorded != Some(source.sequencer) => Standing::SourceChanged,
        Some(outcome) if outcome.failed => Standing::Failed,
        Some(outcome) if outcome.recipe.as_deref() == Some(&rule.recipe(&source.etag, ENGINE_VERSION)) => Standing::Current,
        Some(_) => Standing::RecipeChanged,
    }
}

/// Whether the rule wants the source; `None` when only its content could tell.
fn wants(rule: &Rule, source: &SourceEntry, sniffed: Option<Sniffed>) -> Option<bool> {
    let covered = wants_objects(rule) && rule.covers(&source.object.bucket, &source.object.key);
    if !covered || !rule.accepts_source(source.size_bytes, &source.user_metadata) {
        return Some(false);
    }
    if rule.content_type.is_empty() {
        return Some(true);
    }
    let looked_at = sniffed.filter(|sniffed| sniffed.sequencer == source.sequencer).map(|sniffed| sniffed.format);
    let format = source.image.map(|image| Some(image.format)).or(looked_at)?;
    Some(rule.accepts_content(format.map_or(OTHER_CONTENT, Format::content_type)))
}

/// The event that would have brought this source's jobs: its own place in the order of writes gives the jobs the
/// idempotency keys that they would have had.
#[must_use]
pub fn event_of(source: &SourceEntry) -> Event {
    Event {
        kind: EventKind::CreatedPut,
        bucket: source.object.bucket.clone(),
        key: source.object.key.clone(),
        sequencer: source.sequencer,
        etag: source.etag.clone(),
        size_bytes: source.size_bytes,
        time: source.modified_at,
        request_id: None,
        requester: None,
    }
}

/// What a rule, in force or not, has left of a source: variants, a part of the record, or both.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// The source.
    pub source: ObjectRef,
    /// The rule's name.
    pub rule: String,
    /// Number of variants.
    pub variants: u64,
    /// Their bytes in all.
    pub variant_bytes: u64,
    /// Whether the record speaks of the rule.
    pub recorded: bool,
    /// Whether a job of the rule about the source waits or runs: it will decide, and must not be disturbed.
    pub job_alive: bool,
    /// The source as it stands; `None` when it is gone.
    pub entry: Option<SourceEntry>,
}

/// Why something that was made belongs to no rule any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrphanReason {
    /// There is no rule of this name.
    RuleGone,
    /// The rule does not want the source.
    Unwanted,
    /// The source is gone, and the rule does not keep variants beyond it.
    SourceGone,
}

/// Whether what was made is an orphan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// A rule wants it, or a job is about to decide.
    Owned,
    /// It is an orphan.
    Orphan(OrphanReason),
    /// Only the source's content could tell.
    Unsniffed,
}

/// Whether something that was made belongs to one of `rules`.
#[must_use]
pub fn ownership(rules: &RuleSet, made: &Made, sniffed: Option<Sniffed>) -> Ownership {
    if made.job_alive {
        return Ownership::Owned;
    }
    let Some(rule) = rules.get(&made.rule) else { return Ownership::Orphan(OrphanReason::RuleGone) };
    match &made.entry {
        None if rule.on_delete == OnDelete::Keep => Ownership::Owned,
        None => Ownership::Orphan(OrphanReason::SourceGone),
        Some(entry) => match wants(rule, entry, sniffed) {
            Some(true) => Ownership::Owned,
            Some(false) => Ownership::Orphan(OrphanReason::Unwanted),
            None => Ownership::Unsniffed,
        },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const JPEG: ImageFacts = ImageFacts { format: Format::Jpeg, width: 640, height: 480 };

    fn rule(extra: Value) -> Rule {
        let mut rule = json!({"name": "thumb", "bucket": "photos", "prefix": "in/",
            "variants": [{"name": "small", "bucket": "prints", "key": "{key}.jpg", "format": "jpeg"}]});
        rule.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        serde_json::from_value(rule).unwrap()
    }

    fn source() -> SourceEntry {
        SourceEntry {
            object: "photos/in/a.jpg".parse().unwrap(),
            sequencer: Sequencer(7),
            etag: "e".to_owned(),
            size_bytes: 1000,
            modified_at: Timestamp::from_millis(0),
            user_metadata: BTreeMap::new(),
            recorded: None,
            image: None,
            outcomes: BTreeMap::new(),
            jobs: BTreeMap::new(),
        }
    }

    fn recorded(at: u64, failed: bool, recipe: Option<String>) -> SourceEntry {
        let outcomes = BTreeMap::from([("thumb".to_owned(), RecordedOutcome { failed, recipe })]);
        SourceEntry { recorded: Some(Sequencer(at)), image: (at == 7).then_some(JPEG), outcomes, ..source() }
    }

    fn current(rule: &Rule) -> Option<String> {
        Some(rule.recipe("e", ENGINE_VERSION))
    }

    #[test]
    fn what_exists_is_compared_with_what_the_rule_wants() {
        let plain = rule(json!({}));
        let check = |source: SourceEntry, expected| assert_eq!(compare(&plain, &source, None), expected, "{source:?}");
        check(source(), Standing::Missing);
        check(recorded(7, false, current(&plain)), Standing::Current);
        check(recorded(7, false, Some("another".to_owned())), Standing::RecipeChanged);
        check(recorded(7, false, None), Standing::RecipeChanged);
        check(recorded(6, false, current(&plain)), Standing::SourceChanged);
        check(recorded(7, true, current(&plain)), Standing::Failed);
        check(recorded(7, true, None), Standing::Failed);
        check(SourceEntry { object: "photos/out/a.jpg".parse().unwrap(), ..source() }, Standing::Unwanted);
        check(SourceEntry { object: "others/in/a.jpg".parse().unwrap(), ..source() }, Standing::Unwanted);
        let queued = |job, entry| SourceEntry { jobs: BTreeMap::from([("thumb".to_owned(), job)]), ..entry };
        check(queued(QueuedJob::Alive, source()), Standing::Queued);
        check(queued(QueuedJob::Alive, recorded(7, false, None)), Standing::Queued);
        check(queued(QueuedJob::Dead, source()), Standing::Failed);
        check(SourceEntry { jobs: BTreeMap::from([("other".to_owned(), QueuedJob::Alive)]), ..source() }, Standing::Missing);
    }

    #[test]
    fn conditions_that_leave_no_outcome_do_not_list_a_source_for_ever() {
        let sniffed = |format| Some(Sniffed { sequencer: Sequencer(7), format });
        let check = |extra: Value, sniffed, expected| {
            assert_eq!(compare(&rule(extra.clone()), &source(), sniffed), expected, "{extra} {sniffed:?}");
        };
        check(json!({"size_bytes": {"min": 1001}}), None, Standing::Unwanted);
        check(json!({"size_bytes": {"min": 1000, "max": 1000}}), None, Standing::Missing);
        check(json!({"user_metadata": {"album": "*"}}), None, Standing::Unwanted);
        check(json!({"content_type": ["image/png"]}), None, Standing::Unsniffed);
        check(json!({"content_type": ["image/png"]}), sniffed(Some(Format::Png)), Standing::Missing);
        check(json!({"content_type": ["image/*"]}), sniffed(None), Standing::Unwanted);
        let stale = Some(Sniffed { sequencer: Sequencer(6), format: Some(Format::Png) });
        check(json!({"content_type": ["image/png"]}), stale, Standing::Unsniffed);
        check(json!({"events": ["s3:ObjectRemoved:*"]}), None, Standing::Unwanted);
        check(json!({"events": ["s3:ObjectCreated:Copy"]}), None, Standing::Missing);
        let known = recorded(7, false, None);
        assert_eq!(compare(&rule(json!({"content_type": ["image/png"]})), &known, None), Standing::Unwanted);
    }

    #[test]
    fn orphans_are_what_no_rule_wants() {
        let check = |extra: Value, change: fn(&mut Made), expected| {
            let rules = RuleSet::new(vec![rule(extra.clone())]).unwrap();
            let mut made = Made {
                source: source().object,
                rule: "thumb".to_owned(),
                variants: 1,
                variant_bytes: 10,
                recorded: true,
                job_alive: false,
                entry: Some(source()),
            };
            change(&mut made);
            assert_eq!(ownership(&rules, &made, None), expected, "{extra} {made:?}");
        };
        check(json!({}), |_| (), Ownership::Owned);
        check(json!({}), |made| made.rule = "old".to_owned(), Ownership::Orphan(OrphanReason::RuleGone));
        check(json!({}), |made| made.entry = None, Ownership::Orphan(OrphanReason::SourceGone));
        check(json!({"on_delete": "keep"}), |made| made.entry = None, Ownership::Owned);
        check(json!({"suffix": [".png"]}), |_| (), Ownership::Orphan(OrphanReason::Unwanted));
        check(json!({"size_bytes": {"max": 9}}), |_| (), Ownership::Orphan(OrphanReason::Unwanted));
        check(json!({"content_type": ["image/png"]}), |_| (), Ownership::Unsniffed);
        let busy: fn(&mut Made) = |made| (made.rule, made.job_alive) = ("old".to_owned(), true);
        check(json!({}), busy, Ownership::Owned);
    }

    #[test]
    fn a_backfilled_job_is_the_one_that_the_upload_would_have_brought() {
        let rules = RuleSet::new(vec![rule(json!({}))]).unwrap();
        let mut upload = event_of(&source());
        let made = crate::job::plan(&upload, &rules);
        upload.kind = EventKind::CreatedCompleteMultipartUpload;
        upload.requester = Some("AK".to_owned());
        let brought = crate::job::plan(&upload, &rules);
        assert_eq!(made[0].idempotency_key(), brought[0].idempotency_key());
    }
}
