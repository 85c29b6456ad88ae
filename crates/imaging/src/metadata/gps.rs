//! Where a photo was taken (CIPA DC-008, 4.6.6).

use super::exif::find;
use super::tiff::{Directory, Entry};
use super::time;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

const LATITUDE_REFERENCE: u16 = 1;
const LATITUDE: u16 = 2;
const LONGITUDE_REFERENCE: u16 = 3;
const LONGITUDE: u16 = 4;
const ALTITUDE_REFERENCE: u16 = 5;
const ALTITUDE: u16 = 6;
const TIME: u16 = 7;
const DIRECTION: u16 = 0x11;
const DATE: u16 = 0x1d;
const ERROR: u16 = 0x1f;

/// The recorded fields of a GPS directory.
pub(crate) fn fields(gps: &Directory<'_>) -> BTreeMap<String, Json> {
    let fields = [
        ("gps_latitude", coordinate(gps, LATITUDE, LATITUDE_REFERENCE, b'S', 90.0)),
        ("gps_longitude", coordinate(gps, LONGITUDE, LONGITUDE_REFERENCE, b'W', 180.0)),
        ("gps_altitude_m", altitude(gps)),
        (
            "gps_direction_deg",
            rounded(gps, DIRECTION).filter(|degrees| (0.0..=360.0).contains(degrees)).map(|degrees| json!(degrees)),
        ),
        ("gps_error_m", rounded(gps, ERROR).filter(|&metres| metres > 0.0).map(|metres| json!(metres))),
        ("gps_taken_at", taken_at(gps)),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// A number to the second decimal.
fn rounded(gps: &Directory<'_>, tag: u16) -> Option<f64> {
    Some((find(gps, tag)?.rationals().next()?? * 100.0).round() / 100.0)
}

/// Degrees, south and west negative, to the seventh decimal (a centimetre).
fn coordinate(gps: &Directory<'_>, tag: u16, reference: u16, negative: u8, limit: f64) -> Option<Json> {
    let mut parts = find(gps, tag)?.rationals();
    let mut degrees = parts.next()??;
    for (part, unit) in parts.zip([60.0, 3600.0]) {
        degrees += part? / unit;
    }
    if !(0.0..=limit).contains(&degrees) {
        return None;
    }
    let is_negative = find(gps, reference)?.text()?.first().is_some_and(|letter| letter.eq_ignore_ascii_case(&negative));
    let degrees = (degrees * 1e7).round() / 1e7;
    Some(json!(if is_negative { -degrees } else { degrees }))
}

/// Metres above the sea, or below it.
fn altitude(gps: &Directory<'_>) -> Option<Json> {
    let metres = rounded(gps, ALTITUDE)?;
    // 1 and 3: below.
    let below = find(gps, ALTITUDE_REFERENCE).and_then(Entry::unsigned).is_some_and(|reference| reference % 2 == 1);
    Some(json!(if below { -metres } else { metres }))
}

/// The moment of the position, in UTC.
fn taken_at(gps: &Directory<'_>) -> Option<Json> {
    let date = find(gps, DATE)?.text()?;
    let mut parts = find(gps, TIME)?.rationals();
    let [hour, minute, second] = [parts.next()??, parts.next()??, parts.next()??];
    time::gps(date, [hour, minute, second])
}
