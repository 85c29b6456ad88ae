//! Windows icons: a directory of pictures, each a bitmap with a mask or a PNG. The largest counts.

use super::bmp::{Bitmap, Packing};
use super::{Bytes, Details, Found, png};
use crate::error::ImageError;
use crate::sniff::PNG_SIGNATURE;
use minilab_model::Format;
use std::ops::Range;

/// Bytes of the directory's header and of an entry.
const HEADER: usize = 6;
const ENTRY: usize = 16;

pub(super) fn read(file: &[u8]) -> Result<Found, ImageError> {
    let bytes = Bytes(file);
    let count = usize::from(bytes.u16_le(4)?);
    let mut largest: Option<(u32, Range<usize>)> = None;
    for entry in (0..count).map(|index| HEADER + index * ENTRY) {
        // A side of 256 or more is written as 0.
        let side = |byte: u8| if byte == 0 { 256 } else { u32::from(byte) };
        let area = side(bytes.u8(entry)?) * side(bytes.u8(entry + 1)?);
        let bits = u32::from(bytes.u16_le(entry + 6)?);
        let start = bytes.u32_le(entry + 12)? as usize;
        let range = start..start.saturating_add(bytes.u32_le(entry + 8)? as usize);
        let rank = area * 64 + bits.min(63);
        if largest.as_ref().is_none_or(|(found, _)| rank > *found) {
            largest = Some((rank, range));
        }
    }
    let Some((_, range)) = largest else {
        return Err(ImageError::corrupt_at(Format::Ico, "it holds no picture", HEADER));
    };
    let start = range.start;
    if bytes.slice(start, PNG_SIGNATURE.len())? == PNG_SIGNATURE {
        let picture = file.get(start..range.end.min(file.len())).unwrap_or_default();
        let mut found = png::read(picture).map_err(|error| match error {
            // It counts from the beginning of the file, not of the picture.
            ImageError::HeaderIncomplete { .. } => bytes.incomplete(),
            other => other,
        })?;
        let moved = |range: &Range<usize>| range.start + start..range.end + start;
        found.icc.parts = found.icc.parts.iter().map(moved).collect();
        found.exif = found.exif.as_ref().map(moved);
        return Ok(Found { details: Details::Ico { start, end: range.end, png: true }, ..found });
    }
    let bitmap = Bitmap::read(file, start, Format::Ico)?;
    if bitmap.packing != Packing::Plain {
        return Err(ImageError::unsupported(Format::Ico, "packed bitmaps"));
    }
    Ok(Found {
        width: bitmap.width,
        height: bitmap.height / 2,
        has_alpha: true,
        details: Details::Ico { start, end: range.end, png: false },
        ..Found::default()
    })
}
