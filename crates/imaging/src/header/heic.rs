//! HEIC (ISO/IEC 23008-12, annex B): how its pictures are coded, by their HEVC configuration (ISO/IEC 14496-15, 8.3.3.1).

use super::hevc::{Sequence, sequence};
use super::items::Items;
use super::{Bytes, Details, Found, heif};
use crate::error::ImageError;
use minilab_model::{ColorSpace, Format};
use std::ops::Range;

/// How the stream of an item is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HevcConfig {
    /// Bytes of the number that stands before each unit of the stream.
    pub length_bytes: usize,
    /// Where the parameter sets lie in the file: of the video, of the sequence, of the pictures.
    pub sets: Vec<Range<usize>>,
    pub sequence: Sequence,
}

/// What a unit is by its first byte (ITU-T H.265, table 7-1).
const SEQUENCE_SET: u8 = 33;
const SETS: [u8; 3] = [32, SEQUENCE_SET, 34];

/// How much larger than it is stated a still may be coded, in pixels a side: up to whole blocks, and these have up to 64.
pub(crate) const MAX_MARGIN: u32 = 64;

/// Most parameter sets of a still; one of each is what there is.
const MAX_SETS: usize = 64;

/// The kind of a unit of the stream.
pub(crate) fn unit_kind(unit: &[u8]) -> Option<u8> {
    unit.first().map(|byte| byte >> 1 & 0x3f)
}

/// Reads the configuration of a coded item.
///
/// # Errors
/// [`ImageError::Corrupt`] when there is none, or more than one sequence; [`ImageError::Unsupported`] for what cannot be decoded.
pub(crate) fn config(items: &Items, file: &[u8], item: u32) -> Result<HevcConfig, ImageError> {
    let missing = || corrupt(format!("item {item} has no HEVC configuration"));
    let body = items.property(item, b"hvcC").ok_or_else(missing)?.body.clone();
    let bytes = Bytes(file);
    let length_bytes = usize::from(bytes.u8(body.start + 21)? & 3) + 1;
    let arrays = bytes.u8(body.start + 22)?;
    let mut position = body.start + 23;
    let mut found: Vec<(u8, Range<usize>)> = Vec::new();
    for _ in 0..arrays {
        let count = bytes.u16_be(position + 1)?;
        position += 3;
        for _ in 0..count {
            let start = position + 2;
            let end = start + usize::from(bytes.u16_be(position)?);
            if end > body.end {
                return Err(corrupt(format!("the HEVC configuration of item {item} is cut off")));
            }
            position = end;
            match unit_kind(bytes.slice(start, end - start)?) {
                Some(kind) if SETS.contains(&kind) => found.push((kind, start..end)),
                // Words of the encoder and other messages.
                _ => {}
            }
            if found.len() > MAX_SETS {
                return Err(corrupt(format!("item {item} has more than {MAX_SETS} parameter sets")));
            }
        }
    }
    found.sort_by_key(|(kind, _)| *kind);
    let mut sequences = found.iter().filter(|(kind, _)| *kind == SEQUENCE_SET);
    let sequence = match (sequences.next(), sequences.next()) {
        // With a second one, what is checked here need not be what is decoded.
        (Some((_, range)), None) => sequence(file.get(range.clone()).unwrap_or_default()),
        _ => return Err(corrupt(format!("item {item} has not one sequence parameter set"))),
    };
    let sequence = sequence.ok_or_else(|| ImageError::unsupported(Format::Heic, "this kind of HEVC data"))?;
    // What the decoder makes of these is wrong; most of the time it notices.
    match sequence.chroma {
        2 => return Err(ImageError::unsupported(Format::Heic, "chroma at half of the width (4:2:2)")),
        3 => return Err(ImageError::unsupported(Format::Heic, "chroma of the full size (4:4:4)")),
        _ => {}
    }
    Ok(HevcConfig { length_bytes, sets: found.into_iter().map(|(_, range)| range).collect(), sequence })
}

pub(super) fn read(file: &[u8]) -> Result<Found, ImageError> {
    let items = Items::read(file, Format::Heic)?;
    let Sequence { bits, chroma, colors, .. } = config(&items, file, heif::first_tile(&items, items.primary)?)?.sequence;
    let found = heif::read(&items, file)?;
    let details = match found.details {
        Details::Heif { origin, tile, columns, .. } => {
            Details::Heif { origin, tile, columns, color_samples: if chroma == 0 { 0 } else { 2 } }
        }
        other => other,
    };
    Ok(Found {
        color_space: if chroma == 0 { ColorSpace::Grey } else { ColorSpace::Ycbcr },
        bit_depth: if bits > 8 { 16 } else { 8 },
        cicp: found.cicp.or(Some(super::Cicp { primaries: colors.primaries, transfer: colors.transfer })),
        details,
        ..found
    })
}

fn corrupt(detail: impl Into<String>) -> ImageError {
    ImageError::corrupt(Format::Heic, detail)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_second_sequence_is_refused() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/formats/heic-quadrants.heic");
        let file = std::fs::read(path).unwrap();
        let items = Items::read(&file, Format::Heic).unwrap();
        let tile = heif::first_tile(&items, items.primary).unwrap();
        let found = config(&items, &file, tile).unwrap();
        assert_eq!((found.sequence.shown, found.sequence.bits, found.sequence.chroma), ((64, 64), 8, 1));
        assert_eq!(found.sets.len(), 3);
        // The set of the pictures, by the byte that says what it is, becomes one more of the sequence.
        let mut doubled = file.clone();
        doubled[found.sets[2].start] = SEQUENCE_SET << 1;
        let refused = config(&items, &doubled, tile).unwrap_err().to_string();
        assert!(refused.ends_with("has not one sequence parameter set"), "{refused}");
    }
}
