use crate::{BucketName, Event, Format, OutputFormat, Rule, SizeRange, VariantSpec, loops};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Why a set of rules was refused. Each message names the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Two rules share a name.
    #[error("two rules are called `{rule}`; give each its own name")]
    DuplicateRule {
        /// The shared name.
        rule: String,
    },
    /// Two variants of a rule share a name or a key.
    #[error("rule `{rule}`: variants `{first}` and `{second}` have the same {what}; the second would overwrite the first")]
    DuplicateVariant {
        /// The rule.
        rule: String,
        /// One variant.
        first: String,
        /// The other.
        second: String,
        /// `name` or `key`.
        what: &'static str,
    },
    /// A field has a value that cannot work.
    #[error("rule `{rule}`{}: {reason}", .variant.as_ref().map(|name| format!(", variant `{name}`")).unwrap_or_default())]
    Field {
        /// The rule.
        rule: String,
        /// The variant, when the field is one's.
        variant: Option<String>,
        /// The key in the configuration.
        key: &'static str,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A bucket that is nowhere made.
    #[error("rule `{rule}`: bucket `{bucket}` does not exist; add it to `server.buckets`")]
    UnknownBucket {
        /// The rule.
        rule: String,
        /// The missing bucket.
        bucket: BucketName,
    },
    /// What one rule writes would be picked up again.
    #[error(
        "rules loop: {path}. Variant `{variant}` of rule `{rule}` writes `{output}`, which rule `{reader}` would pick up again; \
         write to another bucket, or to a prefix that no rule listens to"
    )]
    Loop {
        /// The rules in order, such as `thumbnail → thumbnail`.
        path: String,
        /// The rule that writes.
        rule: String,
        /// Its variant.
        variant: String,
        /// Bucket and key template of the variant.
        output: String,
        /// The rule that would read it.
        reader: String,
    },
}

impl RuleError {
    /// The rule that the message is about, to find its line in the file.
    #[must_use]
    pub fn rule(&self) -> &str {
        match self {
            Self::DuplicateRule { rule }
            | Self::DuplicateVariant { rule, .. }
            | Self::Field { rule, .. }
            | Self::UnknownBucket { rule, .. }
            | Self::Loop { rule, .. } => rule,
        }
    }
}

/// Rules that passed every check: names and keys are unique, values possible, and no rule's output starts a rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleSet {
    rules: Vec<Rule>,
}

impl RuleSet {
    /// Checks `rules`.
    ///
    /// # Errors
    /// The first [`RuleError`] in order of the rules.
    pub fn new(rules: Vec<Rule>) -> Result<Self, RuleError> {
        let mut names = BTreeSet::new();
        for rule in &rules {
            if !names.insert(&rule.name) {
                return Err(RuleError::DuplicateRule { rule: rule.name.clone() });
            }
            check_rule(rule)?;
        }
        for writer in &rules {
            check_loops(writer, &rules)?;
        }
        Ok(Self { rules })
    }

    /// Checks that every bucket that a rule writes to is one of `buckets`. A rule that writes into its own source bucket
    /// is left out: nothing can happen before that bucket is there.
    ///
    /// # Errors
    /// [`RuleError::UnknownBucket`].
    pub fn check_destinations(&self, buckets: &BTreeSet<BucketName>) -> Result<(), RuleError> {
        for rule in &self.rules {
            let mut destinations = rule.variants.iter().map(|variant| rule.destination(variant));
            if let Some(bucket) = destinations.find(|bucket| **bucket != rule.bucket && !buckets.contains(*bucket)) {
                return Err(RuleError::UnknownBucket { rule: rule.name.clone(), bucket: bucket.clone() });
            }
        }
        Ok(())
    }

    /// Checks that the engine at hand can write what the rules ask for: the variant's format, or one of those that it
    /// chooses from.
    ///
    /// # Errors
    /// [`RuleError::Field`].
    pub fn check_formats(&self, is_written: impl Fn(Format) -> bool) -> Result<(), RuleError> {
        for rule in &self.rules {
            for variant in &rule.variants {
                let refuse = |key, reason: String| {
                    Err(RuleError::Field { rule: rule.name.clone(), variant: Some(variant.name.clone()), key, reason })
                };
                match variant.format.fixed() {
                    Some(format) if !is_written(format) => {
                        return refuse(
                            "format",
                            format!("format \"{format}\" cannot be written by this build (feature `{format}`)"),
                        );
                    }
                    None if !variant.accept.is_empty()
                        && !variant.accept.iter().filter_map(|format| format.fixed()).any(&is_written) =>
                    {
                        return refuse("accept", "accept names no format that this build can write".to_owned());
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// The rules in order.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// Tells two sets of rules apart: 16 hex digits of a hash over everything that they say.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        // Rules hold nothing that JSON cannot.
        let json = serde_json::to_vec(&self.rules).unwrap_or_default();
        hex::encode(&Sha256::digest(json)[..8])
    }

    /// The rule of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.name == name)
    }

    /// The rules that this event concerns. A removal concerns every rule that the key is a source of, whatever events
    /// it listens to: its variants and record have lost their source.
    pub fn concerned<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = &'a Rule> {
        self.rules.iter().filter(move |rule| match event.kind.is_created() {
            true => rule.matches(event),
            false => rule.covers(&event.bucket, &event.key),
        })
    }
}

fn check_rule(rule: &Rule) -> Result<(), RuleError> {
    let refuse = |variant: Option<&VariantSpec>, key: &'static str, reason: String| {
        Err(RuleError::Field { rule: rule.name.clone(), variant: variant.map(|variant| variant.name.clone()), key, reason })
    };
    if rule.name.is_empty() || rule.name.len() > 64 || rule.name.chars().any(char::is_control) {
        return refuse(None, "name", "name must have 1 to 64 bytes and no control characters".to_owned());
    }
    if rule.events.is_empty() {
        return refuse(
            None,
            "events",
            "events is empty, so the rule would never run; leave it out for s3:ObjectCreated:*".to_owned(),
        );
    }
    if rule.suffix.iter().any(String::is_empty) {
        return refuse(None, "suffix", "suffix holds an empty text; leave it out to match any key".to_owned());
    }
    if let Some((key, reason)) = wrong_condition(rule) {
        return refuse(None, key, reason);
    }
    for (index, variant) in rule.variants.iter().enumerate() {
        if let Err((key, reason)) = variant.validate() {
            return refuse(Some(variant), key, reason);
        }
        for earlier in &rule.variants[..index] {
            if let Some(what) = clash(rule, earlier, variant) {
                return Err(RuleError::DuplicateVariant {
                    rule: rule.name.clone(),
                    first: earlier.name.clone(),
                    second: variant.name.clone(),
                    what,
                });
            }
        }
    }
    Ok(())
}

/// The key of a condition or tag that can never hold, and why.
fn wrong_condition(rule: &Rule) -> Option<(&'static str, String)> {
    if let Some(SizeRange { min, max: Some(max) }) = rule.size_bytes
        && min > max
    {
        return Some(("size_bytes", format!("size_bytes.min is {min} and max is {max}, so that no source would fit")));
    }
    let pattern = |(index, pattern)| rule.content_type[..index].contains(pattern).then_some(pattern);
    if let Some(twice) = rule.content_type.iter().enumerate().find_map(pattern) {
        return Some(("content_type", format!("content_type names `{}` twice", String::from(twice.clone()))));
    }
    if rule.user_metadata.keys().any(String::is_empty) {
        return Some(("user_metadata", "user_metadata holds an empty name".to_owned()));
    }
    if let Some(name) = rule.user_metadata.keys().find(|name| name.to_ascii_lowercase().starts_with("x-amz-meta-")) {
        return Some(("user_metadata", format!("user_metadata names `{name}`; leave out the `x-amz-meta-`")));
    }
    if rule.tag.len() > MAX_TAGS {
        return Some(("tag", format!("tag has {} names; an object has at most {MAX_TAGS} tags", rule.tag.len())));
    }
    let too_long = |(name, value): &(&String, &String)| {
        name.is_empty() || name.chars().count() > 128 || value.chars().count() > 256 || name.starts_with("aws:")
    };
    if let Some((name, _)) = rule.tag.iter().find(too_long) {
        let reason = format!("tag `{name}`: a name has 1 to 128 characters and does not start with `aws:`, a value at most 256");
        return Some(("tag", reason));
    }
    None
}

/// Most tags of an object, as in S3.
pub const MAX_TAGS: usize = 10;

/// What two variants of a rule must not share. Templates are compared with `{variant}`, `{ext}` and `{format}` filled
/// in where they are fixed, since those are what usually tells variants apart.
fn clash(rule: &Rule, first: &VariantSpec, second: &VariantSpec) -> Option<&'static str> {
    if first.name == second.name {
        return Some("name");
    }
    let key = |variant: &VariantSpec| {
        let (ext, format) = match variant.format {
            OutputFormat::Keep => ("{ext}", "{format}"),
            OutputFormat::Auto => ("{ext:auto}", "{format:auto}"),
            fixed => fixed.fixed().map_or(("", ""), |format| (format.extension(), format.as_str())),
        };
        variant.key.as_str().replace("{variant}", &variant.name).replace("{ext}", ext).replace("{format}", format)
    };
    // Different steps give different sizes, so a key with a size in it is taken to differ.
    let by_size = first.steps != second.steps && ["{width}", "{height}"].iter().any(|field| first.key.as_str().contains(field));
    (rule.destination(first) == rule.destination(second) && key(first) == key(second) && !by_size).then_some("key")
}

fn check_loops(writer: &Rule, rules: &[Rule]) -> Result<(), RuleError> {
    for variant in &writer.variants {
        for reader in rules {
            if loops::picks_up(writer, variant, reader) {
                return Err(RuleError::Loop {
                    path: loop_path(writer, reader, rules),
                    rule: writer.name.clone(),
                    variant: variant.name.clone(),
                    output: format!("{}/{}", writer.destination(variant), variant.key),
                    reader: reader.name.clone(),
                });
            }
        }
    }
    Ok(())
}

/// The way from `writer` over `reader`, followed until a rule comes a second time or the chain ends.
fn loop_path(writer: &Rule, reader: &Rule, rules: &[Rule]) -> String {
    let mut path = vec![writer.name.as_str()];
    let mut next = Some(reader);
    while let Some(rule) = next {
        let seen = path.contains(&rule.name.as_str());
        path.push(&rule.name);
        next = match seen {
            true => None,
            false => rules.iter().find(|other| rule.variants.iter().any(|variant| loops::picks_up(rule, variant, other))),
        };
    }
    path.join(" → ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{EventKind, ObjectKey, Sequencer, Timestamp};

    /// A rule in the JSON twin of its configuration.
    fn rule(json: serde_json::Value) -> Rule {
        serde_json::from_value(json).unwrap()
    }

    fn rule_to(name: &str, prefix: &str, key: &str, bucket: Option<&str>) -> Rule {
        rule(serde_json::json!({"name": name, "bucket": "photos", "prefix": prefix, "suffix": [".jpg", ".png"],
            "variants": [{"name": "thumb", "bucket": bucket, "key": key, "format": "jpeg"}]}))
    }

    #[test]
    fn loops_are_found() {
        let check = |prefix: &str, key: &str, bucket: Option<&str>, is_loop: bool| {
            let result = RuleSet::new(vec![rule_to("r", prefix, key, bucket)]);
            assert_eq!(matches!(result, Err(RuleError::Loop { .. })), is_loop, "{prefix} → {key}: {result:?}");
        };
        check("input/", "output/{stem}_thumbnail.{ext}", None, false);
        check("input/", "input/{stem}_thumbnail.{ext}", None, true);
        check("", "output/{stem}.{ext}", None, true);
        check("", "output/{stem}.{ext}", Some("prints"), false);
        check("input/", "{dir}/thumb/{stem}.{ext}", None, true);
        check("input/", "{dir}-thumb/{stem}.{ext}", None, true);
        check("input/", "thumb/{key}", None, false);
        check("input/", "{key}", None, true);
        check("input/", "{stem}.{ext}", None, true);
        check("", "output/{stem}.thumb", None, false);
        check("input/a", "input/", None, false);
        check("in", "input/cover.jpg", None, true);
    }

    #[test]
    fn a_loop_over_two_rules_is_shown_whole() {
        let rules = vec![rule_to("first", "a/", "b/{stem}.{ext}", None), rule_to("second", "b/", "a/{stem}.{ext}", None)];
        let message = RuleSet::new(rules).unwrap_err().to_string();
        assert!(message.contains("first → second → first"), "{message}");
        assert!(message.contains("photos/b/{stem}.{ext}"), "{message}");
    }

    #[test]
    fn impossible_values_are_named() {
        let check = |variant: serde_json::Value, expected: &str| {
            let rules = vec![rule(serde_json::json!({"name": "r", "bucket": "photos", "variants": [variant]}))];
            let message = RuleSet::new(rules).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        };
        let base = |extra: serde_json::Value| {
            let mut variant = serde_json::json!({"name": "v", "bucket": "prints", "key": "{key}"});
            variant.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            variant
        };
        check(base(serde_json::json!({"quality": 0})), "quality is 0");
        check(base(serde_json::json!({"steps": [{"resize": {}}]})), "width, height or both");
        check(base(serde_json::json!({"steps": [{"resize": {"width": 0}}]})), "resize.width is 0");
        check(base(serde_json::json!({"steps": [{"resize": {"width": 9, "fit": "cover"}}]})), "both width and height");
        check(base(serde_json::json!({"format": "auto"})), "needs accept");
    }

    #[test]
    fn impossible_conditions_are_named() {
        let check = |extra: serde_json::Value, expected: &str| {
            let mut json = serde_json::json!({"name": "r", "bucket": "photos"});
            json.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            let message = RuleSet::new(vec![rule(json)]).map(|_| String::new()).unwrap_or_else(|error| error.to_string());
            assert!(message.contains(expected) && message.is_empty() == expected.is_empty(), "{message}");
        };
        check(serde_json::json!({"size_bytes": {"min": 2, "max": 1}}), "no source would fit");
        check(serde_json::json!({"size_bytes": {"min": 1, "max": 1}}), "");
        check(serde_json::json!({"content_type": ["image/*", "IMAGE/*"]}), "`image/*` twice");
        check(serde_json::json!({"user_metadata": {"X-Amz-Meta-Album": "*"}}), "leave out");
        check(serde_json::json!({"tag": {"aws:x": "1"}}), "tag `aws:x`");
        check(serde_json::json!({"tag": {"state": "done"}}), "");
        assert!(serde_json::from_str::<crate::ContentTypePattern>("\"jpeg\"").is_err());
    }

    #[test]
    fn conditions_look_at_length_metadata_and_content() {
        let rule = rule(serde_json::json!({"name": "r", "bucket": "photos", "size_bytes": {"min": 2, "max": 3},
            "content_type": ["image/jpeg", "video/*"], "user_metadata": {"Album": "*", "public": "yes"}}));
        let metadata = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let both = metadata(&[("album", "x"), ("public", "yes")]);
        for (size_bytes, fits) in [(1, false), (2, true), (3, true), (4, false)] {
            assert_eq!(rule.accepts_source(size_bytes, &both), fits, "{size_bytes}");
        }
        assert!(!rule.accepts_source(2, &metadata(&[("album", "x"), ("public", "no")])));
        assert!(!rule.accepts_source(2, &metadata(&[("public", "yes")])));
        assert!(rule.accepts_content("image/jpeg") && rule.accepts_content("video/mp4") && !rule.accepts_content("image/png"));
    }

    #[test]
    fn variants_must_not_overwrite_each_other() {
        let make = |second: serde_json::Value| {
            RuleSet::new(vec![rule(serde_json::json!({"name": "r", "bucket": "photos", "variants": [
                {"name": "a", "bucket": "prints", "key": "{stem}.{ext}", "format": "jpeg"}, second]}))])
        };
        let clash = make(serde_json::json!({"name": "b", "bucket": "prints", "key": "{stem}.jpg", "format": "jpeg"}));
        assert!(clash.unwrap_err().to_string().contains("same key"));
        let name = make(serde_json::json!({"name": "a", "bucket": "prints", "key": "x/{stem}"}));
        assert!(name.unwrap_err().to_string().contains("same name"));
        assert!(make(serde_json::json!({"name": "b", "bucket": "prints", "key": "{stem}.{ext}", "format": "webp"})).is_ok());
    }

    #[test]
    fn events_find_their_rules() {
        let set = RuleSet::new(vec![rule_to("r", "input/", "output/{stem}.{ext}", None)]).unwrap();
        let count = |kind, bucket: &str, key: &str| {
            let event = Event {
                kind,
                bucket: BucketName::new(bucket).unwrap(),
                key: ObjectKey::new(key).unwrap(),
                sequencer: Sequencer(1),
                etag: String::new(),
                size_bytes: 0,
                time: Timestamp::from_millis(0),
                request_id: None,
                requester: None,
            };
            set.concerned(&event).count()
        };
        assert_eq!(count(EventKind::CreatedPut, "photos", "input/a.jpg"), 1);
        assert_eq!(count(EventKind::CreatedPut, "photos", "input/a.JPG"), 0);
        assert_eq!(count(EventKind::CreatedPut, "photos", "other/a.jpg"), 0);
        assert_eq!(count(EventKind::CreatedPut, "prints", "input/a.jpg"), 0);
        assert_eq!(count(EventKind::RemovedDelete, "photos", "input/a.jpg"), 1);
    }
}
