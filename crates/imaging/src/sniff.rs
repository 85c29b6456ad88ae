use crate::header::bmp::{FILE_HEADER, FILE_SIGNATURE, KNOWN_LENGTHS, is_headless};
use crate::header::svg;
use minilab_model::Format;

/// The eight bytes that every PNG file begins with.
pub(crate) const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Recognises a format by content. 32 bytes are enough for all but AVIF and HEIC, whose brand can stand further down their first
/// box, and SVG, whose root element can stand behind comments and a document type. `None` for anything else; names of files play
/// no part.
///
/// ```
/// use minilab_model::Format;
/// assert_eq!(minilab_imaging::sniff(b"GIF89a\x01\0\x01\0\0\0\0"), Some(Format::Gif));
/// assert_eq!(minilab_imaging::sniff(b"hello"), None);
/// ```
#[must_use]
pub fn sniff(bytes: &[u8]) -> Option<Format> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some(Format::Jpeg),
        _ if bytes.starts_with(PNG_SIGNATURE) => Some(Format::Png),
        _ if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") => Some(Format::Gif),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Format::Webp),
        _ if brands(bytes).any(|brand| brand == b"avif" || brand == b"avis") => Some(Format::Avif),
        _ if brands(bytes).any(is_heic) => Some(Format::Heic),
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Some(Format::Tiff),
        _ if is_bmp(bytes) || is_headless(bytes) => Some(Format::Bmp),
        _ if is_ico(bytes) => Some(Format::Ico),
        _ if bytes.starts_with(b"\xff\x0a") || bytes.starts_with(b"\0\0\0\x0cJXL \r\n\x87\n") => Some(Format::Jxl),
        _ if svg::root(bytes).is_some() => Some(Format::Svg),
        _ => None,
    }
}

/// The brands of HEVC pictures and of their sequences (ISO/IEC 23008-12, annex B).
fn is_heic(brand: &[u8]) -> bool {
    matches!(brand, b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"hevm" | b"hevs")
}

/// Two letters are little; the length of the header behind them must be one that is known.
fn is_bmp(bytes: &[u8]) -> bool {
    match bytes.strip_prefix(FILE_SIGNATURE).and_then(|_| bytes.get(FILE_HEADER..FILE_HEADER + 4)) {
        Some(&[a, b, c, d]) => KNOWN_LENGTHS.contains(&u32::from_le_bytes([a, b, c, d])),
        _ => false,
    }
}

/// An icon's signature is three zero bytes and a one, so its first entry is looked at, too: its reserved byte, and that its picture
/// lies behind the directory.
fn is_ico(bytes: &[u8]) -> bool {
    let Some(&[0, 0, 1, 0, low, high]) = bytes.first_chunk::<6>() else { return false };
    let count = u32::from(u16::from_le_bytes([low, high]));
    match bytes.get(6..22) {
        Some(&[_, _, _, 0, planes, 0, .., a, b, c, d]) => {
            count > 0 && planes <= 1 && u32::from_le_bytes([a, b, c, d]) >= 6 + count * 16
        }
        _ => false,
    }
}

/// The major and compatible brands of an ISO base media file (ISO/IEC 14496-12, 4.3); none when it is not one.
fn brands(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ftyp = match bytes {
        [a, b, c, d, b'f', b't', b'y', b'p', rest @ ..] => {
            let length = (u32::from_be_bytes([*a, *b, *c, *d]) as usize).saturating_sub(8);
            rest.get(..length).unwrap_or(rest)
        }
        _ => &[],
    };
    // The second word is the minor version, no brand.
    ftyp.chunks_exact(4).enumerate().filter_map(|(index, brand)| (index != 1).then_some(brand))
}

/// Says in a few words what bytes that are no image look like.
pub(crate) fn describe(bytes: &[u8]) -> String {
    let starts = |prefix: &[u8]| bytes.starts_with(prefix);
    let known = match bytes {
        [] => "nothing at all",
        _ if starts(b"%PDF") => "a PDF document",
        _ if starts(b"%!PS") => "a PostScript document",
        _ if starts(b"PK\x03\x04") => "a ZIP archive",
        _ if starts(b"\x1f\x8b") => "gzip-compressed data, which is not unpacked here",
        _ if brands(bytes).next().is_some() => "an MP4 or similar video",
        _ if is_text(bytes) => match bytes.trim_ascii_start() {
            [b'<', b'?', b'x', b'm', b'l', ..] => "XML text that is no SVG",
            [b'<', ..] => "HTML or XML text",
            _ => "text",
        },
        _ if bytes.iter().take(64).all(|&byte| byte == 0) => "zero bytes",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_owned();
    }
    let head: Vec<String> = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("unknown data that begins {}", head.join(" "))
}

fn is_text(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(512)];
    let cut_character = |error: std::str::Utf8Error| error.error_len().is_none() && bytes.len() > head.len();
    let is_utf8 = std::str::from_utf8(head).map_or_else(cut_character, |_| true);
    is_utf8 && head.iter().all(|&byte| byte >= b' ' || matches!(byte, b'\t' | b'\r' | b'\n' | 0x0c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_known_by_content() {
        let check = |bytes: &[u8], expected| assert_eq!(sniff(bytes), expected, "{bytes:?}");
        check(b"\xff\xd8\xff\xe0", Some(Format::Jpeg));
        check(b"\x89PNG\r\n\x1a\n", Some(Format::Png));
        check(b"GIF87a", Some(Format::Gif));
        check(b"RIFF\x10\0\0\0WEBPVP8L", Some(Format::Webp));
        check(b"\0\0\0\x1cftypavif\0\0\0\0", Some(Format::Avif));
        check(b"\0\0\0\x18ftypmif1\0\0\0\0miafavif", Some(Format::Avif));
        check(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", Some(Format::Heic));
        check(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", None);
        check(b"II*\0\x08\0\0\0", Some(Format::Tiff));
        check(b"MM\0+\0\x08\0\0", Some(Format::Tiff));
        check(b"BM\x3a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", Some(Format::Bmp));
        check(b"BMW is a maker of cars", None);
        check(b"\x28\0\0\0\x40\0\0\0\x30\0\0\0\x01\0\x18\0\0\0\0\0", Some(Format::Bmp));
        check(b"\x28\0\0\0\x40\0\0\0\x30\0\0\0\x02\0\x18\0\0\0\0\0", None);
        check(b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0\x68\x04\0\0\x16\0\0\0", Some(Format::Ico));
        check(b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0\x68\x04\0\0\x15\0\0\0", None);
        check(b"\0\0\x01\xb3\x16\0\xf0\xc4\x02\x49\xf0\xa4\0\0\x01\xb8\0\x08\0\0\0\0\x01\0", None);
        check(b"\xff\x0a\xfa\x1f", Some(Format::Jxl));
        check(b"\0\0\0\x0cJXL \r\n\x87\n", Some(Format::Jxl));
        check(b"<svg xmlns='http://www.w3.org/2000/svg'/>", Some(Format::Svg));
        check(b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- <html> -->\n<svg:svg>", Some(Format::Svg));
        check(b"<!DOCTYPE svg PUBLIC '>' [<!ENTITY a '<html>'>]><!-- --><svg>", Some(Format::Svg));
        check(b"<!DOCTYPE html><html><svg></svg></html>", None);
        check(b"<svgs>", None);
        check(b"<!-- a comment without an end <svg>", None);
        check(b"\x1f\x8b\x08\0", None);
        check(b"RIFF\x10\0\0\0WAVEfmt ", None);
        check(b"", None);
        check(b"\xff\xd8", None);
    }

    #[test]
    fn what_is_no_image_is_described() {
        let check = |bytes: &[u8], expected: &str| assert_eq!(describe(bytes), expected);
        check(b"", "nothing at all");
        check(b"just a line\n", "text");
        check("gr\u{fc}n".as_bytes(), "text");
        check(b"%PDF-1.7", "a PDF document");
        check(b"<?xml version='1.0'?><rss/>", "XML text that is no SVG");
        check(b"\0\0\0\0", "zero bytes");
        check(b"\x01\x02\xfe", "unknown data that begins 01 02 fe");
        check(b"\x1f\x8b\x08\0", "gzip-compressed data, which is not unpacked here");
        check(b"\0\0\0\x18ftypmp42\0\0\0\0", "an MP4 or similar video");
    }
}
