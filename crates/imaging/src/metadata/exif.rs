//! EXIF fields (CIPA DC-008), by the names of the image record. Serial numbers and the owner's name are left out: they say who
//! and which camera, and nobody who looks at pictures asks for them. The place is recorded only when that is asked for.

use super::text::{self, LONG_TEXT, SHORT_TEXT};
use super::tiff::{Directory, Entry, Tiff};
use super::time;
use minilab_model::Orientation;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// The numbers of the tags that are looked at.
pub(crate) mod tag {
    pub(crate) const ORIENTATION: u16 = 0x0112;
    pub(crate) const X_RESOLUTION: u16 = 0x011a;
    pub(crate) const Y_RESOLUTION: u16 = 0x011b;
    pub(crate) const RESOLUTION_UNIT: u16 = 0x0128;
    pub(crate) const DATE_TIME: u16 = 0x0132;
    pub(crate) const ARTIST: u16 = 0x013b;
    pub(crate) const COPYRIGHT: u16 = 0x8298;
    pub(crate) const PHOTO_DIRECTORY: u16 = 0x8769;
    pub(crate) const GPS_DIRECTORY: u16 = 0x8825;
    pub(crate) const SENSITIVITY: u16 = 0x8827;
    pub(crate) const LONG_SENSITIVITIES: [u16; 3] = [0x8832, 0x8831, 0x8833];
    pub(crate) const TAKEN_AT: u16 = 0x9003;
    pub(crate) const DIGITIZED_AT: u16 = 0x9004;
    pub(crate) const OFFSET: u16 = 0x9010;
    pub(crate) const OFFSET_TAKEN: u16 = 0x9011;
    pub(crate) const OFFSET_DIGITIZED: u16 = 0x9012;
    pub(crate) const USER_COMMENT: u16 = 0x9286;
    pub(crate) const SUBSECOND: u16 = 0x9290;
    pub(crate) const SUBSECOND_TAKEN: u16 = 0x9291;
    pub(crate) const SUBSECOND_DIGITIZED: u16 = 0x9292;
}

/// Whether a number may be zero or less to say something.
#[derive(Clone, Copy)]
enum Range {
    Positive,
    Any,
}

/// How an entry is recorded.
#[derive(Clone, Copy)]
enum Reading {
    /// Text of at most so many characters.
    Text(usize),
    /// A rational.
    Rational(Range),
    /// A whole number above zero.
    Whole,
    /// One of the words, by number.
    Word(&'static [(u32, &'static str)]),
    /// The flash's bits.
    Flash,
}

/// What of the first directory is recorded.
const IMAGE_FIELDS: [(u16, &str, Reading); 6] = [
    (0x010e, "image_description", Reading::Text(LONG_TEXT)),
    (0x010f, "camera_make", Reading::Text(SHORT_TEXT)),
    (0x0110, "camera_model", Reading::Text(SHORT_TEXT)),
    (0x0131, "software", Reading::Text(SHORT_TEXT)),
    (tag::ARTIST, "artist", Reading::Text(SHORT_TEXT)),
    (tag::COPYRIGHT, "copyright", Reading::Text(SHORT_TEXT)),
];

/// What of the EXIF directory is recorded.
const PHOTO_FIELDS: [(u16, &str, Reading); 21] = [
    (0x829a, "exposure_time_s", Reading::Rational(Range::Positive)),
    (0x829d, "f_number", Reading::Rational(Range::Positive)),
    (0x8822, "exposure_program", Reading::Word(EXPOSURE_PROGRAMS)),
    (0x9204, "exposure_bias_ev", Reading::Rational(Range::Any)),
    (0x9206, "subject_distance_m", Reading::Rational(Range::Positive)),
    (0x9207, "metering_mode", Reading::Word(METERING_MODES)),
    (0x9208, "light_source", Reading::Word(LIGHT_SOURCES)),
    (0x9209, "flash", Reading::Flash),
    (0x920a, "focal_length_mm", Reading::Rational(Range::Positive)),
    (0xa001, "color_space", Reading::Word(&[(1, "srgb"), (2, "adobe_rgb"), (0xffff, "uncalibrated")])),
    (0xa002, "pixel_width", Reading::Whole),
    (0xa003, "pixel_height", Reading::Whole),
    (0xa402, "exposure_mode", Reading::Word(&[(0, "auto"), (1, "manual"), (2, "auto_bracket")])),
    (0xa403, "white_balance", Reading::Word(&[(0, "auto"), (1, "manual")])),
    (0xa404, "digital_zoom_ratio", Reading::Rational(Range::Positive)),
    (0xa405, "focal_length_35mm_mm", Reading::Whole),
    (0xa406, "scene_capture_type", Reading::Word(&[(0, "standard"), (1, "landscape"), (2, "portrait"), (3, "night")])),
    (0xa40c, "subject_distance_range", Reading::Word(&[(1, "macro"), (2, "close"), (3, "distant")])),
    (0xa433, "lens_make", Reading::Text(SHORT_TEXT)),
    (0xa434, "lens_model", Reading::Text(SHORT_TEXT)),
    (0xa460, "composite", Reading::Word(&[(1, "no"), (2, "yes"), (3, "yes_while_shooting")])),
];

const EXPOSURE_PROGRAMS: &[(u32, &str)] = &[
    (1, "manual"),
    (2, "normal"),
    (3, "aperture_priority"),
    (4, "shutter_priority"),
    (5, "creative"),
    (6, "action"),
    (7, "portrait"),
    (8, "landscape"),
];

const METERING_MODES: &[(u32, &str)] =
    &[(1, "average"), (2, "center_weighted"), (3, "spot"), (4, "multi_spot"), (5, "pattern"), (6, "partial"), (255, "other")];

const LIGHT_SOURCES: &[(u32, &str)] = &[
    (1, "daylight"),
    (2, "fluorescent"),
    (3, "tungsten"),
    (4, "flash"),
    (9, "fine_weather"),
    (10, "cloudy"),
    (11, "shade"),
    (12, "daylight_fluorescent"),
    (13, "day_white_fluorescent"),
    (14, "cool_white_fluorescent"),
    (15, "white_fluorescent"),
    (16, "warm_white_fluorescent"),
    (17, "standard_light_a"),
    (18, "standard_light_b"),
    (19, "standard_light_c"),
    (20, "d55"),
    (21, "d65"),
    (22, "d75"),
    (23, "d50"),
    (24, "studio_tungsten"),
    (255, "other"),
];

/// The orientation in a TIFF structure, found in its first directory without reading anything else: a few comparisons,
/// so that a header can be read often, and even where the block is cut off.
pub(crate) fn orientation(tiff: &[u8]) -> Option<Orientation> {
    let tiff = Tiff::new(tiff)?;
    let mut entries = tiff.entries(tiff.first()).filter_map(Result::ok);
    let value = entries.find(|entry| entry.tag == tag::ORIENTATION)?.unsigned()?;
    u8::try_from(value).ok()?.try_into().ok()
}

/// An EXIF block, opened: the directories that hold what people ask for. The preview's is not among them.
#[derive(Debug)]
pub(crate) struct Exif<'a> {
    pub tiff: Tiff<'a>,
    /// The first directory, of the image itself.
    pub image: Directory<'a>,
    /// The EXIF directory, of how it was taken.
    pub photo: Directory<'a>,
    /// Of where it was taken.
    pub gps: Directory<'a>,
}

impl<'a> Exif<'a> {
    /// `None` when the bytes are no TIFF structure.
    pub(crate) fn open(block: &'a [u8]) -> Option<Self> {
        let tiff = Tiff::new(block)?;
        let image = tiff.directory(tiff.first());
        let behind = |tag| find(&image, tag).and_then(|entry| entry.unsigned());
        let directory = |tag| behind(tag).map_or_else(Directory::default, |offset| tiff.directory(offset as usize));
        let (photo, gps) = (directory(tag::PHOTO_DIRECTORY), directory(tag::GPS_DIRECTORY));
        Some(Self { tiff, image, photo, gps })
    }

    /// Dots per inch, across and down.
    pub(crate) fn dpi(&self) -> Option<[f64; 2]> {
        let units_per_inch = match find(&self.image, tag::RESOLUTION_UNIT).and_then(Entry::unsigned) {
            None | Some(2) => 1.0,
            Some(3) => 2.54,
            _ => return None,
        };
        let dots = |tag| {
            let dots = find(&self.image, tag)?.rationals().next()??;
            let dots = (dots * units_per_inch * 100.0).round() / 100.0;
            (dots > 0.0).then_some(dots)
        };
        Some([dots(tag::X_RESOLUTION)?, dots(tag::Y_RESOLUTION)?])
    }

    /// A text of the first directory.
    pub(crate) fn image_text(&self, tag: u16) -> Option<String> {
        text::clean(&text::utf_8_or_latin_1(find(&self.image, tag)?.text()?), SHORT_TEXT)
    }
}

/// The entry of a tag, the first where there are several.
pub(crate) fn find<'d, 'a>(directory: &'d Directory<'a>, tag: u16) -> Option<&'d Entry<'a>> {
    directory.entries.iter().find(|entry| entry.tag == tag)
}

/// The recorded fields of a TIFF structure. Damaged blocks give what can be read, and a warning.
pub(crate) fn fields(block: &[u8], record_gps: bool, warnings: &mut Vec<String>) -> BTreeMap<String, Json> {
    let Some(exif) = Exif::open(block) else {
        warnings.push("the EXIF block cannot be read: it does not begin as a TIFF structure does".to_owned());
        return BTreeMap::new();
    };
    let damage: Vec<&str> =
        [&exif.image, &exif.photo, &exif.gps].iter().flat_map(|directory| &directory.damage).take(3).map(String::as_str).collect();
    if !damage.is_empty() {
        warnings.push(format!("parts of the EXIF block are damaged: {}", damage.join("; ")));
    }
    let mut found = BTreeMap::new();
    let mut put = |name: &str, value: Option<Json>| {
        if let Some(value) = value {
            found.insert(name.to_owned(), value);
        }
    };
    for (directory, fields) in [(&exif.image, &IMAGE_FIELDS[..]), (&exif.photo, &PHOTO_FIELDS[..])] {
        for (tag, name, reading) in fields {
            put(name, find(directory, *tag).and_then(|entry| read(entry, *reading)));
        }
    }
    put("iso", sensitivity(&exif.photo));
    put("user_comment", find(&exif.photo, tag::USER_COMMENT).and_then(|entry| comment(entry.bytes, exif.tiff.little)));
    let photo = |tag| find(&exif.photo, tag)?.text();
    let taken = photo(tag::TAKEN_AT);
    let offset = photo(tag::OFFSET_TAKEN).or_else(|| photo(tag::OFFSET));
    put("taken_at", taken.and_then(|taken| time::exif(taken, photo(tag::SUBSECOND_TAKEN), offset)));
    let digitized = photo(tag::DIGITIZED_AT);
    let offset = photo(tag::OFFSET_DIGITIZED);
    put("digitized_at", digitized.and_then(|digitized| time::exif(digitized, photo(tag::SUBSECOND_DIGITIZED), offset)));
    let modified = find(&exif.image, tag::DATE_TIME).and_then(Entry::text);
    put("modified_at", modified.and_then(|modified| time::exif(modified, photo(tag::SUBSECOND), photo(tag::OFFSET))));
    if record_gps {
        found.extend(super::gps::fields(&exif.gps));
    }
    found
}

fn read(entry: &Entry<'_>, reading: Reading) -> Option<Json> {
    match reading {
        Reading::Text(limit) => text::json(entry.text()?, limit),
        Reading::Rational(range) => {
            let value = entry.rationals().next()??;
            let says_something = matches!(range, Range::Any) || value > 0.0;
            says_something.then(|| number(value))
        }
        Reading::Whole => entry.unsigned().filter(|&value| value > 0).map(|value| json!(value)),
        Reading::Word(words) => {
            let value = entry.unsigned()?;
            words.iter().find(|(number, _)| *number == value).map(|(_, word)| json!(word))
        }
        // Bit 0: it fired; bit 5: there is none.
        Reading::Flash => entry.unsigned().map(|bits| match bits {
            _ if bits & 1 != 0 => json!("fired"),
            _ if bits & 0x20 != 0 => json!("absent"),
            _ => json!("not_fired"),
        }),
    }
}

/// A number that reads as people write it: 0.004, 2.8.
fn number(value: f64) -> Json {
    // Adding zero turns −0 into 0.
    json!((value * 1e9).round() / 1e9 + 0.0)
}

/// The ISO sensitivity. 65,535 says that it is higher, and stands in one of the wider fields.
fn sensitivity(photo: &Directory<'_>) -> Option<Json> {
    let of = |tag| find(photo, tag)?.unsigned().filter(|&value| value > 0);
    let narrow = of(tag::SENSITIVITY).filter(|&value| value < 0xffff);
    narrow.or_else(|| tag::LONG_SENSITIVITIES.into_iter().find_map(of)).map(|iso| json!(iso))
}

/// A comment, whose first eight bytes name its encoding. JIS is left out unless it is plain ASCII.
fn comment(bytes: &[u8], little: bool) -> Option<Json> {
    let (encoding, comment) = bytes.split_first_chunk::<8>()?;
    match encoding {
        b"UNICODE\0" => text::clean(&utf_16(comment, little), LONG_TEXT).map(Json::String),
        b"JIS\0\0\0\0\0" if comment.contains(&0x1b) || !comment.is_ascii() => None,
        b"ASCII\0\0\0" | b"JIS\0\0\0\0\0" | [0, 0, 0, 0, 0, 0, 0, 0] => text::json(comment, LONG_TEXT),
        // Writers that know nothing of encodings begin at once.
        _ => text::json(bytes, LONG_TEXT),
    }
}

/// UTF-16 in the order of its mark, or of the block. Some writers keep to neither: where every unit would be a multiple of 256,
/// the bytes are the other way round.
fn utf_16(bytes: &[u8], little: bool) -> String {
    let (little, bytes) = match bytes {
        [0xff, 0xfe, rest @ ..] => (true, rest),
        [0xfe, 0xff, rest @ ..] => (false, rest),
        _ => (little, bytes),
    };
    let pairs = bytes.as_chunks::<2>().0;
    let low = usize::from(!little);
    let swapped = !pairs.is_empty() && pairs.iter().all(|pair| pair[low] == 0);
    let unit = |&pair: &[u8; 2]| if little != swapped { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) };
    let units = pairs.iter().map(unit).take_while(|&unit| unit != 0).take(2 * LONG_TEXT);
    char::decode_utf16(units).map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tiff::tests::{Given, block};
    use super::*;

    fn check(block: &[u8], record_gps: bool, expected: Json, expected_warnings: &[&str]) {
        let mut warnings = Vec::new();
        assert_eq!(json!(fields(block, record_gps, &mut warnings)), expected);
        assert_eq!(warnings, expected_warnings);
    }

    fn check_photo(entry: Given<'_>, expected: Json) {
        check(&block(&[], &[entry], &[]), false, expected, &[]);
    }

    #[test]
    fn enumerations_become_words() {
        for (tag, value, expected) in [
            (0x8822, 3, json!({"exposure_program": "aperture_priority"})),
            (0x9207, 5, json!({"metering_mode": "pattern"})),
            (0x9207, 77, json!({})),
            (0x9209, 0x19, json!({"flash": "fired"})),
            (0x9209, 0x10, json!({"flash": "not_fired"})),
            (0x9209, 0x20, json!({"flash": "absent"})),
            (0xa001, 1, json!({"color_space": "srgb"})),
            (0xa403, 1, json!({"white_balance": "manual"})),
            (0xa406, 3, json!({"scene_capture_type": "night"})),
            (0xa405, 0, json!({})),
            (0xa405, 52, json!({"focal_length_35mm_mm": 52})),
        ] {
            check_photo((tag, 3, 1, &[value, 0]), expected);
        }
    }

    #[test]
    fn comments_are_decoded_by_their_encoding() {
        let utf_16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let swapped = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
        let check = |encoding: &[u8], comment: &[u8], expected: Json| {
            let value = [encoding, comment].concat();
            check_photo((tag::USER_COMMENT, 7, value.len() as u32, &value), expected);
        };
        let hello = json!({"user_comment": "hello"});
        check(b"ASCII\0\0\0", b"hello\0\0  ", hello.clone());
        check(b"UNICODE\0", &utf_16("hello"), hello.clone());
        check(b"UNICODE\0", &swapped("hello"), hello.clone());
        check(
            b"UNICODE\0",
            &[b"\xfe\xff".to_vec(), swapped("h\u{e9}llo \u{1f600}")].concat(),
            json!({"user_comment": "h\u{e9}llo \u{1f600}"}),
        );
        check(&[0; 8], b"hell\xf6", json!({"user_comment": "hell\u{f6}"}));
        check(b"JIS\0\0\0\0\0", b"\x1b$B", json!({}));
        check(b"", b"no encoding at all", json!({"user_comment": "no encoding at all"}));
        check(b"ASCII\0\0\0", &[0; 40], json!({}));
        check(b"short", b"", json!({}));
    }

    #[test]
    fn texts_are_cleaned_and_cut_off() {
        let check = |text: &[u8], expected: Json| {
            check(&block(&[(tag::ARTIST, 2, text.len() as u32, text)], &[], &[]), false, expected, &[])
        };
        check(b"  Ann\x07 B.  \0junk", json!({"artist": "Ann B."}));
        check(b"\xa9 Ann\0", json!({"artist": "\u{a9} Ann"}));
        check(&[b'x'; 3000], json!({"artist": "x".repeat(SHORT_TEXT)}));
        check(b"        \0", json!({}));
    }

    #[test]
    fn distances_without_end_are_left_out() {
        let metres = |above: u32, below: u32| [above.to_le_bytes(), below.to_le_bytes()].concat();
        check_photo((0x9206, 5, 1, &metres(25, 10)), json!({"subject_distance_m": 2.5}));
        check_photo((0x9206, 5, 1, &metres(u32::MAX, 1)), json!({}));
        check_photo((0x9206, 5, 1, &metres(0, 1)), json!({}));
        check_photo((0x9206, 5, 1, &metres(1, 0)), json!({}));
    }

    #[test]
    fn high_sensitivities_stand_in_a_wider_field() {
        let entries: [Given<'_>; 2] = [(tag::SENSITIVITY, 3, 1, &[0xff, 0xff]), (0x8832, 4, 1, &[0x00, 0x90, 0x01, 0])];
        check(&block(&[], &entries, &[]), false, json!({"iso": 102_400}), &[]);
    }

    #[test]
    fn the_place_is_recorded_only_when_asked() {
        let rational = |values: &[u32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        let (latitude, longitude) = (rational(&[33, 1, 30, 1, 0, 1]), rational(&[70, 1, 1800, 100, 0, 1]));
        let (altitude, direction, time) = (rational(&[125, 10]), rational(&[35_925, 100]), rational(&[6, 1, 5, 1, 4, 1]));
        let gps: [Given<'_>; 9] = [
            (1, 2, 2, b"S\0"),
            (2, 5, 3, &latitude),
            (3, 2, 2, b"W\0"),
            (4, 5, 3, &longitude),
            (5, 1, 1, &[1]),
            (6, 5, 1, &altitude),
            (7, 5, 3, &time),
            (0x11, 5, 1, &direction),
            (0x1d, 2, 11, b"2024:06:01\0"),
        ];
        let expected = json!({
            "gps_latitude": -33.5, "gps_longitude": -70.3, "gps_altitude_m": -12.5, "gps_direction_deg": 359.25,
            "gps_taken_at": "2024-06-01T06:05:04Z",
        });
        check(&block(&[], &[], &gps), true, expected, &[]);
        check(&block(&[], &[], &gps), false, json!({}), &[]);
        let nowhere: [Given<'_>; 2] = [(1, 2, 2, b"N\0"), (2, 5, 3, &rational(&[91, 1, 0, 1, 0, 1]))];
        check(&block(&[], &[], &nowhere), true, json!({}), &[]);
    }

    #[test]
    fn hostile_blocks_end_soon() {
        check(b"", false, json!({}), &["the EXIF block cannot be read: it does not begin as a TIFF structure does"]);
        // The first directory as its own EXIF directory.
        let looped = [b"II*\0\x08\0\0\0\x01\0".as_slice(), &0x8769_u16.to_le_bytes(), &[4, 0, 1, 0, 0, 0, 8, 0, 0, 0]].concat();
        check(&looped, false, json!({}), &[]);
        let many = [b"II*\0\x08\0\0\0\xff\xff".as_slice(), &[0xff; 1 << 20]].concat();
        let mut warnings = Vec::new();
        assert!(fields(&many, true, &mut warnings).is_empty());
        assert!(warnings.len() == 1 && warnings[0].len() < 300, "{warnings:?}");
    }
}
