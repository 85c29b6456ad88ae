//! EXIF fields (CIPA DC-008): the few that are recorded, by the names of the image record.

use exif::{Context, Exif, Field, In, Rational, Tag, Value};
use minilab_model::Orientation;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Longest text that is recorded, in characters. Some writers pad a field with thousands.
const MAX_TEXT: usize = 200;

/// The orientation in a TIFF structure, found in its first directory without reading anything else: a few comparisons,
/// so that a header can be read often, and even where the block is cut off.
pub(crate) fn orientation(tiff: &[u8]) -> Option<Orientation> {
    let little = match tiff.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let u16_at = |at: usize| {
        let bytes: [u8; 2] = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let u32_at = |at: usize| {
        let bytes: [u8; 4] = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    };
    let directory = u32_at(4)? as usize;
    let entries = usize::from(u16_at(directory)?);
    for entry in (0..entries).map(|index| directory + 2 + index * 12) {
        if u16_at(entry)? == Tag::Orientation.number() {
            return u8::try_from(u16_at(entry + 8)?).ok()?.try_into().ok();
        }
    }
    None
}

/// The recorded fields of a TIFF structure. Damaged blocks give what can be read, and a warning.
pub(crate) fn fields(tiff: &[u8], record_gps: bool, warnings: &mut Vec<String>) -> BTreeMap<String, Json> {
    let read = exif::Reader::new().continue_on_error(true).read_raw(tiff.to_vec()).or_else(|error| {
        error.distill_partial_result(|errors| {
            let reasons: Vec<String> = errors.iter().take(3).map(ToString::to_string).collect();
            warnings.push(format!("parts of the EXIF block are damaged: {}", reasons.join("; ")));
        })
    });
    let exif = match read {
        Ok(exif) => exif,
        Err(error) => {
            warnings.push(format!("the EXIF block cannot be read: {error}"));
            return BTreeMap::new();
        }
    };
    let mut found = BTreeMap::new();
    let mut put = |name: &str, value: Option<Json>| {
        if let Some(value) = value {
            found.insert(name.to_owned(), value);
        }
    };
    put("camera_make", text(&exif, Tag::Make));
    put("camera_model", text(&exif, Tag::Model));
    put("lens_model", text(&exif, Tag::LensModel));
    put("software", text(&exif, Tag::Software));
    put("taken_at", taken_at(&exif));
    put("exposure_time_s", number(&exif, Tag::ExposureTime));
    put("f_number", number(&exif, Tag::FNumber));
    put("focal_length_mm", number(&exif, Tag::FocalLength));
    put("iso", primary(&exif, Tag::PhotographicSensitivity).and_then(|field| field.value.get_uint(0)).map(|iso| json!(iso)));
    if record_gps {
        put("gps_latitude", coordinate(&exif, Tag::GPSLatitude, Tag::GPSLatitudeRef, b'S', 90.0));
        put("gps_longitude", coordinate(&exif, Tag::GPSLongitude, Tag::GPSLongitudeRef, b'W', 180.0));
    }
    found
}

fn primary(exif: &Exif, tag: Tag) -> Option<&Field> {
    exif.get_field(tag, In::PRIMARY)
}

fn ascii(exif: &Exif, tag: Tag) -> Option<&[u8]> {
    match &primary(exif, tag)?.value {
        Value::Ascii(parts) => parts.first().map(Vec::as_slice),
        _ => None,
    }
}

/// Text, without padding. Bytes that are no UTF-8 become U+FFFD.
fn text(exif: &Exif, tag: Tag) -> Option<Json> {
    let text = String::from_utf8_lossy(ascii(exif, tag)?);
    let text: String = text.trim_matches(['\0', ' ']).chars().filter(|character| !character.is_control()).take(MAX_TEXT).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| json!(text))
}

/// A positive rational as a number that reads as people write it: 0.004, 2.8.
fn number(exif: &Exif, tag: Tag) -> Option<Json> {
    let Value::Rational(values) = &primary(exif, tag)?.value else { return None };
    let value = quotient(values.first()?)?;
    (value > 0.0).then(|| json!((value * 1e9).round() / 1e9))
}

fn quotient(value: &Rational) -> Option<f64> {
    (value.denom != 0).then(|| value.to_f64())
}

/// RFC 3339 with the recorded offset, or local time without one: a camera's clock knows no zone unless it says so.
fn taken_at(exif: &Exif) -> Option<Json> {
    let mut moment = exif::DateTime::from_ascii(ascii(exif, Tag::DateTimeOriginal)?).ok()?;
    let is_legal = (1..=12).contains(&moment.month)
        && (1..=31).contains(&moment.day)
        && moment.hour < 24
        && moment.minute < 60
        && moment.second <= 60
        && moment.year > 0;
    if !is_legal {
        return None;
    }
    // What these two cannot read stays unknown.
    let _ = ascii(exif, Tag::SubSecTimeOriginal).map(|subsecond| moment.parse_subsec(subsecond));
    let offset = ascii(exif, Tag::OffsetTimeOriginal).or_else(|| ascii(exif, Tag::OffsetTime));
    let _ = offset.map(|offset| moment.parse_offset(offset));
    let exif::DateTime { year, month, day, hour, minute, second, .. } = moment;
    let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if let Some(nanosecond) = moment.nanosecond.filter(|&nanosecond| nanosecond > 0 && nanosecond < 1_000_000_000) {
        text.push_str(format!(".{nanosecond:09}").trim_end_matches('0'));
    }
    if let Some(offset) = moment.offset.filter(|offset| offset.abs() <= 14 * 60) {
        let sign = if offset < 0 { '-' } else { '+' };
        text.push_str(&format!("{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60));
    }
    Some(json!(text))
}

/// Degrees, south and west negative, to the seventh decimal (a centimetre).
fn coordinate(exif: &Exif, tag: Tag, reference: Tag, negative: u8, limit: f64) -> Option<Json> {
    debug_assert_eq!(tag.context(), Context::Gps);
    let Value::Rational(parts) = &primary(exif, tag)?.value else { return None };
    let units = [1.0, 60.0, 3600.0];
    let mut degrees = 0.0;
    for (part, unit) in parts.iter().zip(units) {
        degrees += quotient(part)? / unit;
    }
    if parts.is_empty() || degrees > limit {
        return None;
    }
    let is_negative = ascii(exif, reference)?.first().is_some_and(|letter| letter.eq_ignore_ascii_case(&negative));
    let degrees = (degrees * 1e7).round() / 1e7;
    Some(json!(if is_negative { -degrees } else { degrees }))
}
