//! JPEG XL: the image header, which the codestream begins with (ISO/IEC 18181-1, annex D), and the boxes around it (18181-2).
//!
//! Pictures are given out as they are shown, turned and mirrored already, so sizes are those of the upright picture.

use super::{Bytes, Cicp, Details, Found, TextBlock};
use crate::error::ImageError;
use jxl_bitstream::{Bitstream, ContainerParser, ParseEvent};
use jxl_oxide::ImageHeader;
use jxl_oxide::color::{ColourEncoding, EnumColourEncoding, Primaries, TransferFunction, WhitePoint};
use jxl_oxide::image::BitDepth;
use jxl_oxide_common::Bundle;
use minilab_model::{ColorSpace, Format, Orientation};
use std::ops::Range;

/// Where the first box begins, behind the one that says what the file is.
const SIGNATURE_BYTES: usize = 12;

/// Most bytes of an image header: it has up to 256 extra channels with names of up to 1,071 bytes.
const MAX_HEADER: usize = 320 << 10;

/// Most boxes that are looked at.
const MAX_BOXES: usize = 1000;

/// How the colours of the decoded picture are stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colors {
    /// By a profile in the codestream.
    Profile,
    /// By code points, or not at all because they are sRGB.
    Stated,
    /// In a way that only the decoder knows; it is asked for sRGB.
    Asked,
}

pub(super) fn read(file: &[u8]) -> Result<Found, ImageError> {
    let codestream = codestream(file)?;
    let mut bits = Bitstream::new(&codestream);
    let incomplete = || match codestream.len() < MAX_HEADER {
        true => ImageError::HeaderIncomplete { available: file.len() as u64 },
        false => corrupt("its header does not end"),
    };
    let header = ImageHeader::parse(&mut bits, ()).map_err(|error| match error.unexpected_eof() {
        true => incomplete(),
        false => corrupt(error.to_string()),
    })?;
    let metadata = &header.metadata;
    let has_profile = metadata.colour_encoding.want_icc();
    if has_profile && metadata.ec_info.iter().any(|channel| channel.is_black()) {
        return Err(ImageError::unsupported(Format::Jxl, "a picture of inks"));
    }
    // The profile follows, and begins with the length of what it is packed in.
    let profile_bytes = if has_profile { bits.read_u64().map_err(|_| incomplete())? } else { 0 };
    let (colors, cicp) = match &metadata.colour_encoding {
        ColourEncoding::IccProfile(_) if metadata.xyb_encoded => (Colors::Asked, None),
        ColourEncoding::IccProfile(_) => (Colors::Profile, None),
        ColourEncoding::Enum(stated) => match code_points(stated) {
            Some(cicp) => (Colors::Stated, Some(cicp)),
            None => (Colors::Asked, None),
        },
    };
    let is_deep = match metadata.bit_depth {
        BitDepth::IntegerSample { bits_per_sample } => bits_per_sample > 8,
        BitDepth::FloatSample { .. } => true,
    };
    let blocks = Boxes::read(file);
    Ok(Found {
        width: header.width_with_orientation(),
        height: header.height_with_orientation(),
        color_space: if metadata.grayscale() { ColorSpace::Grey } else { ColorSpace::Rgb },
        bit_depth: if is_deep { 16 } else { 8 },
        has_alpha: metadata.alpha().is_some(),
        cicp,
        exif: blocks.exif,
        blocks: super::Blocks { xmp: blocks.xmp.map(TextBlock::plain), ..super::Blocks::default() },
        orientation: Some(Orientation::UPRIGHT),
        details: Details::Jxl { colors, profile_bytes, extra_channels: metadata.ec_info.len().try_into().unwrap_or(u16::MAX) },
        ..Found::default()
    })
}

/// The code points of colours that have some, in the bounds of what is followed.
fn code_points(stated: &EnumColourEncoding) -> Option<Cicp> {
    let primaries = match (stated.primaries, stated.white_point) {
        (Primaries::Srgb, WhitePoint::D65) => 1,
        (Primaries::Bt2100, WhitePoint::D65) => 9,
        (Primaries::P3, WhitePoint::D65) => 12,
        _ => return None,
    };
    let transfer = match stated.tf {
        TransferFunction::Bt709 => 1,
        TransferFunction::Linear => 8,
        TransferFunction::Srgb => 13,
        TransferFunction::Pq => 16,
        TransferFunction::Hlg => 18,
        _ => return None,
    };
    Some(Cicp { primaries, transfer })
}

/// The beginning of the codestream, put together where boxes divide it.
fn codestream(file: &[u8]) -> Result<Vec<u8>, ImageError> {
    let mut found = Vec::new();
    for event in ContainerParser::new().feed_bytes(file) {
        if let ParseEvent::Codestream(part) = event.map_err(|error| corrupt(error.to_string()))? {
            let missing = MAX_HEADER - found.len();
            found.extend_from_slice(&part[..part.len().min(missing)]);
        }
        if found.len() == MAX_HEADER {
            break;
        }
    }
    Ok(found)
}

/// What lies beside the codestream.
#[derive(Default)]
struct Boxes {
    exif: Option<Range<usize>>,
    xmp: Option<Range<usize>>,
}

impl Boxes {
    /// Looks at the boxes as far as the bytes go. Those that are packed (Brotli) are not read.
    fn read(file: &[u8]) -> Self {
        let mut found = Self::default();
        let bytes = Bytes(file);
        let mut position = if file.starts_with(b"\0\0\0\x0cJXL ") { SIGNATURE_BYTES } else { return found };
        for _ in 0..MAX_BOXES {
            let (Ok(length), Ok(kind)) = (bytes.u32_be(position), bytes.array::<4>(position + 4)) else { break };
            let (start, length) = match length {
                0 => (position + 8, file.len() - position),
                1 => match bytes.array(position + 8).map(u64::from_be_bytes) {
                    Ok(length) => (position + 16, usize::try_from(length).unwrap_or(usize::MAX)),
                    Err(_) => break,
                },
                length => (position + 8, length as usize),
            };
            let end = position.saturating_add(length);
            if end < start || end > file.len() {
                break;
            }
            match &kind {
                // Four bytes say where in the rest the TIFF structure begins.
                b"Exif" if found.exif.is_none() => {
                    let skipped = bytes.u32_be(start).map_or(usize::MAX, |skipped| skipped as usize);
                    let block = start.saturating_add(4).saturating_add(skipped);
                    found.exif = (block < end).then_some(block..end);
                }
                b"xml " if found.xmp.is_none() => found.xmp = Some(start..end),
                _ => {}
            }
            position = end;
        }
        found
    }
}

fn corrupt(detail: impl Into<String>) -> ImageError {
    ImageError::corrupt(Format::Jxl, detail)
}
