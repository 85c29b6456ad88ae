//! What editors write beside a photo: IPTC's Information Interchange Model (version 4.2), records 1 and 2.

use super::text::{self, LONG_TEXT, MAX_VALUES, SHORT_TEXT};
use super::time;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Largest block that is looked at, in bytes.
const MAX_BYTES: usize = 1 << 20;
/// Most datasets that are looked at.
const MAX_DATASETS: usize = 2000;

/// How often a dataset may stand there.
#[derive(Clone, Copy)]
enum Values {
    /// Once: the first is taken, cut off at so many characters.
    One(usize),
    /// More often, joined in one text: names of people.
    Joined,
    /// More often, as a list.
    List,
}

/// The datasets of record 2 that are recorded.
const FIELDS: [(u8, &str, Values); 19] = [
    (5, "object_name", Values::One(SHORT_TEXT)),
    (15, "category", Values::One(SHORT_TEXT)),
    (20, "supplemental_categories", Values::List),
    (25, "keywords", Values::List),
    (40, "instructions", Values::One(LONG_TEXT)),
    (80, "byline", Values::Joined),
    (85, "byline_title", Values::Joined),
    (90, "city", Values::One(SHORT_TEXT)),
    (92, "sublocation", Values::One(SHORT_TEXT)),
    (95, "state", Values::One(SHORT_TEXT)),
    (100, "country_code", Values::One(SHORT_TEXT)),
    (101, "country", Values::One(SHORT_TEXT)),
    (103, "transmission_reference", Values::One(SHORT_TEXT)),
    (105, "headline", Values::One(LONG_TEXT)),
    (110, "credit", Values::One(SHORT_TEXT)),
    (115, "source", Values::One(SHORT_TEXT)),
    (116, "copyright", Values::One(SHORT_TEXT)),
    (120, "caption", Values::One(LONG_TEXT)),
    (122, "caption_writer", Values::Joined),
];

const DATE_CREATED: u8 = 55;
const TIME_CREATED: u8 = 60;
const UTF_8_ESCAPE: &[u8] = b"\x1b%G";

/// One dataset: record, number, value.
struct Dataset<'a> {
    record: u8,
    number: u8,
    value: &'a [u8],
}

/// The recorded fields of a block. What follows a damaged dataset is left out, with a warning.
pub(crate) fn fields(block: &[u8], warnings: &mut Vec<String>) -> BTreeMap<String, Json> {
    let datasets = datasets(block.get(..MAX_BYTES).unwrap_or(block), warnings);
    // 1:90 names the character set. Without it writers mean Latin-1, or UTF-8 all the same.
    let utf_8 = datasets.iter().any(|dataset| (dataset.record, dataset.number) == (1, 90) && dataset.value == UTF_8_ESCAPE);
    let decoded = |value: &[u8], limit| {
        let text = if utf_8 { String::from_utf8_lossy(value).into_owned() } else { text::utf_8_or_latin_1(value) };
        text::clean(&text, limit)
    };
    let values = |number| {
        datasets.iter().filter(move |dataset| (dataset.record, dataset.number) == (2, number)).map(|dataset| dataset.value)
    };
    let mut found = BTreeMap::new();
    for (number, name, kind) in FIELDS {
        let limit = if let Values::One(limit) = kind { limit } else { SHORT_TEXT };
        let mut texts = values(number).filter_map(|value| decoded(value, limit)).take(MAX_VALUES);
        let value = match kind {
            Values::One(_) => texts.next().map(Json::String),
            Values::Joined => Some(texts.collect::<Vec<_>>().join("; ")).filter(|text| !text.is_empty()).map(Json::String),
            Values::List => Some(texts.collect::<Vec<_>>()).filter(|texts| !texts.is_empty()).map(|texts| json!(texts)),
        };
        found.extend(value.map(|value| (name.to_owned(), value)));
    }
    let created = values(DATE_CREATED).next().and_then(|date| time::iptc(date, values(TIME_CREATED).next()));
    found.extend(created.map(|created| ("date_created".to_owned(), created)));
    found
}

fn datasets<'a>(block: &'a [u8], warnings: &mut Vec<String>) -> Vec<Dataset<'a>> {
    let mut datasets = Vec::new();
    let mut rest = block;
    // Zeros pad the end.
    while rest.iter().any(|&byte| byte != 0) {
        let Some((dataset, behind)) = dataset(rest) else {
            warnings.push(format!("the IPTC block is damaged at its byte {}", block.len() - rest.len()));
            break;
        };
        datasets.push(dataset);
        rest = behind;
        if datasets.len() == MAX_DATASETS {
            warnings.push(format!("the IPTC block has more than {MAX_DATASETS} datasets; the rest is left out"));
            break;
        }
    }
    datasets
}

fn dataset(bytes: &[u8]) -> Option<(Dataset<'_>, &[u8])> {
    let &[0x1c, record, number, high, low, ref rest @ ..] = bytes else { return None };
    let length = usize::from(u16::from_be_bytes([high, low]));
    // The highest bit announces a longer length, in so many bytes.
    let (length, rest) = if length & 0x8000 == 0 {
        (length, rest)
    } else {
        let (digits, rest) = rest.split_at_checked(length & 0x7fff).filter(|(digits, _)| digits.len() <= 4)?;
        (digits.iter().fold(0, |length, &digit| length << 8 | usize::from(digit)), rest)
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((Dataset { record, number, value }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dataset(record: u8, number: u8, value: &[u8]) -> Vec<u8> {
        [&[0x1c, record, number][..], &(value.len() as u16).to_be_bytes(), value].concat()
    }

    fn check(block: &[u8], expected: Json, expected_warnings: usize) {
        let mut warnings = Vec::new();
        assert_eq!(json!(fields(block, &mut warnings)), expected);
        assert_eq!(warnings.len(), expected_warnings, "{warnings:?}");
    }

    #[test]
    fn datasets_are_recorded_by_name() {
        let block = [
            dataset(1, 90, UTF_8_ESCAPE),
            dataset(2, 105, "Über alles".as_bytes()),
            dataset(2, 25, b"one"),
            dataset(2, 25, b"two"),
            dataset(2, 80, b"Ann"),
            dataset(2, 80, b"Bob"),
            dataset(2, 55, b"20240601"),
            dataset(2, 60, b"183015+0200"),
            dataset(2, 255, b"unknown"),
            vec![0; 3],
        ]
        .concat();
        let expected = json!({
            "headline": "Über alles", "keywords": ["one", "two"], "byline": "Ann; Bob",
            "date_created": "2024-06-01T18:30:15+02:00",
        });
        check(&block, expected, 0);
    }

    #[test]
    fn without_a_character_set_bytes_are_latin_1_or_plainly_utf_8() {
        check(&dataset(2, 90, b"Z\xfcrich"), json!({"city": "Zürich"}), 0);
        check(&dataset(2, 90, "Zürich".as_bytes()), json!({"city": "Zürich"}), 0);
        let marked = [dataset(1, 90, UTF_8_ESCAPE), dataset(2, 90, b"Z\xfcrich")].concat();
        check(&marked, json!({"city": "Z\u{fffd}rich"}), 0);
    }

    #[test]
    fn what_stands_before_damage_is_kept() {
        let whole = [dataset(2, 90, b"Rome"), dataset(2, 105, b"A headline")].concat();
        check(&whole[..whole.len() - 1], json!({"city": "Rome"}), 1);
        check(b"\x1c\x02\x5a\xff\xff", json!({}), 1);
        check(b"\x1c\x02\x5a\x80\x04\xff\xff\xff\xffRome", json!({}), 1);
        check(b"\x1c\x02\x5a\x80\x04\0\0\0\x04Rome", json!({"city": "Rome"}), 0);
        check(b"nonsense", json!({}), 1);
        check(&dataset(2, 25, b"again").repeat(5000), json!({"keywords": vec!["again"; MAX_VALUES]}), 1);
        check(&dataset(2, 105, &[b'x'; 30_000]), json!({"headline": "x".repeat(LONG_TEXT)}), 0);
    }
}
