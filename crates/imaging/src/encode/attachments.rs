//! What is written beside the pixels, and what of it a format can hold.

use crate::picture::{Layout, Picture};
use minilab_model::Format;
use std::borrow::Cow;

/// What is written beside the pixels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Attachments {
    /// The ICC profile of the pixels.
    pub icc: Option<Vec<u8>>,
    /// EXIF: a TIFF structure.
    pub exif: Option<Vec<u8>>,
    /// An XMP packet.
    pub xmp: Option<Vec<u8>>,
}

/// What precedes EXIF in JPEG's APP1 (CIPA DC-008, 4.7.2).
pub(super) const EXIF_PREFIX: &[u8] = b"Exif\0\0";

/// What precedes XMP in JPEG's APP1 (XMP specification, part 3, 1.1.3).
pub(super) const XMP_PREFIX: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

/// Most bytes in a JPEG segment, behind its length.
const MAX_SEGMENT_BYTES: usize = 65_533;

/// Most bytes of a profile in JPEG: 254 segments, each with 14 bytes of its own.
const MAX_JPEG_ICC_BYTES: usize = 254 * (MAX_SEGMENT_BYTES - 14);

/// What of the attachments a file of this format and kind of pixels can hold; the rest is warned of.
pub(super) fn held<'a>(
    attachments: &'a Attachments,
    format: Format,
    layout: Layout,
    warnings: &mut Vec<String>,
) -> Cow<'a, Attachments> {
    let mut held = Cow::Borrowed(attachments);
    let mut leave_out = |what: &str, why: String, part: fn(&mut Attachments) -> &mut Option<Vec<u8>>| {
        warnings.push(format!("{what} is left out: {why}"));
        *part(held.to_mut()) = None;
    };
    let Attachments { icc, exif, xmp } = attachments;
    let room = |prefix: &[u8]| MAX_SEGMENT_BYTES - prefix.len();
    if let Some(icc) = icc {
        let is_grey = matches!(layout, Layout::Grey | Layout::GreyAlpha);
        if format == Format::Gif {
            leave_out("the colour profile", "gif holds none".to_owned(), |held| &mut held.icc);
        } else if is_for_grey(icc) && (!is_grey || format == Format::Webp) {
            leave_out("the colour profile", format!("it is for grey, and the {format} has colours"), |held| &mut held.icc);
        } else if format == Format::Jpeg && icc.len() > MAX_JPEG_ICC_BYTES {
            leave_out("the colour profile", too_long(icc, MAX_JPEG_ICC_BYTES), |held| &mut held.icc);
        }
    }
    if let Some(exif) = exif {
        if format == Format::Gif {
            leave_out("EXIF", "gif holds none".to_owned(), |held| &mut held.exif);
        } else if format == Format::Jpeg && exif.len() > room(EXIF_PREFIX) {
            leave_out("EXIF", too_long(exif, room(EXIF_PREFIX)), |held| &mut held.exif);
        }
    }
    if let Some(xmp) = xmp {
        if format == Format::Gif {
            leave_out("XMP", "gif holds none".to_owned(), |held| &mut held.xmp);
        } else if format == Format::Jpeg && xmp.len() > room(XMP_PREFIX) {
            leave_out("XMP", too_long(xmp, room(XMP_PREFIX)), |held| &mut held.xmp);
        } else if format == Format::Png && str::from_utf8(xmp).is_err() {
            leave_out("XMP", "it is not UTF-8, as png has it".to_owned(), |held| &mut held.xmp);
        }
    }
    held
}

fn too_long(data: &[u8], limit: usize) -> String {
    format!("it has {} bytes, and jpeg holds {limit}", data.len())
}

/// The picture with the channels that its profile speaks of: grey under an RGB profile is written as RGB.
pub(super) fn as_profiled<'a>(picture: &'a Picture, attachments: &Attachments) -> Cow<'a, Picture> {
    match &attachments.icc {
        Some(icc) if !is_for_grey(icc) => crate::alpha::expand(picture),
        _ => Cow::Borrowed(picture),
    }
}

/// Whether a profile's colour space is grey (ICC.1, 7.2.6).
fn is_for_grey(icc: &[u8]) -> bool {
    icc.get(16..20) == Some(b"GRAY")
}
