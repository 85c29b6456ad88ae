//! WebP's RIFF container and the first bytes of its two codings (RFC 9649).

use super::{Blocks, Bytes, Details, Found, IccParts, TextBlock};
use crate::error::ImageError;
use minilab_model::{ColorSpace, Format};
use std::ops::Range;

const ALPHA_FLAG: u8 = 0x10;
const ANIMATION_FLAG: u8 = 0x02;

/// Width and height, whether it can hold transparency, and whether it is VP8L.
struct Bitstream {
    width: u32,
    height: u32,
    has_alpha: bool,
    lossless: bool,
}

pub(super) fn read(file: &[u8]) -> Result<Found, ImageError> {
    let bytes = Bytes(file);
    let kind = bytes.slice(12, 4)?;
    let length = bytes.u32_le(16)? as usize;
    match kind {
        b"VP8 " | b"VP8L" => Ok(found(bitstream(bytes, kind == b"VP8L", 20)?)),
        b"VP8X" if length >= 10 => extended(bytes, 20 + length + length % 2),
        _ => Err(ImageError::corrupt_at(Format::Webp, "its first chunk is not VP8, VP8L or VP8X", 12)),
    }
}

fn found(bitstream: Bitstream) -> Found {
    Found {
        width: bitstream.width,
        height: bitstream.height,
        color_space: if bitstream.lossless { ColorSpace::Rgb } else { ColorSpace::Ycbcr },
        has_alpha: bitstream.has_alpha,
        details: Details::Webp { lossless: bitstream.lossless },
        ..Found::default()
    }
}

/// Reads the frame header that begins at `start`.
fn bitstream(bytes: Bytes<'_>, lossless: bool, start: usize) -> Result<Bitstream, ImageError> {
    if lossless {
        if bytes.u8(start)? != 0x2f {
            return Err(ImageError::corrupt_at(Format::Webp, "its VP8L signature is wrong", start));
        }
        let bits = bytes.u32_le(start + 1)?;
        let (width, height) = ((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1);
        return Ok(Bitstream { width, height, has_alpha: bits >> 28 & 1 == 1, lossless });
    }
    let tag = bytes.u24_le(start)?;
    if tag & 1 != 0 || bytes.slice(start + 3, 3)? != [0x9d, 0x01, 0x2a] {
        return Err(ImageError::corrupt_at(Format::Webp, "its VP8 key frame header is wrong", start));
    }
    let width = u32::from(bytes.u16_le(start + 6)? & 0x3fff);
    let height = u32::from(bytes.u16_le(start + 8)? & 0x3fff);
    Ok(Bitstream { width, height, has_alpha: false, lossless })
}

/// Walks the chunks of an extended file from `position` on.
fn extended(bytes: Bytes<'_>, mut position: usize) -> Result<Found, ImageError> {
    let flags = bytes.u8(20)?;
    let (width, height) = (bytes.u24_le(24)? + 1, bytes.u24_le(27)? + 1);
    let mut image: Option<Bitstream> = None;
    let (mut icc, mut exif, mut blocks) = (IccParts::default(), None, Blocks::default());
    // Once the image's own header is read, the rest (EXIF follows the pixels) is taken as far as it goes.
    while let Some(chunk) = Chunk::at(bytes, position, image.is_some())? {
        match &chunk.kind {
            b"ICCP" => icc.parts = vec![chunk.body.clone()],
            b"EXIF" => exif = Some(without_jpeg_prefix(bytes, chunk.body.clone())),
            b"XMP " => blocks.xmp = Some(TextBlock::plain(chunk.body.clone())),
            b"VP8 " | b"VP8L" if image.is_none() => image = Some(bitstream(bytes, &chunk.kind == b"VP8L", chunk.body.start)?),
            // A frame: 16 bytes of position, size and timing, then chunks of its own.
            b"ANMF" if image.is_none() => image = Some(first_bitstream(bytes, chunk.body.clone())?),
            _ => {}
        }
        position = chunk.next;
    }
    let Some(image) = image else {
        return Err(ImageError::corrupt(Format::Webp, "it holds no image"));
    };
    let animated = flags & ANIMATION_FLAG != 0;
    if !animated && (image.width, image.height) != (width, height) {
        return Err(ImageError::corrupt(Format::Webp, "its canvas and its image differ in size"));
    }
    let has_alpha = image.has_alpha || flags & ALPHA_FLAG != 0 || (image.width, image.height) != (width, height);
    let found = found(Bitstream { width, height, has_alpha, ..image });
    Ok(Found { animated, icc, exif, blocks, ..found })
}

/// One RIFF chunk.
struct Chunk {
    kind: [u8; 4],
    body: Range<usize>,
    next: usize,
}

impl Chunk {
    /// The chunk at `position`; `None` past the end when `may_end`.
    fn at(bytes: Bytes<'_>, position: usize, may_end: bool) -> Result<Option<Self>, ImageError> {
        match (bytes.array::<4>(position), bytes.u32_le(position + 4)) {
            (Ok(kind), Ok(length)) => {
                let body = position + 8..position + 8 + length as usize;
                let next = body.end + body.len() % 2;
                Ok(Some(Self { kind, body, next }))
            }
            _ if may_end => Ok(None),
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
    }
}

fn first_bitstream(bytes: Bytes<'_>, frame: Range<usize>) -> Result<Bitstream, ImageError> {
    let mut position = frame.start + 16;
    while position < frame.end {
        let Some(chunk) = Chunk::at(bytes, position, false)? else { break };
        if matches!(&chunk.kind, b"VP8 " | b"VP8L") {
            let image = bitstream(bytes, &chunk.kind == b"VP8L", chunk.body.start)?;
            let (width, height) = (bytes.u24_le(frame.start + 6)? + 1, bytes.u24_le(frame.start + 9)? + 1);
            if (image.width, image.height) != (width, height) {
                return Err(ImageError::corrupt_at(Format::Webp, "its first frame's sizes differ", frame.start));
            }
            return Ok(image);
        }
        position = chunk.next;
    }
    Err(ImageError::corrupt_at(Format::Webp, "its first frame holds no image", frame.start))
}

/// Some writers put JPEG's `Exif\0\0` before the TIFF structure.
fn without_jpeg_prefix(bytes: Bytes<'_>, body: Range<usize>) -> Range<usize> {
    match bytes.slice(body.start, 6) {
        Ok(b"Exif\0\0") if body.len() >= 6 => body.start + 6..body.end,
        _ => body,
    }
}
