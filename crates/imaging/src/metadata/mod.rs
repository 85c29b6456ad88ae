//! What is recorded of an image beside its pixels.

pub(crate) mod exif;
pub(crate) mod icc;
pub(crate) mod thumbhash;

use crate::header::Header;
use minilab_model::ImageMetadata;
use std::collections::BTreeMap;

/// The record of an image; the ThumbHash is filled in when there are pixels.
pub(crate) fn collect(source: &[u8], header: &Header, record_gps: bool, warnings: &mut Vec<String>) -> ImageMetadata {
    let block = header.exif.clone().and_then(|range| source.get(range));
    let exif = block.map_or_else(BTreeMap::new, |block| exif::fields(block, record_gps, warnings));
    ImageMetadata {
        format: header.format,
        width: header.width,
        height: header.height,
        orientation: header.orientation,
        color_space: header.color_space,
        bit_depth: header.bit_depth,
        has_alpha: header.has_alpha,
        icc_profile: None,
        exif,
        thumbhash: None,
    }
}
