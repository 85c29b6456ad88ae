//! The headers of Windows bitmaps (Microsoft's BITMAPCOREHEADER to BITMAPV5HEADER), which icons hold, too.

use super::{Bytes, Details, Found, IccParts};
use crate::error::ImageError;
use minilab_model::Format;
use std::ops::Range;

/// Bytes of the file header that stands before a bitmap's own.
pub(crate) const FILE_HEADER: usize = 14;

/// What a file header begins with.
pub(crate) const FILE_SIGNATURE: &[u8] = b"BM";

/// Where a bitmap's own header begins: a bitmap from the clipboard (DIB) has no file header.
pub(crate) fn header_start(file: &[u8]) -> usize {
    if file.starts_with(FILE_SIGNATURE) { FILE_HEADER } else { 0 }
}

/// Whether these are the first bytes of a bitmap without a file header: the length of a header that is known, one plane, and a depth
/// and a packing that there are.
pub(crate) fn is_headless(bytes: &[u8]) -> bool {
    let Some(&[a, b, c, d, .., planes, 0, bits, 0, packing, 0, 0, 0]) = bytes.first_chunk::<20>() else { return false };
    let length = u32::from_le_bytes([a, b, c, d]);
    let is_known = length != CORE && length != OS2 && KNOWN_LENGTHS.contains(&length);
    is_known && planes == 1 && matches!(bits, 1 | 2 | 4 | 8 | 16 | 24 | 32) && packing <= 6
}

/// Lengths of the headers that are known, by which they are told apart.
pub(crate) const KNOWN_LENGTHS: [u32; 7] = [CORE, INFO, 52, 56, OS2, 108, V5];

const CORE: u32 = 12;
const INFO: u32 = 40;
const OS2: u32 = 64;
const V5: u32 = 124;

/// How a bitmap's pixels are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    /// An index or colour of fixed width a pixel.
    Plain,
    /// Runs of indexes of this many bits, 4 or 8.
    Runs(u32),
}

/// What a bitmap's header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bitmap {
    pub width: u32,
    /// As the header has it: of an icon, with its mask.
    pub height: u32,
    /// Rows from the top; otherwise from the bottom.
    pub top_down: bool,
    /// Bits a pixel: 1, 2, 4, 8, 16, 24 or 32.
    pub bits: u32,
    pub packing: Packing,
    /// Which bits of a pixel of 16 or 32 are red, green, blue and alpha.
    pub masks: [u32; 4],
    /// Where the palette lies, and the bytes of an entry: blue, green, red, and nothing in the fourth.
    pub palette: Range<usize>,
    pub palette_entry: usize,
    /// Where the pixels begin, when they follow the header: the file header knows better.
    pub pixels: usize,
    pub icc: Option<Range<usize>>,
}

impl Bitmap {
    /// Reads the header that begins at `start`; errors speak of `format`.
    pub(crate) fn read(file: &[u8], start: usize, format: Format) -> Result<Self, ImageError> {
        let bytes = Bytes(file);
        let corrupt = |detail: String| ImageError::corrupt_at(format, detail, start);
        let length = bytes.u32_le(start)?;
        if !KNOWN_LENGTHS.contains(&length) {
            return Err(ImageError::unsupported(format, format!("a header of {length} bytes")));
        }
        let (width, height, bits) = match length {
            CORE => {
                (i32::from(bytes.u16_le(start + 4)?), i32::from(bytes.u16_le(start + 6)?), u32::from(bytes.u16_le(start + 10)?))
            }
            _ => (signed(bytes, start + 4)?, signed(bytes, start + 8)?, u32::from(bytes.u16_le(start + 14)?)),
        };
        let width_pixels = u32::try_from(width).map_err(|_| corrupt(format!("its width is {width}")))?;
        let compression = if length == CORE { 0 } else { bytes.u32_le(start + 16)? };
        let packing = match (compression, bits) {
            (0, 1 | 2 | 4 | 8 | 16 | 24 | 32) => Packing::Plain,
            (1, 8) => Packing::Runs(8),
            (2, 4) => Packing::Runs(4),
            (3 | 6, 16 | 32) if length != OS2 => Packing::Plain,
            (4 | 5, _) => return Err(ImageError::unsupported(format, "a JPEG or PNG picture inside")),
            _ => return Err(ImageError::unsupported(format, format!("the compression {compression} at {bits} bits"))),
        };
        let header_end = start + length as usize;
        let mask = |index: usize| bytes.u32_le(start + INFO as usize + index * 4);
        let (masks, masks_length) = match (compression, length) {
            (3, INFO) => ([mask(0)?, mask(1)?, mask(2)?, 0], 12),
            (6, INFO) => ([mask(0)?, mask(1)?, mask(2)?, mask(3)?], 16),
            (3 | 6, 52) => ([mask(0)?, mask(1)?, mask(2)?, 0], 0),
            (3 | 6, _) => ([mask(0)?, mask(1)?, mask(2)?, mask(3)?], 0),
            _ if bits == 16 => ([0x7c00, 0x03e0, 0x001f, 0], 0),
            _ => ([0x00ff_0000, 0x0000_ff00, 0x0000_00ff, 0], 0),
        };
        let palette_entry = if length == CORE { 3 } else { 4 };
        let stated = if length == CORE { 0 } else { bytes.u32_le(start + 32)? };
        let entries = match bits {
            1..=8 if stated == 0 => 1 << bits,
            // There are no more than can be named; some writers state 256 for fewer bits.
            1..=8 => stated.min(256),
            // Palettes of true colours are advice for old screens.
            _ => stated.min(MAX_ADVICE),
        };
        let palette_start = header_end + masks_length;
        let palette = palette_start..palette_start + entries as usize * palette_entry;
        Ok(Self {
            width: width_pixels,
            height: height.unsigned_abs(),
            top_down: height < 0,
            bits,
            packing,
            masks,
            pixels: palette.end,
            palette,
            palette_entry,
            icc: if length == V5 { profile(bytes, start)? } else { None },
        })
    }

    /// Bytes of a row, filled up to four.
    pub(crate) fn row_bytes(&self) -> usize {
        (u64::from(self.width) * u64::from(self.bits)).div_ceil(32) as usize * 4
    }
}

/// Most entries of a palette that is not used.
const MAX_ADVICE: u32 = 1 << 16;

fn signed(bytes: Bytes<'_>, at: usize) -> Result<i32, ImageError> {
    bytes.array(at).map(i32::from_le_bytes)
}

/// The profile that a version 5 header embeds.
fn profile(bytes: Bytes<'_>, start: usize) -> Result<Option<Range<usize>>, ImageError> {
    if bytes.slice(start + 56, 4)? != b"DEBM" {
        return Ok(None);
    }
    let at = start.saturating_add(bytes.u32_le(start + 112)? as usize);
    let length = bytes.u32_le(start + 116)? as usize;
    Ok((length > 0).then(|| at..at.saturating_add(length)))
}

pub(super) fn read(file: &[u8]) -> Result<Found, ImageError> {
    let bitmap = Bitmap::read(file, header_start(file), Format::Bmp)?;
    Ok(Found {
        width: bitmap.width,
        height: bitmap.height,
        has_alpha: bitmap.masks[3] != 0,
        icc: IccParts { parts: bitmap.icc.into_iter().collect(), deflated: false },
        details: Details::Bmp { runs: bitmap.packing != Packing::Plain },
        ..Found::default()
    })
}
