//! WebP. A lossy file that is shrunk is averaged as the planes that it stores; everything else goes through RGB.

mod frames;
mod planes;
#[cfg(test)]
mod tests;

use super::{DecodeOptions, Decoded, size};
use crate::error::ImageError;
use crate::header::{Details, Header};
use crate::picture::{Deadline, Layout};
use crate::sink::RowSink;
use minilab_model::Format;
use minilab_webp::{DecodeOptions as WebpOptions, Decoder, Error, Pixels, check_length};

pub(super) use frames::decode_frames;

/// Most bytes of the file that are decoded between two looks at the deadline: a few milliseconds' worth.
const MAX_STEP_BYTES: usize = 128 << 10;

/// Rows handed on at a time.
const STRIP_ROWS: usize = 16;

pub(super) fn decode(source: &[u8], header: &Header, options: &DecodeOptions<'_>) -> Result<Decoded, ImageError> {
    if !options.tolerant {
        // libwebp decodes what it needs and looks no further, so a file that lacks its end would pass.
        check_length(source).map_err(damaged)?;
    }
    let lossless = header.details == Details::Webp { lossless: true };
    match (header.animated, options.shrink) {
        (true, _) => frames::first_frame(source, header, options),
        (false, 2..) if !lossless => planes::decode(source, header, options),
        (false, _) => pixels(source, header, options),
    }
}

/// By way of RGB, as libwebp converts it.
fn pixels(source: &[u8], header: &Header, options: &DecodeOptions<'_>) -> Result<Decoded, ImageError> {
    let layout = if header.has_alpha { Layout::Rgba } else { Layout::Rgb };
    let mut decoder = decoder(source, header, if header.has_alpha { Pixels::Rgba } else { Pixels::Rgb }, WebpOptions::default())?;
    let row = header.width as usize * layout.channels();
    let mut sink = RowSink::<u8>::new(size(header), layout, options.shrink, options);
    let decoded = run(&mut decoder, options.deadline, &mut |decoder| {
        let fresh = decoder.samples().get(sink.rows_taken() as usize * row..).unwrap_or_default();
        fresh.chunks(row * STRIP_ROWS).try_for_each(|strip| sink.push(strip))
    });
    sink.finish(decoded.and_then(|()| check_length(source).map_err(damaged)), header)
}

/// A decoder whose image has the size that the header says: it was compared with the limits.
fn decoder<'a>(source: &'a [u8], header: &Header, pixels: Pixels, options: WebpOptions) -> Result<Decoder<'a>, ImageError> {
    let features = minilab_webp::Features::read(source).map_err(damaged)?;
    if (features.width, features.height) != (header.width, header.height) {
        return Err(ImageError::corrupt(Format::Webp, "its headers differ in size"));
    }
    Decoder::new(source, pixels, options).map_err(damaged)
}

/// Decodes all that is left, and calls `each` whenever there may be more rows, also when the decoder then says that it can get no
/// further.
fn run(
    decoder: &mut Decoder<'_>,
    deadline: Deadline,
    each: &mut dyn FnMut(&Decoder<'_>) -> Result<(), ImageError>,
) -> Result<(), ImageError> {
    let mut steps = Steps::new(decoder);
    loop {
        deadline.check()?;
        let outcome = decoder.decode_some(steps.next(decoder));
        each(decoder)?;
        if outcome.map_err(damaged)? {
            return Ok(());
        }
    }
}

/// How many bytes are decoded at once. As long as there is no row, each step is twice the one before: libwebp begins anew when the tables
/// before a lossless image are not all there.
struct Steps {
    bytes: usize,
}

impl Steps {
    fn new(decoder: &Decoder<'_>) -> Self {
        Self { bytes: (decoder.source_bytes() / 64).clamp(1 << 10, MAX_STEP_BYTES) }
    }

    fn next(&mut self, decoder: &Decoder<'_>) -> usize {
        let bytes = self.bytes;
        if decoder.rows() == 0 {
            self.bytes = bytes.saturating_mul(2);
        }
        bytes
    }
}

/// What the decoder says is wrong with the file.
fn damaged(error: Error) -> ImageError {
    match error {
        Error::OutOfMemory => ImageError::Internal { detail: "there is not enough memory to decode it".to_owned() },
        Error::Unwritable { what } => ImageError::Internal { detail: what },
        error => match error.offset() {
            Some(offset) => ImageError::corrupt_at(Format::Webp, error.to_string(), offset),
            None => ImageError::corrupt(Format::Webp, error.to_string()),
        },
    }
}
