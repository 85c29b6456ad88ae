//! AVIF (the AV1 Image File Format, version 1.1): the primary picture, or a grid of pictures, and its alpha.

use super::items::{Items, Property};
use super::{Bytes, Cicp, Found, IccParts};
use crate::error::ImageError;
use minilab_model::{ColorSpace, Format, Orientation};
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

/// A picture of one or more tiles, each an AV1 still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grid {
    pub columns: usize,
    pub rows: usize,
    /// Items, row by row.
    pub tiles: Vec<u32>,
    /// Width and height of a tile.
    pub tile: (u32, u32),
}

/// The depth and sampling of an AV1 stream (AV1-ISOBMFF, 2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Av1Config {
    pub bits: u8,
    pub monochrome: bool,
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
    let property = items.property(item, b"ispe").ok_or_else(|| corrupt(format!("item {item} has no size")))?;
    let bytes = Bytes(file);
    Ok((bytes.u32_be(property.body.start + 4)?, bytes.u32_be(property.body.start + 8)?))
}

/// The tiles of an item that is a picture.
pub(crate) fn grid(items: &Items, file: &[u8], item: u32) -> Result<Grid, ImageError> {
    match &items.kind(item).unwrap_or_default() {
        b"av01" => Ok(Grid { columns: 1, rows: 1, tiles: vec![item], tile: extent(items, file, item)? }),
        b"grid" => {
            let (tiles, size) = (items.referred(b"dimg", item), extent(items, file, item)?);
            let data = items.bytes(file, item)?;
            let (rows, columns) = match *data {
                [_, _, rows, columns, ..] => (usize::from(rows) + 1, usize::from(columns) + 1),
                _ => return Err(corrupt("its grid is cut off")),
            };
            let first = tiles.first().copied().ok_or_else(|| corrupt("its grid has no tiles"))?;
            let tile = extent(items, file, first)?;
            let covers = |tile: u32, count: usize, whole: u32| {
                let all = u64::from(tile) * count as u64;
                all >= u64::from(whole) && all < u64::from(whole) + u64::from(tile)
            };
            if tiles.len() != rows * columns || !covers(tile.0, columns, size.0) || !covers(tile.1, rows, size.1) {
                return Err(corrupt("its tiles do not make up its size"));
            }
            Ok(Grid { columns, rows, tiles: tiles.to_vec(), tile })
        }
        kind => Err(unsupported(format!("a picture of the kind {:?}", String::from_utf8_lossy(kind)))),
    }
}

fn config(items: &Items, file: &[u8], item: u32) -> Result<Av1Config, ImageError> {
    let property = items.property(item, b"av1C").ok_or_else(|| corrupt(format!("item {item} has no AV1 configuration")))?;
    let flags = Bytes(file).u8(property.body.start + 2)?;
    let bits = match (flags & 0x40 != 0, flags & 0x20 != 0) {
        (false, _) => 8,
        (true, false) => 10,
        (true, true) => 12,
    };
    Ok(Av1Config { bits, monochrome: flags & 0x10 != 0 })
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

pub(super) fn read(file: &[u8]) -> Result<Found, ImageError> {
    let items = Items::read(file, Format::Avif)?;
    let primary = items.primary;
    let (width, height) = extent(&items, file, primary)?;
    let first = match items.kind(primary) {
        Some(kind) if &kind == b"grid" => items.referred(b"dimg", primary).first().copied().unwrap_or(primary),
        _ => primary,
    };
    let config = config(&items, file, first)?;
    Ok(Found {
        width,
        height,
        color_space: if config.monochrome { ColorSpace::Grey } else { ColorSpace::Ycbcr },
        bit_depth: if config.bits > 8 { 16 } else { 8 },
        has_alpha: alpha_of(&items, file, primary).is_some(),
        icc: IccParts { parts: profile(&items, file, primary).into_iter().collect(), deflated: false },
        cicp: nclx(&items, file, primary).map(|nclx| Cicp { primaries: nclx.primaries, transfer: nclx.transfer }),
        exif: exif(&items, file, primary),
        orientation: Some(orientation(items.properties(primary), file)),
        ..Found::default()
    })
}

fn corrupt(detail: impl Into<String>) -> ImageError {
    ImageError::corrupt(Format::Avif, detail)
}

fn unsupported(what: impl Into<String>) -> ImageError {
    ImageError::unsupported(Format::Avif, what)
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
