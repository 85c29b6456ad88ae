use super::{DecodeOptions, Decoded, size};
use crate::error::ImageError;
use crate::header::{Details, Header};
use crate::picture::Layout;
use crate::sink::{RowSink, shrunk_size};
use minilab_jpeg::{Decoder, Error as ShrinkError, Scale};
use minilab_model::{ColorSpace, Format};
use std::ops::ControlFlow;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace as ZuneColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

/// Most scans of a progressive file; a small file with thousands of scans would take minutes.
const MAX_SCANS: usize = 100;

/// Rows handed on at a time.
const STRIP_ROWS: usize = 16;

pub(super) fn decode(source: &[u8], header: &Header, options: &DecodeOptions<'_>) -> Result<Decoded, ImageError> {
    if !options.tolerant {
        check_end(source, header)?;
    }
    let scale = match options.shrink {
        8 => Scale::Eighth,
        4 => Scale::Quarter,
        2 => Scale::Half,
        _ => Scale::Full,
    };
    match scaled(source, header, scale, options) {
        Err(Refused::Unsupported) => {
            let checked = !options.tolerant && check_scan(source, header)?;
            full(source, header, options, checked)
        }
        Err(Refused::Failed(error)) => Err(error),
        Ok(picture) => Ok(picture),
    }
}

/// Why the shrinking decoder gave no picture.
enum Refused {
    /// The kind of file is not for it; nothing is wrong.
    Unsupported,
    Failed(ImageError),
}

/// Decodes at a scale with our own decoder, strip by strip: it undoes no more of the coding than the scale takes.
fn scaled(source: &[u8], header: &Header, scale: Scale, options: &DecodeOptions<'_>) -> Result<Decoded, Refused> {
    let layout = match header.color_space {
        ColorSpace::Grey => Layout::Grey,
        ColorSpace::Rgb | ColorSpace::Ycbcr => Layout::Rgb,
        ColorSpace::Cmyk | ColorSpace::Ycck => return Err(Refused::Unsupported),
    };
    // Whole planes are needed for files with a scan per component; three channels of 16 bits are the most that can be.
    let max_buffer_bytes = options.limits.pixels.saturating_mul(6);
    let decoder = Decoder::new(source).map_err(refused)?;
    let decoder = decoder.with_options(minilab_jpeg::DecodeOptions { max_buffer_bytes, tolerant: options.tolerant });
    let size = shrunk_size(size(header), options.shrink);
    if decoder.output_size(scale) != (size.width, size.height) {
        return Err(Refused::Unsupported);
    }
    let mut sink = RowSink::<u8>::new(size, layout, 1, options);
    let mut broken_off = None;
    let decoded = decoder.decode(scale, &mut |strip| {
        // The two readers of the header could see the colour model differently; then zune-jpeg decides.
        let pushed = if usize::from(strip.channels) == layout.channels() {
            sink.push(strip.pixels).map_err(Refused::Failed)
        } else {
            Err(Refused::Unsupported)
        };
        match pushed {
            Ok(()) => ControlFlow::Continue(()),
            Err(refused) => {
                broken_off = Some(refused);
                ControlFlow::Break(())
            }
        }
    });
    let outcome = decoded.map_err(refused)?;
    if let Some(refused) = broken_off {
        return Err(refused);
    }
    let mut decoded = sink.finish(Ok(()), header).map_err(Refused::Failed)?;
    if !outcome.complete {
        decoded.damage = Some(ImageError::corrupt(Format::Jpeg, "its data ends early or is damaged").to_string());
    }
    Ok(decoded)
}

fn refused(error: ShrinkError) -> Refused {
    Refused::Failed(match error {
        ShrinkError::Unsupported { .. } => return Refused::Unsupported,
        ShrinkError::Truncated { offset, what } => ImageError::corrupt_at(Format::Jpeg, format!("it ends early: {what}"), offset),
        ShrinkError::Corrupt { offset, what } => ImageError::corrupt_at(Format::Jpeg, what, offset),
        other => ImageError::corrupt(Format::Jpeg, other.to_string()),
    })
}

/// Refuses a file that was cut off: behind the last scan stands an end-of-image marker.
fn check_end(source: &[u8], header: &Header) -> Result<(), ImageError> {
    let start = match header.details {
        Details::Jpeg { scan_offset, .. } => scan_offset.min(source.len()),
        _ => 0,
    };
    if source[start..].windows(2).rev().any(|pair| pair == [0xff, 0xd9]) {
        Ok(())
    } else {
        Err(ImageError::corrupt_at(Format::Jpeg, "it ends before its end-of-image marker", source.len()))
    }
}

/// Refuses a sequential scan that ends before the image does. zune-jpeg takes an early end-of-image marker for zero bits and
/// says nothing; our own decoder knows, and reading a scan without making pixels takes it a tenth of zune-jpeg's time.
/// `false` for kinds that our own decoder does not read.
fn check_scan(source: &[u8], header: &Header) -> Result<bool, ImageError> {
    if header.progressive {
        return Ok(false);
    }
    let read = Decoder::new(source).and_then(|decoder| decoder.decode_planes(Scale::Eighth, &mut |_| ControlFlow::Continue(())));
    match read.map_err(refused) {
        Ok(_) => Ok(true),
        Err(Refused::Unsupported) => Ok(false),
        Err(Refused::Failed(error)) => Err(error),
    }
}

/// Decodes every pixel with zune-jpeg, then averages boxes. Of a file whose scan was `checked` it need not be strict: it then refuses
/// bytes between segments, which are to be skipped, as if they were damage.
fn full(source: &[u8], header: &Header, options: &DecodeOptions<'_>, checked: bool) -> Result<Decoded, ImageError> {
    let (layout, output) = match header.color_space {
        ColorSpace::Grey => (Layout::Grey, ZuneColorSpace::Luma),
        ColorSpace::Rgb | ColorSpace::Ycbcr => (Layout::Rgb, ZuneColorSpace::RGB),
        ColorSpace::Cmyk => (Layout::Cmyk, ZuneColorSpace::CMYK),
        ColorSpace::Ycck => (Layout::Cmyk, ZuneColorSpace::YCCK),
    };
    let decoder_options = DecoderOptions::default()
        .set_strict_mode(!options.tolerant && !checked)
        .set_max_width(options.limits.side as usize)
        .set_max_height(options.limits.side as usize)
        .jpeg_set_max_scans(MAX_SCANS)
        .jpeg_set_out_colorspace(output);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(source), decoder_options);
    let mut samples = decoder.decode().map_err(|error| ImageError::corrupt(Format::Jpeg, detail(&error)))?;
    options.deadline.check()?;
    if decoder.dimensions() != Some((header.width as usize, header.height as usize)) {
        return Err(ImageError::corrupt(Format::Jpeg, "it holds two frame headers that differ"));
    }
    let row = header.width as usize * layout.channels();
    if samples.len() != row * header.height as usize {
        return Err(ImageError::corrupt(Format::Jpeg, "its components do not make whole pixels"));
    }
    match header.color_space {
        ColorSpace::Ycck => samples.chunks_exact_mut(4).for_each(ycck_to_cmyk),
        // Adobe stores ink inverted: 255 is none.
        ColorSpace::Cmyk if matches!(header.details, Details::Jpeg { adobe: true, .. }) => {
            samples.iter_mut().for_each(|sample| *sample = 255 - *sample);
        }
        _ => {}
    }
    let mut sink = RowSink::<u8>::new(size(header), layout, options.shrink, options);
    for strip in samples.chunks(row * STRIP_ROWS) {
        sink.push(strip)?;
    }
    sink.finish(Ok(()), header)
}

/// Adobe's YCCK: the first three channels are the inks as YCbCr (JFIF's matrix), black is inverted.
fn ycck_to_cmyk(pixel: &mut [u8]) {
    let [y, cb, cr, k] = pixel else { return };
    let (luma, blue, red) = (f32::from(*y), f32::from(*cb) - 128.0, f32::from(*cr) - 128.0);
    // A float to integer cast saturates, which is the clamp wanted here.
    *y = (luma + 1.402 * red).round() as u8;
    *cb = (luma - 0.344_136 * blue - 0.714_136 * red).round() as u8;
    *cr = (luma + 1.772 * blue).round() as u8;
    *k = 255 - *k;
}

/// The decoder's message as part of a sentence.
fn detail(error: &zune_jpeg::errors::DecodeErrors) -> String {
    let text = error.to_string();
    let text = text.trim_matches(|character: char| character == '"' || character.is_whitespace() || character == '.');
    let text = text.trim_start_matches("[strict-mode]: ");
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => "its data cannot be decoded".to_owned(),
    }
}
