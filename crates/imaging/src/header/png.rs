//! PNG chunks (W3C, third edition, 11).

use super::{Bytes, Details, Found, IccParts};
use crate::error::ImageError;
use minilab_model::{ColorSpace, Format};

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
        animated: false,
        icc: IccParts::default(),
        exif: None,
        orientation: None,
        details: Details::Png { palette: color_type == 3 },
    };
    let mut position = 33;
    let mut in_data = false;
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
            b"acTL" => found.animated = true,
            b"eXIf" => found.exif = Some(body.clone()),
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
