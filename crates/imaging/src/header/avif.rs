//! AVIF (the AV1 Image File Format, version 1.1): how its pictures are coded.

use super::items::Items;
use super::{Bytes, Found, heif};
use crate::error::ImageError;
use minilab_model::{ColorSpace, Format};

/// The depth and sampling of an AV1 stream (AV1-ISOBMFF, 2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Av1Config {
    bits: u8,
    monochrome: bool,
}

fn config(items: &Items, file: &[u8], item: u32) -> Result<Av1Config, ImageError> {
    let missing = || ImageError::corrupt(Format::Avif, format!("item {item} has no AV1 configuration"));
    let property = items.property(item, b"av1C").ok_or_else(missing)?;
    let flags = Bytes(file).u8(property.body.start + 2)?;
    let bits = match (flags & 0x40 != 0, flags & 0x20 != 0) {
        (false, _) => 8,
        (true, false) => 10,
        (true, true) => 12,
    };
    Ok(Av1Config { bits, monochrome: flags & 0x10 != 0 })
}

pub(super) fn read(file: &[u8]) -> Result<Found, ImageError> {
    let items = Items::read(file, Format::Avif)?;
    let config = config(&items, file, heif::first_tile(&items, items.primary)?)?;
    Ok(Found {
        color_space: if config.monochrome { ColorSpace::Grey } else { ColorSpace::Ycbcr },
        bit_depth: if config.bits > 8 { 16 } else { 8 },
        ..heif::read(&items, file)?
    })
}
