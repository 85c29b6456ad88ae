//! HEIC: HEVC stills, decoded by heic-rs, of which the codec alone is used. It takes a still at a time and cannot be interrupted while it
//! makes it; what it allocates goes by the size that the sequence states, which is checked before.

use super::{DecodeOptions, Decoded, heif};
use crate::error::ImageError;
use crate::header::Header;
use crate::header::heic::{MAX_MARGIN, config, unit_kind};
use crate::header::heif::Nclx;
use crate::header::items::Items;
use crate::picture::Sample;
use crate::yuv::{Chroma, Planes};
use heic_rs::ChromaFormat;
use heic_rs::hevc::{Frame, decode_still};
use minilab_model::Format;

/// Units of the stream up to this kind are slices (ITU-T H.265, table 7-1).
const LAST_SLICE: u8 = 31;

pub(super) fn decode(source: &[u8], header: &Header, options: &DecodeOptions<'_>) -> Result<Decoded, ImageError> {
    match header.bit_depth {
        8 => pixels::<u8>(source, header, options),
        _ => pixels::<u16>(source, header, options),
    }
}

fn pixels<S: Sample>(source: &[u8], header: &Header, options: &DecodeOptions<'_>) -> Result<Decoded, ImageError> {
    let items = Items::read(source, Format::Heic)?;
    heif::decode::<S, Still>(source, &items, header, options, &|item, size| still(source, &items, item, size))
}

/// A decoded still.
struct Still {
    /// Samples as [`Planes`] has them.
    planes: [Vec<u8>; 3],
    size: (usize, usize),
    /// Samples a row, of the luma and of the others.
    strides: [usize; 2],
    chroma: Chroma,
    bits: u32,
    colors: Nclx,
}

impl heif::Tile for Still {
    fn planes(&self) -> Planes<'_> {
        let sample_bytes = if self.bits > 8 { 2 } else { 1 };
        Planes {
            data: self.planes.each_ref().map(Vec::as_slice),
            strides: self.strides.map(|samples| samples * sample_bytes),
            size: self.size,
            chroma: self.chroma,
            bits: self.bits,
        }
    }

    fn colors(&self) -> Nclx {
        self.colors
    }

    fn is_alpha_full_range(&self) -> bool {
        // Whatever the stream says: writers leave it at what it is when nothing is said, and readers take no notice.
        true
    }
}

/// Decodes an item that is of the stated size, or cut to it.
fn still(source: &[u8], items: &Items, item: u32, (width, height): (u32, u32)) -> Result<Still, ImageError> {
    let config = config(items, source, item)?;
    let (shown, coded) = (config.sequence.shown, config.sequence.coded);
    let fits = |coded: u32, shown: u32, stated: u32| stated <= shown && coded - stated <= MAX_MARGIN;
    if !fits(coded.0, shown.0, width) || !fits(coded.1, shown.1, height) {
        return Err(corrupt(format!("its data is of {}×{} pixels, not of {width}×{height}", shown.0, shown.1)));
    }
    let sets: Vec<&[u8]> = config.sets.iter().filter_map(|range| source.get(range.clone())).collect();
    let data = items.bytes(source, item)?;
    let frame = decode_still(&sets, &slices(&data, config.length_bytes)?).map_err(failed)?;
    if (frame.width, frame.height, u32::from(frame.bit_depth)) != (shown.0, shown.1, config.sequence.bits) {
        return Err(corrupt("its data is not what its parameters say".to_owned()));
    }
    frame.validate().map_err(failed)?;
    Ok(unpacked(frame, config.sequence.colors))
}

/// The slices of a stream in which each unit stands behind its length.
fn slices(data: &[u8], length_bytes: usize) -> Result<Vec<&[u8]>, ImageError> {
    let mut slices = Vec::new();
    let mut rest = data;
    while !rest.is_empty() {
        let (number, behind) = rest.split_at_checked(length_bytes).ok_or_else(ended_early)?;
        let length = number.iter().fold(0_usize, |length, &byte| length << 8 | usize::from(byte));
        let (unit, behind) = behind.split_at_checked(length).ok_or_else(ended_early)?;
        if unit_kind(unit).is_some_and(|kind| kind <= LAST_SLICE) {
            slices.push(unit);
        }
        rest = behind;
    }
    Ok(slices)
}

fn unpacked(frame: Frame, colors: Nclx) -> Still {
    let wide = frame.bit_depth > 8;
    let bytes = |samples: Vec<u16>| -> Vec<u8> {
        match wide {
            true => samples.iter().flat_map(|sample| sample.to_ne_bytes()).collect(),
            false => samples.iter().map(|&sample| sample as u8).collect(),
        }
    };
    Still {
        planes: [bytes(frame.y), bytes(frame.cb), bytes(frame.cr)],
        size: (frame.width as usize, frame.height as usize),
        strides: [frame.y_stride as usize, frame.c_stride as usize],
        chroma: match frame.chroma {
            ChromaFormat::Monochrome => Chroma::None,
            ChromaFormat::Yuv420 => Chroma::HalfBoth,
            ChromaFormat::Yuv422 => Chroma::HalfAcross,
            ChromaFormat::Yuv444 => Chroma::Full,
        },
        bits: u32::from(frame.bit_depth),
        colors,
    }
}

fn corrupt(detail: String) -> ImageError {
    ImageError::corrupt(Format::Heic, detail)
}

fn ended_early() -> ImageError {
    corrupt("its data ends early".to_owned())
}

fn failed(error: heic_rs::Error) -> ImageError {
    match error {
        heic_rs::Error::Unsupported(what) => ImageError::unsupported(Format::Heic, what),
        error => corrupt(format!("its data cannot be decoded: {error}")),
    }
}
