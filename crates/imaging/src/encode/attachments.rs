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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::encode::{EncodeOptions, encode};
    use crate::header::{Header, read_header};
    use crate::picture::Size;
    use minilab_model::{DecodeLimits, VariantSpec};
    use std::io::Read;

    const XMP: &[u8] = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>";
    /// A TIFF structure with one entry: orientation 6.
    const EXIF: &[u8] = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";

    /// What goes for a profile: `length` bytes that say which channels it is for.
    fn profile(space: &[u8; 4], length: usize) -> Vec<u8> {
        let mut icc: Vec<u8> = (0..length).map(|index| (index * 7919 % 251) as u8).collect();
        icc[16..20].copy_from_slice(space);
        icc
    }

    fn all(icc: Vec<u8>) -> Attachments {
        Attachments { icc: Some(icc), exif: Some(EXIF.to_vec()), xmp: Some(XMP.to_vec()) }
    }

    fn picture(layout: Layout) -> Picture {
        let size = Size { width: 20, height: 10 };
        Picture::eight(size, layout, vec![90; 200 * layout.channels()])
    }

    fn file(layout: Layout, format: Format, attachments: &Attachments) -> Vec<u8> {
        let spec = VariantSpec::new("v", "{stem}".to_owned().try_into().unwrap());
        encode(&picture(layout), &EncodeOptions::of(&spec, format, attachments)).unwrap()
    }

    fn embedded_icc(file: &[u8], header: &Header) -> Vec<u8> {
        let bytes: Vec<u8> = header.icc.parts.iter().flat_map(|part| file[part.clone()].iter().copied()).collect();
        if !header.icc.deflated {
            return bytes;
        }
        let mut unpacked = Vec::new();
        flate2::read::ZlibDecoder::new(bytes.as_slice()).read_to_end(&mut unpacked).unwrap();
        unpacked
    }

    fn holds(file: &[u8], part: &[u8]) -> bool {
        file.windows(part.len()).any(|window| window == part)
    }

    fn check_read_back(format: Format, profile_bytes: usize) {
        let attachments = all(profile(b"RGB ", profile_bytes));
        let file = file(Layout::Rgb, format, &attachments);
        let header = read_header(&file, &DecodeLimits::default()).unwrap();
        assert_eq!(Some(embedded_icc(&file, &header)), attachments.icc, "{format}");
        assert_eq!(header.exif.map(|range| &file[range]), Some(EXIF), "{format}");
        assert_eq!(header.orientation.value(), 6, "{format}");
        assert!(holds(&file, XMP), "{format}");
    }

    #[test]
    fn what_is_attached_is_read_back() {
        check_read_back(Format::Jpeg, 500);
        check_read_back(Format::Png, 500);
    }

    #[test]
    fn a_long_profile_is_split_over_segments() {
        check_read_back(Format::Jpeg, 65_519);
        check_read_back(Format::Jpeg, 200_000);
        check_read_back(Format::Png, 200_000);
    }

    #[test]
    fn grey_is_written_with_the_channels_of_its_profile() {
        let check = |format, space, channels| {
            let file = file(Layout::Grey, format, &all(profile(space, 200)));
            let header = read_header(&file, &DecodeLimits::default()).unwrap();
            let is_grey = header.color_space == minilab_model::ColorSpace::Grey;
            assert_eq!(is_grey, channels == 1, "{format} {space:?}");
        };
        for format in [Format::Jpeg, Format::Png] {
            check(format, b"RGB ", 3);
            check(format, b"GRAY", 1);
        }
    }

    #[test]
    fn what_a_format_cannot_hold_is_left_out_and_warned_of() {
        let check = |attachments: &Attachments, format, layout, left_out: &[&str]| {
            let mut warnings = Vec::new();
            let held = held(attachments, format, layout, &mut warnings);
            assert_eq!(warnings.len(), left_out.len(), "{warnings:?}");
            for (warning, what) in warnings.iter().zip(left_out) {
                assert!(warning.starts_with(what), "{warning}");
            }
            let parts = [&held.icc, &held.exif, &held.xmp];
            assert_eq!(parts.iter().filter(|part| part.is_none()).count(), left_out.len());
        };
        let usual = all(profile(b"RGB ", 200));
        check(&usual, Format::Jpeg, Layout::Rgb, &[]);
        check(&usual, Format::Gif, Layout::Rgb, &["the colour profile", "EXIF", "XMP"]);
        let grey = all(profile(b"GRAY", 200));
        check(&grey, Format::Png, Layout::GreyAlpha, &[]);
        check(&grey, Format::Png, Layout::Rgb, &["the colour profile"]);
        check(&grey, Format::Webp, Layout::Grey, &["the colour profile"]);
        let long = Attachments { icc: None, exif: Some(vec![0; 65_528]), xmp: Some(vec![b' '; 65_505]) };
        let mut warnings = Vec::new();
        let kept = held(&long, Format::Jpeg, Layout::Rgb, &mut warnings).into_owned();
        assert_eq!((kept, warnings.len()), (Attachments::default(), 2));
        let longest = Attachments { icc: None, exif: Some(vec![0; 65_527]), xmp: Some(vec![b' '; 65_504]) };
        let mut warnings = Vec::new();
        assert_eq!(*held(&longest, Format::Jpeg, Layout::Rgb, &mut warnings), longest);
        file(Layout::Rgb, Format::Jpeg, &longest);
    }
}
