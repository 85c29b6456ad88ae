//! What AVIF and HEIC say of a picture alike (ISO/IEC 23008-12, 6, and 23000-22): its size, its tiles, its alpha, its colours, and how it is
//! turned and cut.

use super::items::{Items, Property};
use super::{Blocks, Bytes, Cicp, Details, Found, IccParts, TextBlock};
use crate::error::ImageError;
use minilab_model::Orientation;
use std::ops::Range;

/// What auxiliary pictures that are alpha call themselves.
const ALPHA: [&[u8]; 2] = [b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1"];

/// Code points of colours (ITU-T H.273).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Nclx {
    pub primaries: u16,
    pub transfer: u16,
    pub matrix: u16,
    pub full_range: bool,
}

/// A picture of one or more tiles, each a still of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grid {
    pub columns: usize,
    pub rows: usize,
    /// Items, row by row.
    pub tiles: Vec<u32>,
    /// Width and height of a tile.
    pub tile: (u32, u32),
}

/// The item that is the alpha of another.
pub(crate) fn alpha_of(items: &Items, file: &[u8], item: u32) -> Option<u32> {
    items.referring(b"auxl", item).find(|&from| {
        let body = items.property(from, b"auxC").and_then(|property| file.get(property.body.clone()));
        let name = body.and_then(|body| body.get(4..)).and_then(|text| text.split(|&byte| byte == 0).next());
        name.is_some_and(|name| ALPHA.contains(&name))
    })
}

/// The colours that an item states by code points.
pub(crate) fn nclx(items: &Items, file: &[u8], item: u32) -> Option<Nclx> {
    let colors = items.properties(item).filter(|property| &property.kind == b"colr");
    colors.filter_map(|property| file.get(property.body.clone())).find_map(|body| match body {
        [b'n', b'c', b'l', b'x', a, b, c, d, e, f, range, ..] => Some(Nclx {
            primaries: u16::from_be_bytes([*a, *b]),
            transfer: u16::from_be_bytes([*c, *d]),
            matrix: u16::from_be_bytes([*e, *f]),
            full_range: range & 0x80 != 0,
        }),
        _ => None,
    })
}

/// Width and height that an item states.
pub(crate) fn extent(items: &Items, file: &[u8], item: u32) -> Result<(u32, u32), ImageError> {
    let property =
        items.property(item, b"ispe").ok_or_else(|| ImageError::corrupt(items.format(), format!("item {item} has no size")))?;
    let bytes = Bytes(file);
    Ok((bytes.u32_be(property.body.start + 4)?, bytes.u32_be(property.body.start + 8)?))
}

/// The tiles of an item that is a picture.
pub(crate) fn grid(items: &Items, file: &[u8], item: u32) -> Result<Grid, ImageError> {
    match &items.kind(item).unwrap_or_default() {
        b"av01" | b"hvc1" | b"hev1" => Ok(Grid { columns: 1, rows: 1, tiles: vec![item], tile: extent(items, file, item)? }),
        b"grid" => {
            let (tiles, size) = (items.referred(b"dimg", item), extent(items, file, item)?);
            let data = items.bytes(file, item)?;
            let (rows, columns) = match *data {
                [_, _, rows, columns, ..] => (usize::from(rows) + 1, usize::from(columns) + 1),
                _ => return Err(ImageError::corrupt(items.format(), "its grid is cut off")),
            };
            let first = tiles.first().copied().ok_or_else(|| ImageError::corrupt(items.format(), "its grid has no tiles"))?;
            let tile = extent(items, file, first)?;
            let covers = |tile: u32, count: usize, whole: u32| {
                let all = u64::from(tile) * count as u64;
                all >= u64::from(whole) && all < u64::from(whole) + u64::from(tile)
            };
            if tiles.len() != rows * columns || !covers(tile.0, columns, size.0) || !covers(tile.1, rows, size.1) {
                return Err(ImageError::corrupt(items.format(), "its tiles do not make up its size"));
            }
            Ok(Grid { columns, rows, tiles: tiles.to_vec(), tile })
        }
        kind => Err(unknown_kind(items, kind)),
    }
}

/// Turns and mirrors, in their order, as one of EXIF's eight orientations.
fn orientation<'a>(properties: impl Iterator<Item = &'a Property>, file: &[u8]) -> Orientation {
    // First turned to the left, then mirrored: whatever follows is brought into this order.
    let (mut turns, mut mirrored) = (0_u8, false);
    for property in properties {
        let Some(&value) = file.get(property.body.start).filter(|_| !property.body.is_empty()) else { continue };
        match &property.kind {
            b"irot" if mirrored => turns += 4 - (value & 3),
            b"irot" => turns += value & 3,
            // Left and right change places (1), or top and bottom (0), which is the same with a half turn.
            b"imir" => {
                mirrored = !mirrored;
                turns += if value & 1 == 1 { 0 } else { 2 };
            }
            _ => {}
        }
        turns %= 4;
    }
    let value = match (mirrored, turns) {
        (false, 0) => 1,
        (false, 1) => 8,
        (false, 2) => 3,
        (false, _) => 6,
        (true, 0) => 2,
        (true, 1) => 7,
        (true, 2) => 4,
        (true, _) => 5,
    };
    Orientation::try_from(value).unwrap_or_default()
}

/// Where the embedded profile lies.
fn profile(items: &Items, file: &[u8], item: u32) -> Option<Range<usize>> {
    let bodies = items.properties(item).filter(|property| &property.kind == b"colr").map(|property| property.body.clone());
    bodies.into_iter().find_map(|body| match file.get(body.start..body.start + 4) {
        Some(b"prof" | b"rICC") => Some(body.start + 4..body.end),
        _ => None,
    })
}

/// Where the TIFF structure of the EXIF item lies: behind a number that says how far.
fn exif(items: &Items, file: &[u8], item: u32) -> Option<Range<usize>> {
    let found = items.referring(b"cdsc", item).find(|&from| items.kind(from) == Some(*b"Exif"))?;
    let range = items.range(found).filter(|range| range.end != usize::MAX)?;
    let skipped = Bytes(file).u32_be(range.start).ok()? as usize;
    let start = range.start.checked_add(4)?.checked_add(skipped)?;
    (start < range.end).then_some(start..range.end)
}

/// The part of a picture that is shown (ISO/IEC 14496-12, 12.1.4): where it begins, and its size. All of it where nothing is said.
fn shown_part(items: &Items, file: &[u8], item: u32, (width, height): (u32, u32)) -> Result<Part, ImageError> {
    let Some(index) = items.properties(item).position(|property| &property.kind == b"clap") else {
        return Ok(((0, 0), (width, height)));
    };
    if items.properties(item).take(index).any(|property| matches!(&property.kind, b"irot" | b"imir")) {
        return Err(ImageError::unsupported(items.format(), "a picture that is cut after it is turned"));
    }
    let corrupt = || ImageError::corrupt(items.format(), "the part that is shown of it is none");
    let body = items.properties(item).nth(index).map_or(0..0, |property| property.body.clone());
    let bytes = Bytes(file);
    let across = shown_range(bytes, body.start, body.start + 16, width)?.ok_or_else(corrupt)?;
    let down = shown_range(bytes, body.start + 8, body.start + 24, height)?.ok_or_else(corrupt)?;
    Ok(((across.start, down.start), (across.end - across.start, down.end - down.start)))
}

/// Where a part of a picture begins, and its width and height.
type Part = ((u32, u32), (u32, u32));

/// The pixels of one direction that are shown: a length, and how far its middle lies from the picture's, each a fraction. `None` when
/// there are none.
fn shown_range(bytes: Bytes<'_>, length_at: usize, middle_at: usize, whole: u32) -> Result<Option<Range<u32>>, ImageError> {
    let signed = |at: usize| bytes.u32_be(at).map(|value| i64::from(value.cast_signed()));
    let fraction = |over: i64, under: i64| if under == 0 { f64::NAN } else { over as f64 / under as f64 };
    let length = fraction(i64::from(bytes.u32_be(length_at)?), i64::from(bytes.u32_be(length_at + 4)?));
    let middle = fraction(signed(middle_at)?, i64::from(bytes.u32_be(middle_at + 4)?));
    let start = (f64::from(whole) - length) / 2.0 + middle;
    // A cast saturates, and makes nothing of what is not a number.
    let range = start.round().max(0.0) as u32..((start + length).round().max(0.0) as u32).min(whole);
    Ok((range.start < range.end && !start.is_nan()).then_some(range))
}

/// Where the XMP packet lies.
fn xmp(items: &Items, file: &[u8], item: u32) -> Option<TextBlock> {
    let texts = items.referring(b"cdsc", item).filter(|&from| items.kind(from) == Some(*b"mime"));
    let mut ranges = texts.filter_map(|text| items.range(text)).filter(|range| range.end != usize::MAX);
    let is_packet = |range: &Range<usize>| {
        let text = file.get(range.clone()).map(<[u8]>::trim_ascii_start);
        text.is_some_and(|text| text.starts_with(b"<?xpacket") || text.starts_with(b"<x:xmpmeta"))
    };
    ranges.find(is_packet).map(TextBlock::plain)
}

/// The first coded picture of an item that is a picture: itself, or the first tile of its grid.
///
/// # Errors
/// [`ImageError::Unsupported`] when it is neither, such as pictures laid over each other.
pub(super) fn first_tile(items: &Items, item: u32) -> Result<u32, ImageError> {
    match &items.kind(item).unwrap_or_default() {
        b"grid" => Ok(items.referred(b"dimg", item).first().copied().unwrap_or(item)),
        b"av01" | b"hvc1" | b"hev1" => Ok(item),
        kind => Err(unknown_kind(items, kind)),
    }
}

fn unknown_kind(items: &Items, kind: &[u8; 4]) -> ImageError {
    ImageError::unsupported(items.format(), format!("a picture of the kind {:?}", String::from_utf8_lossy(kind)))
}

/// What the container says of its primary picture. How it is coded is still to be said.
pub(super) fn read(items: &Items, file: &[u8]) -> Result<Found, ImageError> {
    let primary = items.primary;
    let whole = extent(items, file, primary)?;
    let tile = extent(items, file, first_tile(items, primary)?)?;
    let (origin, (width, height)) = shown_part(items, file, primary, whole)?;
    Ok(Found {
        width,
        height,
        has_alpha: alpha_of(items, file, primary).is_some(),
        icc: IccParts { parts: profile(items, file, primary).into_iter().collect(), deflated: false },
        cicp: nclx(items, file, primary).map(|nclx| Cicp { primaries: nclx.primaries, transfer: nclx.transfer }),
        exif: exif(items, file, primary),
        blocks: Blocks { xmp: xmp(items, file, primary), ..Blocks::default() },
        orientation: Some(orientation(items.properties(primary), file)),
        details: Details::Heif { origin, tile, columns: whole.0.div_ceil(tile.0.max(1)), color_samples: 2 },
        ..Found::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_and_mirrors_become_one_orientation() {
        let check = |steps: &[(&[u8; 4], u8)], expected: u8| {
            let file: Vec<u8> = steps.iter().map(|&(_, value)| value).collect();
            let properties: Vec<Property> =
                steps.iter().enumerate().map(|(index, &(kind, _))| Property { kind: *kind, body: index..index + 1 }).collect();
            assert_eq!(u8::from(orientation(properties.iter(), &file)), expected, "{steps:?}");
        };
        check(&[], 1);
        check(&[(b"irot", 1)], 8);
        check(&[(b"irot", 2)], 3);
        check(&[(b"irot", 3)], 6);
        check(&[(b"imir", 1)], 2);
        check(&[(b"imir", 0)], 4);
        check(&[(b"irot", 1), (b"imir", 0)], 5);
        check(&[(b"irot", 1), (b"imir", 1)], 7);
        check(&[(b"irot", 3), (b"imir", 1)], 5);
        check(&[(b"irot", 2), (b"imir", 0)], 2);
        // The other way round.
        check(&[(b"imir", 1), (b"irot", 1)], 5);
        check(&[(b"imir", 1), (b"imir", 1)], 1);
    }
}
