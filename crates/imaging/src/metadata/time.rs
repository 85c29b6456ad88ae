//! Moments as cameras and editors write them, made RFC 3339. A clock knows no zone unless it says so: then the text has none
//! either.

use serde_json::{Value as Json, json};

/// A calendar day that exists.
struct Day {
    year: u32,
    month: u32,
    day: u32,
}

impl Day {
    fn new(year: u32, month: u32, day: u32) -> Option<Self> {
        let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            2 if is_leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            _ => return None,
        };
        (year > 0 && (1..=days).contains(&day)).then_some(Self { year, month, day })
    }

    /// From `YYYY:MM:DD`; writers put other characters between.
    fn exif(text: &[u8]) -> Option<Self> {
        Self::new(digits(text.get(..4)?)?, digits(text.get(5..7)?)?, digits(text.get(8..10)?)?)
    }

    fn text(&self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// EXIF's `YYYY:MM:DD HH:MM:SS` with a fraction's digits and an offset, `+HH:MM`, where there are any.
pub(crate) fn exif(moment: &[u8], fraction: Option<&[u8]>, offset: Option<&[u8]>) -> Option<Json> {
    let day = Day::exif(moment)?;
    let clock = clock(digits(moment.get(11..13)?)?, digits(moment.get(14..16)?)?, digits(moment.get(17..19)?)?)?;
    let mut text = format!("{}T{clock}", day.text());
    if let Some(fraction) = fraction.and_then(fraction_digits) {
        text.push('.');
        text.push_str(&fraction);
    }
    text.push_str(&offset.and_then(zone).unwrap_or_default());
    Some(json!(text))
}

/// GPS's `YYYY:MM:DD` with hours, minutes and seconds in UTC.
pub(crate) fn gps(date: &[u8], [hour, minute, second]: [f64; 3]) -> Option<Json> {
    let day = Day::exif(date)?;
    let whole = |value: f64| (0.0..100.0).contains(&value).then_some(value as u32);
    Some(json!(format!("{}T{}Z", day.text(), clock(whole(hour)?, whole(minute)?, whole(second)?)?)))
}

/// IPTC's `YYYYMMDD` with `HHMMSS±HHMM` where there is a time. A day or month of 0 is not known, which leaves a shorter date.
pub(crate) fn iptc(date: &[u8], time: Option<&[u8]>) -> Option<Json> {
    let (year, month, day) = (digits(date.get(..4)?)?, digits(date.get(4..6)?)?, digits(date.get(6..8)?)?);
    match (month, day) {
        (0, _) => return (year > 0).then(|| json!(format!("{year:04}"))),
        (1..=12, 0) => return (year > 0).then(|| json!(format!("{year:04}-{month:02}"))),
        _ => {}
    }
    let date = Day::new(year, month, day)?.text();
    let time = time.and_then(|time| {
        let clock = clock(digits(time.get(..2)?)?, digits(time.get(2..4)?)?, digits(time.get(4..6)?)?)?;
        Some(clock + &time.get(6..).and_then(zone).unwrap_or_default())
    });
    Some(json!(time.map_or_else(|| date.clone(), |time| format!("{date}T{time}"))))
}

fn clock(hour: u32, minute: u32, second: u32) -> Option<String> {
    // A second of 60 is a leap second.
    (hour < 24 && minute < 60 && second <= 60).then(|| format!("{hour:02}:{minute:02}:{second:02}"))
}

/// A fraction of a second without needless zeros, to the nanosecond.
fn fraction_digits(text: &[u8]) -> Option<String> {
    let digits: String = text.iter().take(9).take_while(|byte| byte.is_ascii_digit()).map(|&byte| char::from(byte)).collect();
    let digits = digits.trim_end_matches('0');
    (!digits.is_empty()).then(|| digits.to_owned())
}

/// `±HH:MM` or `±HHMM`, or `Z`, of at most 14 hours.
fn zone(text: &[u8]) -> Option<String> {
    let (sign, rest) = match text {
        [b'Z', ..] => return Some("Z".to_owned()),
        [sign @ (b'+' | b'-'), rest @ ..] => (char::from(*sign), rest),
        _ => return None,
    };
    let minutes_at = if rest.get(2) == Some(&b':') { 3 } else { 2 };
    let (hours, minutes) = (digits(rest.get(..2)?)?, digits(rest.get(minutes_at..minutes_at + 2)?)?);
    (minutes < 60 && hours * 60 + minutes <= 14 * 60).then(|| format!("{sign}{hours:02}:{minutes:02}"))
}

/// A number of decimal digits alone, as short as they come here; blanks, for what is unknown, are none.
fn digits(text: &[u8]) -> Option<u32> {
    text.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_become_rfc_3339() {
        let check = |moment: &str, fraction: Option<&str>, offset: Option<&str>, expected: Option<&str>| {
            let found = exif(moment.as_bytes(), fraction.map(str::as_bytes), offset.map(str::as_bytes));
            assert_eq!(found, expected.map(|expected| json!(expected)), "{moment} {fraction:?} {offset:?}");
        };
        let moment = "2024:06:01 18:30:15";
        check(moment, None, None, Some("2024-06-01T18:30:15"));
        check(moment, Some("1230"), Some("+02:00"), Some("2024-06-01T18:30:15.123+02:00"));
        check(moment, Some("000"), Some("-09:30"), Some("2024-06-01T18:30:15-09:30"));
        check(moment, Some("  "), Some("+99:00"), Some("2024-06-01T18:30:15"));
        check(moment, None, Some("Z"), Some("2024-06-01T18:30:15Z"));
        check("2024:02:29 00:00:00", None, None, Some("2024-02-29T00:00:00"));
        for wrong in ["2023:02:29 00:00:00", "0000:00:00 00:00:00", "2024:06:01 24:00:00", "    :  :     :  :  ", "2024", ""] {
            check(wrong, None, None, None);
        }
    }

    #[test]
    fn editors_leave_days_and_times_out() {
        let check = |date: &str, time: Option<&str>, expected: Option<&str>| {
            assert_eq!(iptc(date.as_bytes(), time.map(str::as_bytes)), expected.map(|expected| json!(expected)), "{date} {time:?}");
        };
        check("20240601", Some("183015+0200"), Some("2024-06-01T18:30:15+02:00"));
        check("20240601", Some("183015"), Some("2024-06-01T18:30:15"));
        check("20240601", Some("nonsense"), Some("2024-06-01"));
        check("20240600", None, Some("2024-06"));
        check("20240000", None, Some("2024"));
        check("20241301", None, None);
        check("2024", None, None);
    }
}
