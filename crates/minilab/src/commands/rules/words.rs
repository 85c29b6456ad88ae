//! What a rule does, in words.

use crate::progress::human_bytes;
use minilab_model::{Fit, OnDelete, OutputFormat, Rule, SizeRange, Step, VariantSpec};

/// Labelled lines about a rule.
pub fn rule(rule: &Rule) -> Vec<(&'static str, String)> {
    let mut lines = vec![("takes", takes(rule))];
    let only = conditions(rule);
    if !only.is_empty() {
        lines.push(("only", only.join("; ")));
    }
    let events: Vec<String> = rule.events.iter().map(|pattern| String::from(pattern.clone())).collect();
    lines.push(("on", events.join(", ")));
    match rule.variants.is_empty() {
        true => lines.push(("makes", "no variants, the record alone".to_owned())),
        false => lines.extend(rule.variants.iter().map(|spec| ("makes", variant(rule, spec)))),
    }
    if !rule.tag.is_empty() {
        let tags: Vec<String> = rule.tag.iter().map(|(name, value)| format!("{name}={value}")).collect();
        lines.push(("tags", tags.join(", ")));
    }
    if !rule.variants.is_empty() {
        let fate = if rule.on_delete == OnDelete::Remove { "its variants are deleted, too" } else { "its variants stay" };
        lines.push(("deleted", format!("when a source is deleted, {fate}")));
    }
    lines
}

fn takes(rule: &Rule) -> String {
    let prefix = rule.prefix.as_ref().filter(|prefix| !prefix.is_empty()).map(|prefix| format!("starting with {prefix}"));
    let suffix = (!rule.suffix.is_empty()).then(|| format!("ending with {}", rule.suffix.join(", ")));
    match (prefix, suffix) {
        (None, None) => format!("every key of bucket {}", rule.bucket),
        (prefix, suffix) => {
            let parts: Vec<String> = [prefix, suffix].into_iter().flatten().collect();
            format!("keys of bucket {} {}", rule.bucket, parts.join(" and "))
        }
    }
}

fn conditions(rule: &Rule) -> Vec<String> {
    let mut only = Vec::new();
    if !rule.content_type.is_empty() {
        let types: Vec<String> = rule.content_type.iter().map(|pattern| String::from(pattern.clone())).collect();
        only.push(format!("content of type {}", types.join(", ")));
    }
    if let Some(SizeRange { min, max }) = rule.size_bytes {
        only.push(match max {
            Some(max) => format!("{} to {}", human_bytes(min), human_bytes(max)),
            None => format!("{} and more", human_bytes(min)),
        });
    }
    only.extend(rule.user_metadata.iter().map(|(name, value)| match value.as_str() {
        "*" => format!("with x-amz-meta-{name}"),
        value => format!("x-amz-meta-{name} is {value}"),
    }));
    only
}

fn variant(rule: &Rule, spec: &VariantSpec) -> String {
    let what = match spec.is_copy() {
        true => "the same bytes".to_owned(),
        false => {
            let steps = spec.steps.iter().map(step).chain([format(spec)]);
            steps.collect::<Vec<_>>().join(", ")
        }
    };
    format!("{}: {what} → {}/{}", spec.name, rule.destination(spec), String::from(spec.key.clone()))
}

fn step(step: &Step) -> String {
    match step {
        Step::Resize(resize) => {
            let fit = match resize.fit {
                Fit::Inside => "inside",
                Fit::Outside => "around",
                Fit::Cover => "to cover",
                Fit::Contain => "padded to",
                Fit::Fill => "stretched to",
            };
            let size = match (resize.width, resize.height) {
                (Some(width), Some(height)) => format!("{width}×{height}"),
                (Some(width), None) => format!("{width} wide"),
                (None, Some(height)) => format!("{height} high"),
                (None, None) => "no size".to_owned(),
            };
            format!("{fit} {size}{}", if resize.enlarge { ", enlarged if need be" } else { "" })
        }
        // The others tell what they do by their names and fields.
        other => {
            let fields = serde_json::to_value(other).unwrap_or_default();
            let told = fields.get(other.name()).map(|fields| fields.to_string().replace('"', "")).unwrap_or_default();
            format!("{} {told}", other.name().replace('_', " ")).trim_end().to_owned()
        }
    }
}

fn format(spec: &VariantSpec) -> String {
    match spec.format {
        OutputFormat::Keep => "in the source's format".to_owned(),
        OutputFormat::Auto => "in the smallest of the formats that are accepted".to_owned(),
        OutputFormat::Jpeg => format!("JPEG of quality {}", spec.quality()),
        OutputFormat::Webp => format!("WebP of quality {}", spec.quality()),
        OutputFormat::Png => "PNG".to_owned(),
        OutputFormat::Avif => "AVIF".to_owned(),
        OutputFormat::Gif => "GIF".to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_rule_is_told_in_words() {
        let told = rule(
            &serde_json::from_value(json!({
            "name": "thumbnail", "bucket": "photos", "prefix": "in/", "suffix": [".jpg", ".png"],
            "content_type": ["image/*"], "size_bytes": {"min": 1000}, "user_metadata": {"album": "*"}, "tag": {"done": "yes"},
            "variants": [
                {"name": "small", "bucket": "prints", "key": "{key}.{ext}", "format": "jpeg",
                 "steps": [{"resize": {"width": 128, "height": 128}}]},
                {"name": "copy", "key": "copies/{name}"},
            ]}))
            .unwrap(),
        );
        let told: Vec<String> = told.iter().map(|(label, text)| format!("{label} {text}")).collect();
        assert_eq!(
            told,
            [
                "takes keys of bucket photos starting with in/ and ending with .jpg, .png",
                "only content of type image/*; 1.0 kB and more; with x-amz-meta-album",
                "on s3:ObjectCreated:*",
                "makes small: inside 128×128, JPEG of quality 80 → prints/{key}.{ext}",
                "makes copy: the same bytes → photos/copies/{name}",
                "tags done=yes",
                "deleted when a source is deleted, its variants are deleted, too",
            ]
        );
    }
}
