use minilab_model::Format;

/// The eight bytes that every PNG file begins with.
pub(crate) const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Recognises a format by content. Sixteen bytes are enough for all but AVIF, whose brand can stand further down its
/// first box. `None` for anything else; names of files play no part.
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
        _ => None,
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
        _ if starts(b"\x1f\x8b") => "gzip-compressed data",
        _ if starts(b"II*\0") || starts(b"MM\0*") => "a TIFF or raw camera image, which is not decoded here",
        _ if starts(b"BM") && bytes.len() > 18 && bytes[14..18] == [40, 0, 0, 0] => "a BMP image, which is not decoded here",
        _ if starts(b"\xff\x0a") || starts(b"\0\0\0\x0cJXL ") => "a JPEG XL image, which is not decoded here",
        _ if brands(bytes).any(|brand| matches!(brand, b"heic" | b"heix" | b"mif1" | b"hevc")) => {
            "an HEIC image, which is not decoded here"
        }
        _ if brands(bytes).next().is_some() => "an MP4 or similar video",
        _ if is_text(bytes) => match bytes.trim_ascii_start() {
            [b'<', b'?', b'x', b'm', b'l', ..] | [b'<', b's', b'v', b'g', ..] => "XML or SVG text",
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
        check(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", None);
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
        check(b"<svg xmlns=''/>", "XML or SVG text");
        check(b"\0\0\0\0", "zero bytes");
        check(b"\x01\x02\xfe", "unknown data that begins 01 02 fe");
        check(b"\0\0\0\x18ftypheic\0\0\0\0", "an HEIC image, which is not decoded here");
    }
}
