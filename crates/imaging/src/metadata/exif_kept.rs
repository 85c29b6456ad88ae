//! An EXIF block as it goes into a variant: copied entry by entry, without the place, the preview and the maker's note, which
//! can hold both; or made anew of two texts.

use super::exif::{Exif, tag};
use super::tiff::{DIRECTORY, Entry, LONG, SHORT, value_size};
use std::borrow::Cow;

/// Largest block that is written, in bytes: what a JPEG segment holds beside its prefix.
const MAX_BYTES: usize = 65_527;
const HEADER: usize = 8;
const ASCII: u16 = 2;

const COLOR_SPACE: u16 = 0xa001;
const SRGB: u16 = 1;

/// What of the first directory is kept. The rest is about how the source's pixels lie in its file.
const KEPT_IMAGE_TAGS: [u16; 19] = [
    0x010e, // description
    0x010f, // maker
    0x0110, // model
    tag::X_RESOLUTION,
    tag::Y_RESOLUTION,
    tag::RESOLUTION_UNIT,
    0x0131, // software
    tag::DATE_TIME,
    tag::ARTIST,
    0x013c, // host computer
    0x4746, // rating
    0x4749, // rating in percent
    tag::COPYRIGHT,
    0x9c9b, // title, as Windows writes it
    0x9c9c, // comment
    0x9c9d, // author
    0x9c9e, // keywords
    0x9c9f, // subject
    0xa480, // time zone of the clock
];

/// What of the EXIF directory is not kept: the maker's note, the source's size, a sound file, the pointer to the directory of
/// interoperability.
const DROPPED_PHOTO_TAGS: [u16; 5] = [0x927c, 0xa002, 0xa003, 0xa004, 0xa005];

/// An entry to be written.
struct Written<'a> {
    tag: u16,
    kind: u16,
    count: u32,
    bytes: Cow<'a, [u8]>,
}

impl<'a> Written<'a> {
    fn of(entry: &Entry<'a>) -> Self {
        Self { tag: entry.tag, kind: entry.kind, count: entry.count, bytes: Cow::Borrowed(entry.bytes) }
    }

    fn short(tag: u16, value: u16, little: bool) -> Self {
        let bytes = if little { value.to_le_bytes() } else { value.to_be_bytes() };
        Self { tag, kind: SHORT, count: 1, bytes: Cow::Owned(bytes.to_vec()) }
    }

    fn text(tag: u16, text: &str) -> Self {
        let bytes: Vec<u8> = text.bytes().filter(|&byte| byte != 0).chain([0]).collect();
        Self { tag, kind: ASCII, count: bytes.len() as u32, bytes: Cow::Owned(bytes) }
    }

    /// Bytes in the file: the entry, and its value where that stands apart, padded to even.
    fn length(&self) -> usize {
        12 + if self.bytes.len() > 4 { self.bytes.len().next_multiple_of(2) } else { 0 }
    }
}

/// The block with what may be kept of it; `None` when there is nothing.
pub(crate) fn kept(block: &[u8], orientation: u8, is_srgb: bool) -> Option<Vec<u8>> {
    let exif = Exif::open(block)?;
    let little = exif.tiff.little;
    let mut image: Vec<Written<'_>> =
        exif.image.entries.iter().filter(|entry| KEPT_IMAGE_TAGS.contains(&entry.tag)).map(Written::of).collect();
    let mut photo: Vec<Written<'_>> = exif
        .photo
        .entries
        .iter()
        .filter(|entry| entry.kind != DIRECTORY && !DROPPED_PHOTO_TAGS.contains(&entry.tag))
        .filter(|entry| !is_srgb || entry.tag != COLOR_SPACE)
        .map(Written::of)
        .collect();
    if image.is_empty() && photo.is_empty() && orientation == 1 {
        return None;
    }
    image.push(Written::short(tag::ORIENTATION, u16::from(orientation), little));
    if is_srgb && !photo.is_empty() {
        photo.push(Written::short(COLOR_SPACE, SRGB, little));
    }
    let budget = MAX_BYTES - HEADER - 18;
    fit(&mut image, &mut photo, budget);
    Some(write(image, photo, little))
}

/// A block that names who made the picture and whose it is; `None` when neither is known.
pub(crate) fn copyright(artist: Option<&str>, copyright: Option<&str>) -> Option<Vec<u8>> {
    let texts = [(tag::ARTIST, artist), (tag::COPYRIGHT, copyright)];
    let image: Vec<_> = texts.into_iter().filter_map(|(tag, text)| Some(Written::text(tag, text?))).collect();
    (!image.is_empty()).then(|| write(image, Vec::new(), false))
}

/// In the order of tags, each once, and the largest left out until the rest takes no more than `budget` bytes.
fn fit<'a>(image: &mut Vec<Written<'a>>, photo: &mut Vec<Written<'a>>, budget: usize) {
    for entries in [&mut *image, &mut *photo] {
        entries.sort_by_key(|entry| entry.tag);
        entries.dedup_by_key(|entry| entry.tag);
    }
    let mut lengths: Vec<usize> = image.iter().chain(photo.iter()).map(Written::length).collect();
    lengths.sort_unstable_by(|a, b| b.cmp(a));
    let total = |longest: usize| lengths.iter().filter(|&&length| length <= longest).sum::<usize>();
    let mut candidates = lengths.clone();
    candidates.dedup();
    let longest = candidates.into_iter().find(|&longest| total(longest) <= budget).unwrap_or(0);
    image.retain(|entry| entry.length() <= longest);
    photo.retain(|entry| entry.length() <= longest);
}

/// Lays out the two directories, each with its values behind it, the second behind the first.
fn write(mut image: Vec<Written<'_>>, photo: Vec<Written<'_>>, little: bool) -> Vec<u8> {
    let u16_of = |value: u16| if little { value.to_le_bytes() } else { value.to_be_bytes() };
    let u32_of = |value: u32| if little { value.to_le_bytes() } else { value.to_be_bytes() };
    if !photo.is_empty() {
        image.push(Written { tag: tag::PHOTO_DIRECTORY, kind: LONG, count: 1, bytes: Cow::Borrowed(&[0; 4]) });
        image.sort_by_key(|entry| entry.tag);
    }
    // A directory: a count, its entries, where the next one lies (nowhere).
    let length = |entries: &[Written<'_>]| 6 + entries.iter().map(Written::length).sum::<usize>();
    let photo_at = HEADER + length(&image);
    if let Some(pointer) = image.iter_mut().find(|entry| entry.tag == tag::PHOTO_DIRECTORY) {
        pointer.bytes = Cow::Owned(u32_of(photo_at as u32).to_vec());
    }
    let mut block = Vec::with_capacity(photo_at + length(&photo));
    block.extend_from_slice(if little { b"II" } else { b"MM" });
    block.extend_from_slice(&u16_of(42));
    block.extend_from_slice(&u32_of(HEADER as u32));
    for entries in [image, photo] {
        if entries.is_empty() {
            continue;
        }
        let mut value_at = block.len() + 6 + 12 * entries.len();
        block.extend_from_slice(&u16_of(entries.len() as u16));
        for entry in &entries {
            debug_assert_eq!(Some(entry.bytes.len()), value_size(entry.kind).map(|size| size * entry.count as usize));
            block.extend_from_slice(&u16_of(entry.tag));
            block.extend_from_slice(&u16_of(entry.kind));
            block.extend_from_slice(&u32_of(entry.count));
            if entry.bytes.len() > 4 {
                block.extend_from_slice(&u32_of(value_at as u32));
                value_at += entry.bytes.len().next_multiple_of(2);
            } else {
                let mut inline = [0; 4];
                inline.iter_mut().zip(entry.bytes.iter()).for_each(|(to, &from)| *to = from);
                block.extend_from_slice(&inline);
            }
        }
        block.extend_from_slice(&[0; 4]);
        for entry in entries.iter().filter(|entry| entry.bytes.len() > 4) {
            block.extend_from_slice(&entry.bytes);
            if entry.bytes.len() % 2 == 1 {
                block.push(0);
            }
        }
    }
    block
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::exif::fields;
    use super::super::tiff::tests::{Given, block};
    use super::*;
    use serde_json::{Value as Json, json};

    fn check(block: Option<Vec<u8>>, expected: Json) {
        let mut warnings = Vec::new();
        let found = block.map(|block| (fields(&block, true, &mut warnings), super::super::exif::orientation(&block)));
        let found = found.map(|(fields, orientation)| json!([fields, orientation.map(|orientation| orientation.value())]));
        assert_eq!(found.unwrap_or_default(), expected);
        assert_eq!(warnings, Vec::<String>::new());
    }

    #[test]
    fn place_note_and_size_go_and_the_rest_stays() {
        let image: [Given<'_>; 5] = [
            (0x0100, 4, 1, &[9, 0, 0, 0]),
            (0x010f, 2, 8, b"Minilab\0"),
            (0x0112, 3, 1, &[6, 0]),
            (0x0111, 4, 1, &[9, 0, 0, 0]),
            (0x8298, 2, 4, b"CC0\0"),
        ];
        let photo: [Given<'_>; 5] = [
            (0x829d, 5, 1, &[28, 0, 0, 0, 10, 0, 0, 0]),
            (0x927c, 7, 30, b"the maker's note: 51 N, 0 W  ."),
            (0xa001, 3, 1, &[0xff, 0xff]),
            (0xa002, 4, 1, &[9, 0, 0, 0]),
            (0xa434, 2, 5, b"Lens\0"),
        ];
        let gps: [Given<'_>; 2] = [(1, 2, 2, b"N\0"), (2, 5, 1, &[51, 0, 0, 0, 1, 0, 0, 0])];
        let block = block(&image, &photo, &gps);
        let kept_block = kept(&block, 1, true).unwrap();
        for gone in [b"maker".as_slice(), &[51, 0, 0, 0], &[0x25, 0x88]] {
            assert!(block.windows(gone.len()).any(|window| window == gone));
            assert!(!kept_block.windows(gone.len()).any(|window| window == gone), "{gone:?}");
        }
        let expected = |color_space| json!({"camera_make": "Minilab", "copyright": "CC0", "f_number": 2.8, "lens_model": "Lens", "color_space": color_space});
        check(Some(kept_block), json!([expected("srgb"), 1]));
        check(kept(&block, 6, false), json!([expected("uncalibrated"), 6]));
    }

    #[test]
    fn blocks_fit_into_a_segment() {
        let (large, small) = (vec![b'x'; 60_000], vec![b'y'; 6000]);
        let image: [Given<'_>; 3] = [(0x010e, 2, 60_000, &large), (0x010f, 2, 6000, &small), (0x8298, 2, 4, b"CC0\0")];
        let found = kept(&block(&image, &[], &[]), 1, true).unwrap();
        assert!(found.len() < 7000);
        check(Some(found), json!([{"camera_make": "y".repeat(200), "copyright": "CC0"}, 1]));
        // The same value a thousand times, by tags of which most are not kept.
        let photo: Vec<Given<'_>> = (0..900).map(|index| (0xb000 + index, 2, 6000, &small[..])).collect();
        assert!(kept(&block(&[], &photo, &[]), 1, true).unwrap().len() <= MAX_BYTES);
        let photo: Vec<Given<'_>> = (0..900).map(|index| (0xb000 + index, 2, 60, &small[..60])).collect();
        let found = kept(&block(&[], &photo, &[]), 1, true).unwrap();
        assert!((60_000..=MAX_BYTES).contains(&found.len()), "{}", found.len());
        let doubled: [Given<'_>; 2] = [(0x8298, 2, 4, b"CC0\0"); 2];
        assert_eq!(kept(&block(&doubled, &[], &[]), 1, true), kept(&block(&doubled[..1], &[], &[]), 1, true));
    }

    #[test]
    fn who_and_whose_make_a_small_block() {
        check(copyright(Some("Ann"), Some("\u{a9} 2024 Ann")), json!([{"artist": "Ann", "copyright": "\u{a9} 2024 Ann"}, null]));
        check(copyright(None, Some("CC0")), json!([{"copyright": "CC0"}, null]));
        check(copyright(None, None), Json::Null);
        check(kept(b"nonsense", 1, true), Json::Null);
        check(kept(&block(&[], &[], &[]), 1, true), Json::Null);
        check(kept(&block(&[], &[], &[]), 6, true), json!([{}, 6]));
    }
}
