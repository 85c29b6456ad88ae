//! JPEG markers up to the first scan (ITU-T T.81, annex B).

use super::{Bytes, Details, Found, IccParts};
use crate::error::ImageError;
use minilab_model::{ColorSpace, Format};
use std::ops::Range;

/// What precedes the profile's bytes in an APP2 segment (ICC.1, annex B.4); a part number and a count follow.
const ICC_PREFIX: &[u8] = b"ICC_PROFILE\0";
const EXIF_PREFIX: &[u8] = b"Exif\0\0";

#[derive(Default)]
struct Segments {
    frame: Option<Frame>,
    icc: Vec<(u8, Range<usize>)>,
    exif: Option<Range<usize>>,
    /// The colour transform of the Adobe marker.
    adobe_transform: Option<u8>,
    jfif: bool,
}

struct Frame {
    progressive: bool,
    precision: u8,
    width: u32,
    height: u32,
    component_ids: Vec<u8>,
    subsampled: bool,
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
            0xda => return finish(segments, marker_offset, bytes.u8(body.start)?),
            0xc0..=0xc2 => segments.frame = Some(frame(bytes, marker, body)?),
            0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                return Err(ImageError::unsupported(Format::Jpeg, unsupported_process(marker)));
            }
            0xe0 => segments.jfif |= bytes.slice(body.start, body.len())?.starts_with(b"JFIF\0"),
            0xe1 => {
                let is_exif = bytes.slice(body.start, body.len())?.starts_with(EXIF_PREFIX);
                if is_exif && segments.exif.is_none() {
                    segments.exif = Some(body.start + EXIF_PREFIX.len()..body.end);
                }
            }
            0xe2 => {
                let data = bytes.slice(body.start, body.len())?;
                if data.starts_with(ICC_PREFIX) && data.len() >= ICC_PREFIX.len() + 2 {
                    let start = body.start + ICC_PREFIX.len() + 2;
                    segments.icc.push((data[ICC_PREFIX.len()], start..body.end));
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

fn frame(bytes: Bytes<'_>, marker: u8, body: Range<usize>) -> Result<Frame, ImageError> {
    let data = bytes.slice(body.start, body.len())?;
    let [precision, h1, h0, w1, w0, count, components @ ..] = data else {
        return Err(ImageError::corrupt_at(Format::Jpeg, "its frame header is too short", body.start));
    };
    if components.len() < usize::from(*count) * 3 {
        return Err(ImageError::corrupt_at(Format::Jpeg, "its frame header is too short", body.start));
    }
    // Number, sampling factors, quantisation table.
    let components = || components.chunks_exact(3).take(usize::from(*count));
    let factors: Vec<u8> = components().map(|component| component[1]).collect();
    Ok(Frame {
        progressive: marker == 0xc2,
        precision: *precision,
        width: u32::from(u16::from_be_bytes([*w1, *w0])),
        height: u32::from(u16::from_be_bytes([*h1, *h0])),
        component_ids: components().map(|component| component[0]).collect(),
        subsampled: factors.windows(2).any(|pair| pair[0] != pair[1]),
    })
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
    if frame.height == 0 && frame.width > 0 {
        return Err(ImageError::unsupported(Format::Jpeg, "a height that follows the scan (DNL)"));
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
        exif: segments.exif,
        orientation: None,
        details: Details::Jpeg {
            adobe: segments.adobe_transform.is_some(),
            scan_offset,
            subsampled: frame.subsampled,
            interleaved: usize::from(scan_components) == frame.component_ids.len(),
        },
    })
}
