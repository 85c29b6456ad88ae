//! The compressions of TIFF, each as a reader of the rows' bytes. Colours that are not those of a pixel each become RGB on the way.

use super::fax::Fax;
use super::jpeg;
use super::ycbcr::Ycbcr;
use crate::error::ImageError;
use crate::header::tiff::{Compression, Directory, Photometric, Shape, tag};
use flate2::read::ZlibDecoder;
use minilab_model::Format;
use std::io::{Cursor, Error, ErrorKind, Read};
use weezl::decode::Configuration;
use weezl::{BitOrder, LzwStatus};

/// Reads what a chunk holds, unpacked.
pub(super) fn reader<'a>(
    packed: &'a [u8],
    shape: &Shape,
    directory: &Directory<'_>,
    source: &[u8],
    max_pixels: u64,
) -> Result<Box<dyn Read + 'a>, ImageError> {
    let reader: Box<dyn Read + 'a> = match shape.compression {
        Compression::None if shape.reversed_bits => Box::new(Reversed(packed)),
        Compression::None => Box::new(packed),
        Compression::Deflate if shape.reversed_bits => Box::new(ZlibDecoder::new(Reversed(packed))),
        Compression::Deflate => Box::new(ZlibDecoder::new(packed)),
        Compression::PackBits => Box::new(PackBits { packed, run: Run::Literal(0) }),
        Compression::Lzw => Box::new(Lzw::new(packed)?),
        Compression::FaxRuns | Compression::Group3 { .. } | Compression::Group4 => Box::new(Fax::new(packed, shape)),
        Compression::Jpeg => {
            let tables = directory.range(tag::JPEG_TABLES)?.and_then(|range| source.get(range));
            return Ok(Box::new(Cursor::new(jpeg::unpack(packed, tables, shape, max_pixels)?)));
        }
        Compression::OldJpeg => {
            let file = jpeg::old_file(source, packed, directory, shape)?;
            return Ok(Box::new(Cursor::new(jpeg::unpack(&file, None, shape, max_pixels)?)));
        }
    };
    Ok(match shape.photometric {
        Photometric::Ycbcr => Box::new(Ycbcr::new(reader, shape, directory)?),
        _ => reader,
    })
}

/// Bytes whose lowest bit comes first.
struct Reversed<'a>(&'a [u8]);

impl Read for Reversed<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.read(out)?;
        out[..count].iter_mut().for_each(|byte| *byte = byte.reverse_bits());
        Ok(count)
    }
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
