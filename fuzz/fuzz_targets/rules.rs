//! Rules files and key templates: what is accepted is written and read again as it was, and keys are within their bounds.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use minilab_model::{Format, KeyTemplate, ObjectKey, OutputFormat, Rule, RuleSet, TemplateFields};

#[derive(serde::Deserialize, serde::Serialize)]
struct File {
    rules: Vec<Rule>,
}

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(data) else { return Corpus::Reject };
    template(text);
    let Ok(file) = toml::from_str::<File>(text) else { return Corpus::Reject };
    let rules = file.rules;
    let again: Vec<Rule> =
        serde_json::to_value(&rules).and_then(serde_json::from_value).unwrap_or_else(|error| panic!("{error}: {rules:?}"));
    assert_eq!(rules, again);
    if let Ok(set) = RuleSet::new(rules.clone()) {
        assert_eq!(set.iter().count(), rules.len());
        for rule in &rules {
            assert_eq!(set.get(&rule.name), Some(rule));
            assert!(!rule.recipe("etag", "1").is_empty());
        }
        assert_eq!(RuleSet::new(again).map(|again| again.fingerprint()), Ok(set.fingerprint()));
    }
    Corpus::Keep
});

/// A template, and a source key, on two lines.
fn template(text: &str) {
    let (template, key) = text.split_once('\n').unwrap_or((text, "a/b.c"));
    let (Ok(template), Ok(key)) = (KeyTemplate::new(template), ObjectKey::new(key)) else { return };
    for format in [None, Some(Format::Jpeg)] {
        let fields =
            TemplateFields { source: &key, etag: "0123", variant: "thumb", format, width: Some(u32::MAX), height: Some(0) };
        if let Ok(expanded) = template.expand(&fields, OutputFormat::Keep) {
            assert!((1..=1024).contains(&expanded.as_str().len()));
        }
    }
    let text = String::from(template.clone());
    assert_eq!(KeyTemplate::new(text.as_str()).map(String::from), Ok(text));
}
