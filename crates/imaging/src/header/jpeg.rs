//! JPEG markers up to the first scan (ITU-T T.81, annex B), and the height behind it where the frame header leaves it open.

use super::{Blocks, Bytes, Details, Found, IccParts, TextBlock, dots_per_inch};
use crate::error::ImageError;
use minilab_model::{ColorSpace, Format};
use std::ops::Range;

/// What precedes the profile's bytes in an APP2 segment (ICC.1, annex B.4); a part number and a count follow.
const ICC_PREFIX: &[u8] = b"ICC_PROFILE\0";
const EXIF_PREFIX: &[u8] = b"Exif\0\0";
/// What precedes an XMP packet in an APP1 segment (XMP specification, part 3, 1.1.3).
const XMP_PREFIX: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
/// What precedes Photoshop's image resources in an APP13 segment.
const PHOTOSHOP_PREFIX: &[u8] = b"Photoshop 3.0\0";
/// Number of the image resource that holds IPTC IIM.
const IPTC_RESOURCE: u16 = 0x0404;

#[derive(Default)]
struct Segments {
    frame: Option<Frame>,
    icc: Vec<(u8, Range<usize>)>,
    exif: Option<Range<usize>>,
    /// The colour transform of the Adobe marker.
    adobe_transform: Option<u8>,
    jfif: bool,
    blocks: Blocks,
}

struct Frame {
    progressive: bool,
    precision: u8,
    width: u32,
    height: u32,
    component_ids: Vec<u8>,
}

pub(super) fn read(file: &[u8]) -> Result<Found, ImageError> {
    let bytes = Bytes(file);
    let mut segments = Segments::default();
    let mut position = 2;
    loop {
        // Between segments, decoders skip whatever is no marker; so do we.
        while bytes.u8(position)? != 0xff {
            position += 1;
        }
        while bytes.u8(position)? == 0xff {
            position += 1;
        }
        let marker = bytes.u8(position)?;
        let marker_offset = position - 1;
        position += 1;
        match marker {
            // Stuffing, TEM, stray restarts and starts of image stand alone.
            0x00 | 0x01 | 0xd0..=0xd8 => continue,
            0xd9 => return Err(ImageError::corrupt_at(Format::Jpeg, "it ends before its first scan", marker_offset)),
            _ => {}
        }
        let length = usize::from(bytes.u16_be(position)?);
        if length < 2 {
            return Err(ImageError::corrupt_at(Format::Jpeg, format!("a segment has the length {length}"), position));
        }
        let body = position + 2..position + length;
        position = body.end;
        match marker {
            0xda => {
                let scan_components = bytes.u8(body.start)?;
                if let Some(frame) = segments.frame.as_mut().filter(|frame| frame.height == 0 && frame.width > 0) {
                    frame.height = number_of_lines(bytes, body.end)?;
                }
                return finish(segments, marker_offset, scan_components);
            }
            0xc0..=0xc2 => segments.frame = Some(frame(bytes, marker, body)?),
            0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                return Err(ImageError::unsupported(Format::Jpeg, unsupported_process(marker)));
            }
            0xe0 => {
                let data = bytes.slice(body.start, body.len())?;
                if data.starts_with(b"JFIF\0") {
                    segments.jfif = true;
                    segments.blocks.dpi = density(data);
                }
            }
            0xe1 => {
                let data = bytes.slice(body.start, body.len())?;
                if data.starts_with(EXIF_PREFIX) && segments.exif.is_none() {
                    segments.exif = Some(body.start + EXIF_PREFIX.len()..body.end);
                } else if data.starts_with(XMP_PREFIX) && segments.blocks.xmp.is_none() {
                    segments.blocks.xmp = Some(TextBlock::plain(body.start + XMP_PREFIX.len()..body.end));
                }
            }
            0xe2 => {
                let data = bytes.slice(body.start, body.len())?;
                if data.starts_with(ICC_PREFIX) && data.len() >= ICC_PREFIX.len() + 2 {
                    let start = body.start + ICC_PREFIX.len() + 2;
                    segments.icc.push((data[ICC_PREFIX.len()], start..body.end));
                }
            }
            0xed => {
                let data = bytes.slice(body.start, body.len())?;
                if segments.blocks.iptc.is_none()
                    && let Some(resource) = iptc_resource(data)
                {
                    segments.blocks.iptc = Some(body.start + resource.start..body.start + resource.end);
                }
            }
            0xee => {
                let data = bytes.slice(body.start, body.len())?;
                if data.starts_with(b"Adobe") && data.len() >= 12 {
                    segments.adobe_transform = Some(data[11]);
                }
            }
            _ => {}
        }
    }
}

/// Dots per inch of a JFIF segment; its unit 0 gives the shape of pixels, no resolution.
fn density(jfif: &[u8]) -> Option<[f64; 2]> {
    let &[unit, x1, x0, y1, y0] = jfif.get(7..12)? else { return None };
    let dots = [u16::from_be_bytes([x1, x0]), u16::from_be_bytes([y1, y0])].map(u32::from);
    match unit {
        1 => dots_per_inch(dots, 1.0),
        2 => dots_per_inch(dots, 2.54),
        _ => None,
    }
}

/// Where the IPTC datasets lie in a Photoshop segment: among resources of `8BIM`, a number, a padded Pascal string, a
/// length and the data, padded to even (Photoshop file formats specification, "image resource blocks"). What goes on in a
/// further segment is left out.
fn iptc_resource(segment: &[u8]) -> Option<Range<usize>> {
    let mut position = segment.starts_with(PHOTOSHOP_PREFIX).then_some(PHOTOSHOP_PREFIX.len())?;
    while segment.get(position..position + 4)? == b"8BIM" {
        let number = u16::from_be_bytes([*segment.get(position + 4)?, *segment.get(position + 5)?]);
        let name = usize::from(*segment.get(position + 6)?);
        // The length byte and the name are padded together.
        let length_at = position + 6 + (1 + name).next_multiple_of(2);
        let length: [u8; 4] = segment.get(length_at..length_at + 4)?.try_into().ok()?;
        let start = length_at + 4;
        let end = start.checked_add(u32::from_be_bytes(length) as usize)?;
        if number == IPTC_RESOURCE {
            return Some(start..end.min(segment.len()));
        }
        position = end.checked_next_multiple_of(2)?;
    }
    None
}

fn frame(bytes: Bytes<'_>, marker: u8, body: Range<usize>) -> Result<Frame, ImageError> {
    let data = bytes.slice(body.start, body.len())?;
    let [precision, h1, h0, w1, w0, count, components @ ..] = data else {
        return Err(ImageError::corrupt_at(Format::Jpeg, "its frame header is too short", body.start));
    };
    if components.len() < usize::from(*count) * 3 {
        return Err(ImageError::corrupt_at(Format::Jpeg, "its frame header is too short", body.start));
    }
    // Number, sampling factors, quantisation table.
    let components = components.chunks_exact(3).take(usize::from(*count));
    Ok(Frame {
        progressive: marker == 0xc2,
        precision: *precision,
        width: u32::from(u16::from_be_bytes([*w1, *w0])),
        height: u32::from(u16::from_be_bytes([*h1, *h0])),
        component_ids: components.map(|component| component[0]).collect(),
    })
}

/// The height that stands behind the first scan (DNL, T.81, B.2.5). The scan is passed over, not decoded: in it a byte of 255 that is no
/// marker is followed by a zero.
fn number_of_lines(bytes: Bytes<'_>, scan: usize) -> Result<u32, ImageError> {
    let coded = bytes.0.get(scan..).unwrap_or_default();
    let is_marker = |pair: &[u8]| matches!(pair, [0xff, code] if !matches!(code, 0x00 | 0xd0..=0xd7 | 0xff));
    let marker = scan + coded.windows(2).position(is_marker).ok_or_else(|| bytes.incomplete())?;
    if bytes.u8(marker + 1)? != 0xdc {
        return Err(ImageError::corrupt_at(Format::Jpeg, "its height is zero, and none follows its first scan", marker));
    }
    // The length of the segment stands before it.
    match bytes.u16_be(marker + 4)? {
        0 => Err(ImageError::corrupt_at(Format::Jpeg, "the height behind its first scan is zero", marker)),
        height => Ok(height.into()),
    }
}

fn unsupported_process(marker: u8) -> &'static str {
    match marker {
        0xc3 => "lossless coding",
        0xc5..=0xc7 => "hierarchical coding",
        0xcb | 0xcf => "lossless arithmetic coding",
        _ => "arithmetic coding",
    }
}

fn finish(mut segments: Segments, scan_offset: usize, scan_components: u8) -> Result<Found, ImageError> {
    let Some(frame) = segments.frame else {
        return Err(ImageError::corrupt_at(Format::Jpeg, "a scan comes before the frame header", scan_offset));
    };
    if frame.precision != 8 {
        return Err(ImageError::unsupported(Format::Jpeg, format!("a precision of {} bits", frame.precision)));
    }
    let color_space = match (frame.component_ids.as_slice(), segments.adobe_transform) {
        ([_], _) => ColorSpace::Grey,
        ([_, _, _], Some(0)) | ([b'R', b'G', b'B'], _) if !segments.jfif => ColorSpace::Rgb,
        ([_, _, _], _) => ColorSpace::Ycbcr,
        ([_, _, _, _], Some(2)) => ColorSpace::Ycck,
        ([_, _, _, _], _) => ColorSpace::Cmyk,
        (other, _) => return Err(ImageError::unsupported(Format::Jpeg, format!("{} components", other.len()))),
    };
    // Parts are numbered from 1; a writer that shuffles them is within its rights.
    segments.icc.sort_by_key(|(number, _)| *number);
    Ok(Found {
        width: frame.width,
        height: frame.height,
        color_space,
        bit_depth: frame.precision,
        has_alpha: false,
        progressive: frame.progressive,
        animated: false,
        icc: IccParts { parts: segments.icc.into_iter().map(|(_, range)| range).collect(), deflated: false },
        cicp: None,
        exif: segments.exif,
        blocks: segments.blocks,
        orientation: None,
        details: Details::Jpeg {
            adobe: segments.adobe_transform.is_some(),
            scan_offset,
            interleaved: usize::from(scan_components) == frame.component_ids.len(),
        },
    })
}
