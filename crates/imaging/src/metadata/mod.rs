//! What is recorded of an image beside its pixels.

pub(crate) mod exif;
pub(crate) mod fields;
pub(crate) mod icc;
pub(crate) mod thumbhash;

use crate::color::Colors;
use crate::encode::Attachments;
use crate::header::Header;
use minilab_model::{ImageMetadata, OutputColor, VariantSpec};
use std::collections::BTreeMap;

/// The record of an image, but for the fields that take pixels.
pub(crate) fn collect(source: &[u8], header: &Header, record_gps: bool, warnings: &mut Vec<String>) -> ImageMetadata {
    let block = header.exif.clone().and_then(|range| source.get(range));
    let exif = block.map_or_else(BTreeMap::new, |block| exif::fields(block, record_gps, warnings));
    ImageMetadata {
        orientation: header.orientation,
        color_space: header.color_space,
        bit_depth: header.bit_depth,
        has_alpha: header.has_alpha,
        exif,
        ..ImageMetadata::new(header.format, header.width, header.height)
    }
}

/// What is written into a variant beside its pixels.
pub(crate) fn attachments(_source: &[u8], _header: &Header, variant: &VariantSpec, colors: &Colors) -> Attachments {
    let icc = (variant.color == OutputColor::Keep).then(|| colors.kept_profile().map(<[u8]>::to_vec)).flatten();
    Attachments { icc, ..Attachments::default() }
}
