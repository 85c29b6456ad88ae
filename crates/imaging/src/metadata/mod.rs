//! What is recorded of an image beside its pixels.

mod animation;
mod blurhash;
pub(crate) mod exif;
mod exif_kept;
pub(crate) mod fields;
mod gps;
pub(crate) mod icc;
mod iptc;
mod palette;
mod perceptual_hash;
mod text;
pub(crate) mod thumbhash;
mod tiff;
mod time;
mod xmp;
mod xmp_kept;

use crate::color::Colors;
use crate::encode::Attachments;
use crate::header::{Header, TextBlock};
use exif::Exif;
use minilab_model::{Format, ImageMetadata, MetadataPolicy, OutputColor, VariantSpec};
use serde_json::Value as Json;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The tags under which a TIFF file keeps XMP and IPTC.
const TIFF_XMP: u16 = 700;
const TIFF_IPTC: u16 = 33_723;

/// The record of an image, but for the fields that take pixels. Nothing is decoded.
pub(crate) fn collect(source: &[u8], header: &Header, record_gps: bool, warnings: &mut Vec<String>) -> ImageMetadata {
    let walked = animation::walk(source, header.format);
    let block = exif_block(source, header);
    let exif = block.map_or_else(BTreeMap::new, |block| exif::fields(block, record_gps, warnings));
    let iptc = iptc_block(source, header).map_or_else(BTreeMap::new, |block| iptc::fields(block, warnings));
    let packet = xmp_packet(source, header, walked.xmp.as_ref(), warnings);
    let xmp = packet.map_or_else(BTreeMap::new, |packet| xmp::fields(&packet, warnings));
    ImageMetadata {
        orientation: header.orientation,
        color_space: header.color_space,
        bit_depth: header.bit_depth,
        has_alpha: header.has_alpha,
        dpi: header.blocks.dpi.or_else(|| block.and_then(Exif::open)?.dpi()),
        animation: walked.animation,
        exif,
        iptc,
        xmp,
        ..ImageMetadata::new(header.format, header.width, header.height)
    }
}

/// What is written into a variant beside its pixels.
pub(crate) fn attachments(source: &[u8], header: &Header, variant: &VariantSpec, colors: &Colors) -> Attachments {
    let icc = (variant.color == OutputColor::Keep).then(|| colors.kept_profile().map(<[u8]>::to_vec)).flatten();
    let (exif, xmp) = match variant.metadata {
        MetadataPolicy::Strip => (None, None),
        MetadataPolicy::Copyright => (copyright(source, header), None),
        MetadataPolicy::Keep => {
            let orientation = if variant.auto_orient { 1 } else { header.orientation.value() };
            let exif = exif_block(source, header).and_then(|block| exif_kept::kept(block, orientation, icc.is_none()));
            // What is wrong with the packet has been warned of when it was recorded.
            let packet = xmp_packet(source, header, walked_xmp(source, header).as_ref(), &mut Vec::new());
            (exif, packet.and_then(|packet| xmp_kept::kept(&packet)))
        }
    };
    Attachments { icc, exif, xmp }
}

/// Who made the picture and whose it is, by EXIF; where that says nothing, by XMP or IPTC.
fn copyright(source: &[u8], header: &Header) -> Option<Vec<u8>> {
    let exif = exif_block(source, header).and_then(Exif::open);
    let exif = |tag| exif.as_ref()?.image_text(tag);
    let (artist, owner) = (exif(exif::tag::ARTIST), exif(exif::tag::COPYRIGHT));
    if artist.is_some() && owner.is_some() {
        return exif_kept::copyright(artist.as_deref(), owner.as_deref());
    }
    let warnings = &mut Vec::new();
    let packet = xmp_packet(source, header, walked_xmp(source, header).as_ref(), warnings);
    let xmp = packet.map_or_else(BTreeMap::new, |packet| xmp::fields(&packet, warnings));
    let iptc = iptc_block(source, header).map_or_else(BTreeMap::new, |block| iptc::fields(block, warnings));
    let artist = artist.or_else(|| joined(xmp.get("creator"))).or_else(|| joined(iptc.get("byline")));
    let owner = owner.or_else(|| joined(xmp.get("rights"))).or_else(|| joined(iptc.get("copyright")));
    exif_kept::copyright(artist.as_deref(), owner.as_deref())
}

/// A recorded text, or a list of them in one.
fn joined(value: Option<&Json>) -> Option<String> {
    match value? {
        Json::String(text) => Some(text.clone()),
        Json::Array(texts) => Some(texts.iter().filter_map(Json::as_str).collect::<Vec<_>>().join("; ")),
        _ => None,
    }
}

fn exif_block<'a>(source: &'a [u8], header: &Header) -> Option<&'a [u8]> {
    source.get(header.exif.clone()?)
}

fn iptc_block<'a>(source: &'a [u8], header: &Header) -> Option<&'a [u8]> {
    let found = header.blocks.iptc.clone().and_then(|range| source.get(range));
    found.or_else(|| tiff_entry(source, header, TIFF_IPTC))
}

fn xmp_packet<'a>(
    source: &'a [u8],
    header: &Header,
    walked: Option<&TextBlock>,
    warnings: &mut Vec<String>,
) -> Option<Cow<'a, [u8]>> {
    if let Some(packet) = tiff_entry(source, header, TIFF_XMP) {
        return Some(Cow::Borrowed(packet));
    }
    xmp::packet(source, header.blocks.xmp.as_ref().or(walked)?, warnings)
}

/// Where GIF's packet lies; other formats' lies where the header says.
fn walked_xmp(source: &[u8], header: &Header) -> Option<TextBlock> {
    if header.format == Format::Gif { animation::walk(source, header.format).xmp } else { None }
}

/// The bytes of an entry in the first directory of a TIFF file.
fn tiff_entry<'a>(source: &'a [u8], header: &Header, tag: u16) -> Option<&'a [u8]> {
    let tiff = tiff::Tiff::new(source).filter(|_| header.format == Format::Tiff)?;
    let entry = tiff.entries(tiff.first()).filter_map(Result::ok).find(|entry| entry.tag == tag)?;
    (entry.bytes.len() <= xmp::MAX_BYTES).then_some(entry.bytes)
}
