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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use minilab_model::{ColorSpace, DecodeLimits, KeyTemplate};

    /// The attachments of a variant, their EXIF and XMP as they are recorded.
    fn check(source: &[u8], policy: MetadataPolicy, auto_orient: bool, expected: Json) {
        let header = crate::read_header(source, &DecodeLimits::default()).unwrap();
        let key: KeyTemplate = "{stem}.jpg".to_owned().try_into().unwrap();
        let variant = VariantSpec { metadata: policy, auto_orient, ..VariantSpec::new("test", key) };
        let attached = attachments(source, &header, &variant, &Colors::new(ColorSpace::Rgb, None, &mut Vec::new()));
        let mut warnings = Vec::new();
        let exif = attached.exif.as_deref().map(|block| exif::fields(block, true, &mut warnings));
        let turned = attached.exif.as_deref().and_then(exif::orientation).map(|orientation| orientation.value());
        let xmp = attached.xmp.as_deref().map(|packet| xmp::fields(packet, &mut warnings));
        assert_eq!(serde_json::json!({"exif": exif, "orientation": turned, "xmp": xmp}), expected, "{policy:?}");
        assert_eq!(warnings, Vec::<String>::new());
    }

    /// A JPEG of one pixel, turned, with EXIF if asked for and XMP.
    fn jpeg(image: &[tiff::tests::Given<'_>]) -> Vec<u8> {
        let packet = "<x><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description \
            xmlns:dc='http://purl.org/dc/elements/1.1/' xmlns:exif='http://ns.adobe.com/exif/1.0/' dc:creator='Ann' dc:rights='Hers' \
            exif:GPSLatitude='51,28N'/></rdf:RDF></x>";
        let exif = [b"Exif\0\0".to_vec(), tiff::tests::block(image, &[], &[])].concat();
        let xmp = [b"http://ns.adobe.com/xap/1.0/\0", packet.as_bytes()].concat();
        let segment = |body: Vec<u8>| [&[0xff, 0xe1][..], &(body.len() as u16 + 2).to_be_bytes(), &body].concat();
        let frame = b"\xff\xc0\0\x0b\x08\0\x01\0\x01\x01\x01\x11\0\xff\xda\0\x08\x01\x01\0\0\x3f\0";
        [&[0xff, 0xd8][..], &segment(exif), &segment(xmp), frame].concat()
    }

    #[test]
    fn variants_get_what_their_policy_says() {
        use serde_json::json;
        let file = jpeg(&[(0x0112, 3, 1, &[6, 0]), (0x0131, 2, 5, b"soft\0"), (0x8298, 2, 5, b"Mine\0")]);
        check(&file, MetadataPolicy::Strip, true, json!({"exif": null, "orientation": null, "xmp": null}));
        // What EXIF leaves open, XMP says.
        let copyright = json!({"exif": {"artist": "Ann", "copyright": "Mine"}, "orientation": null, "xmp": null});
        check(&file, MetadataPolicy::Copyright, true, copyright);
        let kept = |orientation: u8| {
            json!({
                "exif": {"software": "soft", "copyright": "Mine"}, "orientation": orientation,
                "xmp": {"creator": ["Ann"], "rights": "Hers"},
            })
        };
        check(&file, MetadataPolicy::Keep, true, kept(1));
        check(&file, MetadataPolicy::Keep, false, kept(6));
    }
}
