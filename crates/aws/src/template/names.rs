//! What things are called: logical names in the template, names and ARNs on AWS.

use super::node::{Node, sub};
use minilab_model::{BucketName, Rule, VariantSpec};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// A text as part of a logical name: `photos-raw` becomes `PhotosRaw`. Two texts never become the same.
pub(super) fn logical(text: &str) -> String {
    let mut name = String::new();
    for part in text.split(['-', '.']) {
        let mut letters = part.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.extend(letters);
    }
    // Where each part begins with a letter, the capitals tell where the hyphens were.
    let told = !text.contains('.') && text.split('-').all(|part| part.starts_with(|letter: char| letter.is_ascii_lowercase()));
    if !told {
        name.push_str(&hex::encode(&Sha256::digest(text)[..3]));
    }
    name
}

/// Eight letters that stand for a text in a logical name.
pub(super) fn digest(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..4])
}

/// The logical name of a bucket.
pub(super) fn bucket(bucket: &BucketName) -> String {
    format!("Bucket{}", logical(bucket.as_str()))
}

/// A bucket's ARN, written out: a reference would close a circle between a bucket and the queue that it tells.
pub(super) fn bucket_arn(bucket: &BucketName) -> Node {
    sub(format!("arn:${{AWS::Partition}}:s3:::{bucket}"))
}

/// The ARN of all objects whose keys begin with this.
pub(super) fn objects_arn(bucket: &BucketName, prefix: &str) -> Node {
    sub(format!("arn:${{AWS::Partition}}:s3:::{bucket}/{}*", literal(prefix)))
}

/// The ARN of one object.
pub(super) fn object_arn(bucket: &BucketName, key: &str) -> Node {
    sub(format!("arn:${{AWS::Partition}}:s3:::{bucket}/{}", literal(key)))
}

/// Text in the resource of a policy, inside `Fn::Sub`: `*`, `?` and `$` stand for themselves ("IAM policy elements: Variables
/// and tags").
fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '*' | '?' | '$' => {
                // CloudFormation leaves `${!x}` to IAM as `${x}`.
                out.push_str("${!");
                out.push(character);
                out.push('}');
            }
            other => out.push(other),
        }
    }
    out
}

/// What every key that a variant is written to begins with, as far as it is known.
pub(super) fn destination_prefix(rule: &Rule, variant: &VariantSpec) -> String {
    let template = variant.key.as_str();
    let fixed = template.find('{').map_or(template, |field| &template[..field]);
    let mut prefix = fixed.to_owned();
    let rest = &template[fixed.len()..];
    if rest.starts_with("{key}") {
        prefix.push_str(rule.prefix.as_deref().unwrap_or(""));
    } else if let Some(after) = rest.strip_prefix("{variant}") {
        prefix.push_str(&variant.name);
        prefix.push_str(after.find('{').map_or(after, |field| &after[..field]));
    }
    prefix
}

/// Prefixes of one bucket, without those that begin with another.
pub(super) fn widest(prefixes: &BTreeSet<String>) -> Vec<&String> {
    // In order, a prefix stands before everything that begins with it.
    let mut kept: Vec<&String> = Vec::new();
    for prefix in prefixes {
        if !kept.iter().any(|wider| prefix.starts_with(wider.as_str())) {
            kept.push(prefix);
        }
    }
    kept
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn logical_names_tell_texts_apart() {
        assert_eq!(logical("photos"), "Photos");
        assert_eq!(logical("photos-raw"), "PhotosRaw");
        let texts = ["a-b", "a.b", "ab", "a-1", "a1", "a--b", "1a", "1-a"];
        let names: BTreeSet<String> = texts.iter().map(|text| logical(text)).collect();
        assert_eq!(names.len(), texts.len(), "{names:?}");
        assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric())), "{names:?}");
    }

    #[test]
    fn a_key_in_a_policy_means_itself() {
        let bucket = BucketName::new("photos").unwrap();
        let Node::Sub(text) = objects_arn(&bucket, "a*b?${x}/") else { panic!("no Sub") };
        assert_eq!(text, "arn:${AWS::Partition}:s3:::photos/a${!*}b${!?}${!$}{x}/*");
    }

    #[test]
    fn prefixes_of_destinations_are_as_long_as_they_are_known() {
        let check = |prefix: &str, key: &str, expected: &str| {
            let rule: Rule =
                serde_json::from_value(serde_json::json!({"name": "r", "bucket": "photos", "prefix": prefix, "variants": [
                {"name": "small", "key": key}]}))
                .unwrap();
            assert_eq!(destination_prefix(&rule, &rule.variants[0]), expected, "{key}");
        };
        check("in/", "out/{stem}.{ext}", "out/");
        check("in/", "out/{key}", "out/in/");
        check("in/", "{key}/small.{ext}", "in/");
        check("in/", "x/{variant}/{stem}", "x/small/");
        check("in/", "{variant}", "small");
        check("in/", "{dir}/x", "");
        check("in/", "fixed.jpg", "fixed.jpg");
    }

    #[test]
    fn a_prefix_covers_what_begins_with_it() {
        let prefixes: BTreeSet<String> = ["b/", "a/", "a/b/", "a"].map(str::to_owned).into();
        assert_eq!(widest(&prefixes), ["a", "b/"]);
    }
}
