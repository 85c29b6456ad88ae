//! What can be known of an SVG document without an XML parser: where its root element begins, and what size that states. The
//! beginning of a file is enough.

use super::Found;
use crate::error::ImageError;
use minilab_model::Format;

/// The size of a replaced element that states none (CSS 2.2, 10.3.2), as browsers have it.
const DEFAULT_SIZE: (f64, f64) = (300.0, 150.0);

/// CSS pixels an inch.
const DPI: f64 = 96.0;

/// Pixels of an `em`: there is no style around the document that could say otherwise.
const FONT_SIZE: f64 = 16.0;

/// Where the attributes of the root element begin: after a byte order mark, an XML declaration, comments and a document type.
/// `None` where the root is no `svg` element.
pub(crate) fn root(file: &[u8]) -> Option<&[u8]> {
    let mut rest = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    loop {
        rest = rest.trim_ascii_start();
        if let Some(inside) = rest.strip_prefix(b"<?") {
            rest = after(inside, b"?>")?;
        } else if let Some(inside) = rest.strip_prefix(b"<!--") {
            rest = after(inside, b"-->")?;
        } else if let Some(inside) = strip_doctype(rest) {
            rest = after_doctype(inside)?;
        } else {
            break;
        }
    }
    let tag = rest.strip_prefix(b"<")?;
    let end = tag.iter().position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/'))?;
    let (name, attributes) = tag.split_at(end);
    let local = name.iter().position(|&byte| byte == b':').map_or(name, |colon| &name[colon + 1..]);
    (local == b"svg").then_some(attributes)
}

fn after<'a>(bytes: &'a [u8], end: &[u8]) -> Option<&'a [u8]> {
    bytes.windows(end.len()).position(|window| window == end).map(|at| &bytes[at + end.len()..])
}

fn strip_doctype(bytes: &[u8]) -> Option<&[u8]> {
    bytes.strip_prefix(b"<!DOCTYPE").or_else(|| bytes.strip_prefix(b"<!doctype"))
}

/// Behind a document type, with its quotes and its declarations in brackets.
fn after_doctype(bytes: &[u8]) -> Option<&[u8]> {
    let (mut quote, mut brackets) = (None, 0_u32);
    for (index, &byte) in bytes.iter().enumerate() {
        match (quote, byte) {
            (Some(open), _) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'[') => brackets += 1,
            (None, b']') => brackets = brackets.saturating_sub(1),
            (None, b'>') if brackets == 0 => return bytes.get(index + 1..),
            _ => {}
        }
    }
    None
}

/// An attribute's value as it stands there. `None` also where the element goes on past the bytes.
fn attribute<'a>(attributes: &'a [u8], wanted: &[u8]) -> Option<&'a str> {
    let mut rest = attributes;
    loop {
        rest = rest.trim_ascii_start();
        let equals = rest.iter().position(|byte| matches!(byte, b'=' | b'>'))?;
        if rest[equals] == b'>' {
            return None;
        }
        let name = rest[..equals].trim_ascii();
        let value = rest[equals + 1..].trim_ascii_start();
        let (&quote, value) = value.split_first().filter(|(quote, _)| matches!(quote, b'"' | b'\''))?;
        let end = value.iter().position(|&byte| byte == quote)?;
        if name == wanted {
            return std::str::from_utf8(&value[..end]).ok();
        }
        rest = &value[end + 1..];
    }
}

/// Whether the root element's tag ends within the bytes.
fn is_closed(attributes: &[u8]) -> bool {
    let mut quote = None;
    for &byte in attributes {
        match (quote, byte) {
            (Some(open), _) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'>') => return true,
            _ => {}
        }
    }
    false
}

/// A length in CSS pixels; `None` for percentages, `auto` and what is no length.
fn length(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits =
        text.char_indices().find(|&(index, character)| !is_number(text, index, character)).map_or(text.len(), |(index, _)| index);
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().ok()?;
    let pixels = match unit.trim() {
        "" | "px" => 1.0,
        "in" => DPI,
        "cm" => DPI / 2.54,
        "mm" => DPI / 25.4,
        "pt" => DPI / 72.0,
        "pc" => DPI / 6.0,
        "em" | "rem" => FONT_SIZE,
        "ex" => FONT_SIZE / 2.0,
        _ => return None,
    };
    Some(number * pixels).filter(|length| length.is_finite() && *length > 0.0)
}

/// Whether a character belongs to the number in front of a unit; `e` does only before an exponent, not in `em`.
fn is_number(text: &str, index: usize, character: char) -> bool {
    match character {
        '0'..='9' | '.' | '+' | '-' => true,
        'e' | 'E' => text[index + 1..].starts_with(|next: char| next.is_ascii_digit() || next == '-' || next == '+'),
        _ => false,
    }
}

/// Width and height of a view box.
fn view_box(text: &str) -> Option<(f64, f64)> {
    let mut numbers = text.split([' ', ',', '\t', '\r', '\n']).filter(|number| !number.is_empty()).map(str::parse::<f64>);
    let (_, _) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    let size = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    let is_size = |side: f64| side.is_finite() && side > 0.0;
    (is_size(size.0) && is_size(size.1)).then_some(size)
}

/// The size of a document in CSS pixels: as it states it, a missing side by its view box; without both that of the view box;
/// without anything 300×150.
pub(crate) fn stated_size(attributes: &[u8]) -> (f64, f64) {
    let side = |name: &[u8]| attribute(attributes, name).and_then(length);
    let inner = attribute(attributes, b"viewBox").and_then(view_box);
    match (side(b"width"), side(b"height"), inner) {
        (Some(width), Some(height), _) => (width, height),
        (Some(width), None, Some(inner)) => (width, width * inner.1 / inner.0),
        (None, Some(height), Some(inner)) => (height * inner.0 / inner.1, height),
        (None, None, Some(inner)) => inner,
        (width, height, None) => (width.unwrap_or(DEFAULT_SIZE.0), height.unwrap_or(DEFAULT_SIZE.1)),
    }
}

pub(super) fn read(file: &[u8]) -> Result<Found, ImageError> {
    let attributes = root(file).ok_or_else(|| ImageError::corrupt(Format::Svg, "it has no root element"))?;
    if !is_closed(attributes) {
        return Err(ImageError::HeaderIncomplete { available: file.len() as u64 });
    }
    let (width, height) = stated_size(attributes);
    // A float to integer cast saturates; the limits see to what is too large.
    let pixels = |side: f64| (side.round() as u32).max(1);
    Ok(Found { width: pixels(width), height: pixels(height), has_alpha: true, ..Found::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_what_browsers_take() {
        let check = |root: &str, expected: (f64, f64)| {
            let (width, height) = stated_size(root.as_bytes());
            let close = |a: f64, b: f64| (a - b).abs() < 1e-6;
            assert!(close(width, expected.0) && close(height, expected.1), "{root}: {width}×{height}");
        };
        check(" width='10' height='20'>", (10.0, 20.0));
        check(" width=\"1in\" height='2.54cm' >", (96.0, 96.0));
        check(" width='10mm' height='12pt'>", (96.0 / 2.54, 16.0));
        check(" width='2em' height='1e2px'>", (32.0, 100.0));
        check(" viewBox='0 0 40,30'>", (40.0, 30.0));
        check(" viewBox='0 0 40 30' width='80'>", (80.0, 60.0));
        check(" viewBox='0 0 40 30' width='100%' height='60'>", (80.0, 60.0));
        check(" width='100%' height='100%'>", (300.0, 150.0));
        check(" width='-5' height='0' viewBox='0 0 0 9'>", (300.0, 150.0));
        check(" note='width=&quot;7' height = '9' width='8'>", (8.0, 9.0));
        check(">", (300.0, 150.0));
    }
}
