//! What a browser is told about bytes that anybody may have put there.

use crate::object_key::percent_encode;
use minilab_model::{Format, ObjectKey};

/// How many bytes [`raster_format`] wants to see.
pub(crate) const SNIFF_BYTES: u64 = 16;

/// The raster format that a body begins as. Only these are ever shown in place; whatever else it is (HTML, SVG, PDF,
/// anything that can carry script) is handed over as a download, whatever type was stated at upload.
pub(crate) fn raster_format(start: &[u8]) -> Option<Format> {
    match start {
        [0xFF, 0xD8, 0xFF, ..] => Some(Format::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some(Format::Png),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Format::Gif),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Format::Webp),
        [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', b'f' | b's', ..] => Some(Format::Avif),
        _ => None,
    }
}

/// Whether a browser may show the body in its window or must save it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// Shown in place.
    Inline,
    /// Saved.
    Attachment,
}

/// A `Content-Disposition` that names the file after the key's last part (RFC 6266).
///
/// The quoted form is plain ASCII; the extended form carries the name as it is. Neither can end the header or the
/// quotes, name a directory, or turn the name around with bidirectional controls.
pub(crate) fn content_disposition(disposition: Disposition, key: &ObjectKey) -> String {
    let kind = match disposition {
        Disposition::Inline => "inline",
        Disposition::Attachment => "attachment",
    };
    let name: String = key.name().chars().map(|c| if is_safe_in_a_name(c) { c } else { '_' }).collect();
    let name = match name.trim_matches(['.', ' ']) {
        "" => "download",
        _ => name.as_str(),
    };
    let plain: String = name.chars().map(|c| if c.is_ascii() && c != '"' && c != '%' { c } else { '_' }).collect();
    format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{}", percent_encode(name))
}

fn is_safe_in_a_name(c: char) -> bool {
    let turns_text = matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{061C}');
    !c.is_control() && !turns_text && !matches!(c, '/' | '\\' | ':')
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_raster_formats_are_shown() {
        let check = |start: &[u8], expected: Option<Format>| assert_eq!(raster_format(start), expected, "{start:?}");
        check(b"\xFF\xD8\xFF\xE0", Some(Format::Jpeg));
        check(b"\x89PNG\r\n\x1A\n....", Some(Format::Png));
        check(b"GIF89a", Some(Format::Gif));
        check(b"RIFF\0\0\0\0WEBPVP8 ", Some(Format::Webp));
        check(b"\0\0\0\x1cftypavif", Some(Format::Avif));
        for other in
            [&b""[..], b"<svg", b"<!DOCTYPE html>", b"%PDF-1.7", b"GIF", b"RIFF\0\0\0\0WAVE", b"\xFF\xD8", b"\xEF\xBB\xBF<html"]
        {
            check(other, None);
        }
    }

    #[test]
    fn file_names_cannot_break_out() {
        let check = |key: &str, expected: &str| {
            let disposition = content_disposition(Disposition::Attachment, &ObjectKey::new(key).unwrap());
            assert_eq!(disposition, format!("attachment; {expected}"), "{key:?}");
            assert!(http::HeaderValue::from_str(&disposition).is_ok(), "{disposition:?} is no header");
        };
        check("input/a b.jpg", "filename=\"a b.jpg\"; filename*=UTF-8''a%20b.jpg");
        check("é.jpg", "filename=\"_.jpg\"; filename*=UTF-8''%C3%A9.jpg");
        check("a\"; x=\"b", "filename=\"a_; x=_b\"; filename*=UTF-8''a%22%3B%20x%3D%22b");
        check("a\r\nSet-Cookie: b", "filename=\"a__Set-Cookie_ b\"; filename*=UTF-8''a__Set-Cookie_%20b");
        check("..\\..\\evil.exe", "filename=\".._.._evil.exe\"; filename*=UTF-8''.._.._evil.exe");
        check("cod\u{202E}gpj.exe", "filename=\"cod_gpj.exe\"; filename*=UTF-8''cod_gpj.exe");
        check("100%41.jpg", "filename=\"100_41.jpg\"; filename*=UTF-8''100%2541.jpg");
        check("dir/", "filename=\"download\"; filename*=UTF-8''download");
        check("a/..", "filename=\"download\"; filename*=UTF-8''download");
    }
}
