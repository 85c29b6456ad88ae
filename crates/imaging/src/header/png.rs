//! PNG chunks (W3C, third edition, 11).

use super::{Bytes, Details, Found, TextBlock, dots_per_inch};
use crate::error::ImageError;
use minilab_model::{ColorSpace, Format};
use std::ops::Range;

/// The keyword of the text chunk that holds XMP (XMP specification, part 3, 1.1.5).
const XMP_KEYWORD: &[u8] = b"XML:com.adobe.xmp\0";
/// How far into a text chunk its text must begin: after keyword, language and translated keyword.
const XMP_WINDOW: usize = 256;

pub(super) fn read(file: &[u8]) -> Result<Found, ImageError> {
    let bytes = Bytes(file);
    if bytes.slice(12, 4)? != b"IHDR" || bytes.u32_be(8)? != 13 {
        return Err(ImageError::corrupt_at(Format::Png, "its first chunk is not IHDR", 8));
    }
    let [depth, color_type, _compression, _filter, interlace] = bytes.array(24)?;
    let (color_space, has_alpha) = match color_type {
        0 => (ColorSpace::Grey, false),
        2 | 3 => (ColorSpace::Rgb, false),
        4 => (ColorSpace::Grey, true),
        6 => (ColorSpace::Rgb, true),
        other => return Err(ImageError::corrupt_at(Format::Png, format!("its colour type is {other}"), 25)),
    };
    let depth_is_legal = match color_type {
        0 => matches!(depth, 1 | 2 | 4 | 8 | 16),
        3 => matches!(depth, 1 | 2 | 4 | 8),
        _ => matches!(depth, 8 | 16),
    };
    if !depth_is_legal {
        return Err(ImageError::corrupt_at(Format::Png, format!("its bit depth is {depth}"), 24));
    }
    let mut found = Found {
        width: bytes.u32_be(16)?,
        height: bytes.u32_be(20)?,
        color_space,
        bit_depth: depth,
        has_alpha,
        progressive: interlace != 0,
        details: Details::Png { palette: color_type == 3 },
        ..Found::default()
    };
    let mut position = 33;
    let mut in_data = false;
    // Control and data of frames are numbered; an animation in disorder is none (PNG, third edition, 11.3.4).
    let (mut frame_chunks, mut in_order) = (0, true);
    loop {
        let (length, kind) = match (bytes.u32_be(position), bytes.slice(position + 4, 4)) {
            (Ok(length), Ok(kind)) => (length as usize, kind),
            // After the first pixels nothing is needed; eXIf may stand there, but a prefix of the file will do.
            _ if in_data => return Ok(found),
            (Err(error), _) | (_, Err(error)) => return Err(error),
        };
        if length > i32::MAX as usize {
            return if in_data { Ok(found) } else { Err(ImageError::corrupt_at(Format::Png, "a chunk is too long", position)) };
        }
        let body = position + 8..position + 8 + length;
        match kind {
            b"IDAT" => in_data = true,
            b"IEND" => return Ok(found),
            b"tRNS" => found.has_alpha = true,
            b"acTL" => found.animated = in_order,
            b"fcTL" | b"fdAT" => {
                in_order &= bytes.u32_be(body.start).unwrap_or(frame_chunks) == frame_chunks;
                found.animated &= in_order;
                frame_chunks += 1;
            }
            b"eXIf" => found.exif = Some(body.clone()),
            b"pHYs" if length == 9 => found.blocks.dpi = bytes.array(body.start).ok().and_then(density),
            b"iTXt" if found.blocks.xmp.is_none() => {
                found.blocks.xmp = xmp(bytes.slice(body.start, length.min(XMP_WINDOW)).unwrap_or_default(), body.clone());
            }
            b"iCCP" => {
                // A name of 1 to 79 bytes, a zero, the compression method (0), the data.
                let window = bytes.slice(body.start, length.min(82))?;
                if let Some(end) = window.iter().position(|&byte| byte == 0)
                    && window.get(end + 1) == Some(&0)
                {
                    found.icc.parts.push(body.start + end + 2..body.end);
                    found.icc.deflated = true;
                }
            }
            _ => {}
        }
        position = body.end + 4;
    }
}

/// Dots per inch of a pHYs chunk; its unit 0 gives the shape of pixels, no resolution.
fn density([x3, x2, x1, x0, y3, y2, y1, y0, unit]: [u8; 9]) -> Option<[f64; 2]> {
    let dots = [u32::from_be_bytes([x3, x2, x1, x0]), u32::from_be_bytes([y3, y2, y1, y0])];
    if unit == 1 { dots_per_inch(dots, 0.0254) } else { None }
}

/// Where XMP lies in an iTXt chunk: behind the keyword, a compression flag and method, and two texts that end in zero.
fn xmp(beginning: &[u8], body: Range<usize>) -> Option<TextBlock> {
    let [deflated @ (0 | 1), 0, texts @ ..] = beginning.strip_prefix(XMP_KEYWORD)? else { return None };
    let mut zeros = texts.iter().enumerate().filter(|(_, byte)| **byte == 0).map(|(index, _)| index);
    let text = XMP_KEYWORD.len() + 2 + zeros.nth(1)? + 1;
    Some(TextBlock { range: body.start + text..body.end, deflated: *deflated == 1 })
}
