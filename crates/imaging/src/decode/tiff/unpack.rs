//! The compressions of TIFF, each as a reader of the rows' bytes.

use crate::error::ImageError;
use crate::header::tiff::{Compression, Directory, Photometric, Shape, tag};
use fax::decoder::{DecodeStatus, Group4Decoder};
use flate2::read::ZlibDecoder;
use minilab_model::Format;
use std::convert::Infallible;
use std::io::{Cursor, Error, ErrorKind, Read};
use weezl::decode::Configuration;
use weezl::{BitOrder, LzwStatus};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

/// Reads what a chunk holds, unpacked.
pub(super) fn reader<'a>(
    packed: &'a [u8],
    shape: &Shape,
    directory: &Directory<'_>,
    source: &[u8],
    max_pixels: u64,
) -> Result<Box<dyn Read + 'a>, ImageError> {
    Ok(match shape.compression {
        Compression::None => Box::new(packed),
        Compression::Deflate => Box::new(ZlibDecoder::new(packed)),
        Compression::PackBits => Box::new(PackBits { packed, run: Run::Literal(0) }),
        Compression::Lzw => Box::new(Lzw::new(packed)?),
        Compression::Group4 => Box::new(Group4::new(packed, shape)),
        Compression::Jpeg => {
            let tables = directory.range(tag::JPEG_TABLES)?.and_then(|range| source.get(range));
            Box::new(Cursor::new(jpeg(packed, tables, shape, max_pixels)?))
        }
    })
}

/// Macintosh PackBits (TIFF 6.0, section 9).
struct PackBits<'a> {
    packed: &'a [u8],
    run: Run,
}

/// What is left of a run.
enum Run {
    Literal(usize),
    Repeat(usize, u8),
}

impl Read for PackBits<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        loop {
            match &mut self.run {
                Run::Literal(left) if *left > 0 => {
                    let count = out.len().min(*left).min(self.packed.len());
                    let (now, later) = self.packed.split_at(count);
                    out[..count].copy_from_slice(now);
                    self.packed = later;
                    *left -= count;
                    return Ok(count);
                }
                Run::Repeat(left, value) if *left > 0 => {
                    let count = out.len().min(*left);
                    out[..count].fill(*value);
                    *left -= count;
                    return Ok(count);
                }
                _ => {}
            }
            match self.packed {
                [] => return Ok(0),
                // No operation.
                [128, rest @ ..] => self.packed = rest,
                [head @ 0..128, rest @ ..] => {
                    self.run = Run::Literal(usize::from(*head) + 1);
                    self.packed = rest;
                }
                [head, value, rest @ ..] => {
                    self.run = Run::Repeat(257 - usize::from(*head), *value);
                    self.packed = rest;
                }
                [_] => return Ok(0),
            }
        }
    }
}

/// TIFF's LZW (section 13): codes from the highest bit, their width switched one code early.
struct Lzw<'a> {
    packed: &'a [u8],
    decoder: weezl::decode::Decoder,
    done: bool,
}

impl<'a> Lzw<'a> {
    fn new(packed: &'a [u8]) -> Result<Self, ImageError> {
        // A stream begins with the clear code, 256; written from the lowest bit that is 00 01.
        if let [0, second, ..] = packed
            && second & 1 == 1
        {
            return Err(ImageError::unsupported(Format::Tiff, "LZW compression of before TIFF 5.0"));
        }
        let decoder = Configuration::with_tiff_size_switch(BitOrder::Msb, 8).with_yield_on_full_buffer(true).build();
        Ok(Self { packed, decoder, done: false })
    }
}

impl Read for Lzw<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        while !self.done && !out.is_empty() {
            let result = self.decoder.decode_bytes(self.packed, out);
            self.packed = self.packed.get(result.consumed_in..).unwrap_or_default();
            match result.status {
                Ok(LzwStatus::Ok) if result.consumed_out > 0 => return Ok(result.consumed_out),
                Ok(LzwStatus::Ok) if result.consumed_in > 0 => {}
                Ok(LzwStatus::Done) => {
                    self.done = true;
                    return Ok(result.consumed_out);
                }
                Ok(_) => {
                    self.done = true;
                    return Ok(result.consumed_out);
                }
                Err(error) => return Err(Error::new(ErrorKind::InvalidData, error)),
            }
        }
        Ok(0)
    }
}

/// CCITT Group 4 (ITU-T T.6), as one bit a pixel, black first.
struct Group4<'a> {
    decoder: Option<FaxDecoder<'a>>,
    width: u16,
    /// Rows that make up a chunk; writers may leave out white ones at the end.
    rows_left: u32,
    row: Vec<u8>,
    /// How much of the row has been read.
    read: usize,
}

type FaxDecoder<'a> = Group4Decoder<Box<dyn Iterator<Item = Result<u8, Infallible>> + 'a>>;

impl<'a> Group4<'a> {
    fn new(packed: &'a [u8], shape: &Shape) -> Self {
        let reversed = shape.reversed_bits;
        let bytes = packed.iter().map(move |&byte| Ok(if reversed { byte.reverse_bits() } else { byte }));
        let bytes: Box<dyn Iterator<Item = Result<u8, Infallible>> + 'a> = Box::new(bytes);
        // The shape was checked: a fax is not wider.
        let width = u16::try_from(shape.chunk.0).unwrap_or(u16::MAX);
        let decoder = Group4Decoder::new(bytes, width).ok();
        let length = usize::from(width).div_ceil(8);
        Self { decoder, width, rows_left: shape.chunk.1, row: vec![0; length], read: length }
    }

    fn next_row(&mut self) -> std::io::Result<()> {
        self.row.fill(0);
        self.read = 0;
        self.rows_left -= 1;
        let Some(decoder) = &mut self.decoder else { return Ok(()) };
        match decoder.advance() {
            Ok(DecodeStatus::Incomplete) => {}
            Ok(DecodeStatus::End) => {
                self.decoder = None;
                return Ok(());
            }
            Err(error) => return Err(Error::new(ErrorKind::InvalidData, error.to_string())),
        }
        // Colours change at these places; the first is from white to black.
        let transitions = decoder.transition();
        for black in transitions.chunks(2) {
            let start = usize::from(black[0]);
            let end = usize::from(black.get(1).copied().unwrap_or(self.width).min(self.width));
            for x in start..end {
                if let Some(byte) = self.row.get_mut(x / 8) {
                    *byte |= 0x80 >> (x % 8);
                }
            }
        }
        Ok(())
    }
}

impl Read for Group4<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.read == self.row.len() {
            if self.rows_left == 0 {
                return Ok(0);
            }
            self.next_row()?;
        }
        let count = out.len().min(self.row.len() - self.read);
        out[..count].copy_from_slice(&self.row[self.read..self.read + count]);
        self.read += count;
        Ok(count)
    }
}

/// A JPEG chunk, whole; its tables can stand in the directory, as a file of their own (Adobe's TIFF technical note 2).
fn jpeg(packed: &[u8], tables: Option<&[u8]>, shape: &Shape, max_pixels: u64) -> Result<Vec<u8>, ImageError> {
    let corrupt = |detail: String| ImageError::corrupt(Format::Tiff, detail);
    // Between the tables' end marker and the picture's start marker the two files become one.
    let tables = tables.and_then(|tables| tables.strip_suffix(b"\xff\xd9").or(Some(tables)));
    let file = match tables {
        Some(tables) => [tables, packed.strip_prefix(b"\xff\xd8").unwrap_or(packed)].concat(),
        None => packed.to_vec(),
    };
    let (width, height) = shape.chunk;
    let options =
        DecoderOptions::default().set_max_width(width as usize).set_max_height(height as usize).jpeg_set_max_scans(MAX_SCANS);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file.as_slice()), options);
    let failed = |error: zune_jpeg::errors::DecodeErrors| corrupt(format!("its JPEG data cannot be decoded: {error}"));
    decoder.decode_headers().map_err(failed)?;
    let (found_width, found_height) = decoder.dimensions().unwrap_or_default();
    if found_width != width as usize || found_width as u64 * found_height as u64 > max_pixels.max(u64::from(MAX_TILE_PIXELS)) {
        return Err(corrupt(format!("a JPEG picture of {found_width}×{found_height} pixels in a chunk of {width}×{height}")));
    }
    let output = match (shape.photometric, decoder.input_colorspace()) {
        (Photometric::Ycbcr, _) => ColorSpace::RGB,
        (Photometric::WhiteIsZero | Photometric::BlackIsZero, _) => ColorSpace::Luma,
        // Stored as they are: no conversion.
        (_, Some(input)) => input,
        (_, None) => return Err(corrupt("its JPEG data has unknown colours".to_owned())),
    };
    decoder.set_options(options.jpeg_set_out_colorspace(output));
    let samples = decoder.decode().map_err(failed)?;
    if samples.len() != found_width * found_height * usize::from(shape.samples) {
        return Err(corrupt("its JPEG data has other channels".to_owned()));
    }
    Ok(samples)
}

/// Most scans of a progressive picture.
const MAX_SCANS: usize = 100;

/// Pixels of a tile of a picture that is small itself.
const MAX_TILE_PIXELS: u32 = 1 << 20;
