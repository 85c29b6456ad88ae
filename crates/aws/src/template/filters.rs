//! Which keys of which events of a bucket have to be told.
//!
//! S3 refuses two notifications of one event whose prefixes overlap and whose suffixes overlap, too ("Configuring event
//! notifications using object key name filtering", Amazon S3 User Guide). Filters that meet are therefore merged into one that is
//! wide enough for both; the functions look at the rules themselves, so that what is told too much starts nothing.

use minilab_model::{BucketName, EventKind, Rule};

/// Every removal: a rule's variants and record have lost their source, whatever events the rule listens to.
const REMOVED: &str = "s3:ObjectRemoved:*";
/// Every upload.
const CREATED: &str = "s3:ObjectCreated:*";
/// Most notifications that S3 takes for a bucket ("Amazon S3 endpoints and quotas").
const MOST: usize = 100;

/// Keys of a bucket, and the events of theirs that are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyFilter {
    /// What the keys begin with.
    pub(super) prefix: String,
    /// What the keys end with.
    pub(super) suffix: String,
    /// S3's names of the events.
    pub(super) events: Vec<&'static str>,
}

impl KeyFilter {
    /// Whether a key could pass both.
    fn meets(&self, other: &Self) -> bool {
        let prefixes = self.prefix.starts_with(&other.prefix) || other.prefix.starts_with(&self.prefix);
        let suffixes = self.suffix.ends_with(&other.suffix) || other.suffix.ends_with(&self.suffix);
        prefixes && suffixes
    }

    /// The narrowest filter that lets through what either does.
    fn merged(mut self, other: Self) -> Self {
        self.prefix = common(self.prefix.chars(), other.prefix.chars());
        let backwards = common(self.suffix.chars().rev(), other.suffix.chars().rev());
        self.suffix = backwards.chars().rev().collect();
        self.events = simplest(self.events.into_iter().chain(other.events));
        self
    }
}

/// What both begin with.
fn common(first: impl Iterator<Item = char>, second: impl Iterator<Item = char>) -> String {
    first.zip(second).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
}

/// Names in order, each once; where all uploads are meant, no single kind of upload beside them.
fn simplest(events: impl IntoIterator<Item = &'static str>) -> Vec<&'static str> {
    let mut events: Vec<&str> = events.into_iter().collect();
    events.sort_unstable();
    events.dedup();
    if events.contains(&CREATED) {
        events.retain(|event| *event == CREATED || !event.starts_with("s3:ObjectCreated:"));
    }
    events
}

/// The events that a rule has to be told.
fn events_of(rule: &Rule) -> Vec<&'static str> {
    let created: Vec<EventKind> = EventKind::ALL.into_iter().filter(|kind| kind.is_created()).collect();
    let wanted: Vec<EventKind> =
        created.iter().copied().filter(|kind| rule.events.iter().any(|pattern| pattern.matches(*kind))).collect();
    let created = if wanted == created { vec![CREATED] } else { wanted.into_iter().map(EventKind::as_str).collect() };
    simplest(created.into_iter().chain([REMOVED]))
}

/// What has to be told of a bucket, in filters of which no two meet.
pub(super) fn of_bucket(bucket: &BucketName, rules: &[Rule]) -> Vec<KeyFilter> {
    let mut filters: Vec<KeyFilter> = Vec::new();
    for rule in rules.iter().filter(|rule| rule.bucket == *bucket) {
        let any = [String::new()];
        let suffixes = if rule.suffix.is_empty() { &any[..] } else { &rule.suffix[..] };
        for suffix in suffixes {
            let prefix = rule.prefix.clone().unwrap_or_default();
            add(&mut filters, KeyFilter { prefix, suffix: suffix.clone(), events: events_of(rule) });
        }
    }
    if filters.iter().map(|filter| filter.events.len()).sum::<usize>() > MOST {
        filters = filters.into_iter().reduce(KeyFilter::merged).into_iter().collect();
    }
    filters
}

fn add(filters: &mut Vec<KeyFilter>, mut filter: KeyFilter) {
    // What is merged is wider, and can meet what it did not meet before.
    while let Some(met) = filters.iter().position(|other| other.meets(&filter)) {
        filter = filters.remove(met).merged(filter);
    }
    filters.push(filter);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn filters(rules: serde_json::Value) -> Vec<(String, String, String)> {
        let rules: Vec<Rule> = serde_json::from_value(rules).unwrap();
        let bucket = BucketName::new("photos").unwrap();
        of_bucket(&bucket, &rules).into_iter().map(|filter| (filter.prefix, filter.suffix, filter.events.join(" "))).collect()
    }

    #[test]
    fn filters_that_meet_become_one() {
        let check = |rules: serde_json::Value, expected: &[(&str, &str)]| {
            let found = filters(rules);
            let found: Vec<(&str, &str)> = found.iter().map(|(prefix, suffix, _)| (prefix.as_str(), suffix.as_str())).collect();
            assert_eq!(found, expected);
        };
        let rule = |prefix: &str, suffix: &[&str]| serde_json::json!({"name": prefix, "bucket": "photos", "prefix": prefix, "suffix": suffix});
        check(serde_json::json!([rule("in/", &[".jpg", ".png"])]), &[("in/", ".jpg"), ("in/", ".png")]);
        check(serde_json::json!([rule("in/", &["g", ".jpg", ".gif"])]), &[("in/", "g"), ("in/", ".gif")]);
        check(serde_json::json!([rule("in/", &[".jpg"]), rule("in/a/", &[".jpg"])]), &[("in/", ".jpg")]);
        check(serde_json::json!([rule("in/", &[".jpg"]), rule("out/", &[".jpg"])]), &[("in/", ".jpg"), ("out/", ".jpg")]);
        check(serde_json::json!([rule("a/", &["x"]), rule("b/", &["y"]), rule("", &[])]), &[("", "")]);
        check(serde_json::json!([{"name": "r", "bucket": "other"}]), &[]);
        let many: Vec<String> = (0..60).map(|number| format!(".{number:02}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        check(serde_json::json!([rule("in/", &many)]), &[("in/", "")]);
    }

    #[test]
    fn removals_are_always_told() {
        let events = |events: serde_json::Value| {
            filters(serde_json::json!([{"name": "r", "bucket": "photos", "events": events}])).remove(0).2
        };
        assert_eq!(events(serde_json::json!(["s3:ObjectCreated:*"])), "s3:ObjectCreated:* s3:ObjectRemoved:*");
        assert_eq!(events(serde_json::json!(["s3:ObjectCreated:Put"])), "s3:ObjectCreated:Put s3:ObjectRemoved:*");
        assert_eq!(events(serde_json::json!(["s3:ObjectRemoved:Delete"])), "s3:ObjectRemoved:*");
        let both = serde_json::json!([{"name": "a", "bucket": "photos", "events": ["s3:ObjectCreated:Put"]}, {"name": "b", "bucket": "photos"}]);
        assert_eq!(filters(both)[0].2, "s3:ObjectCreated:* s3:ObjectRemoved:*");
    }
}
