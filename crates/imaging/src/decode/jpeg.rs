use super::jpeg_planes::{self, PlaneSink};
use super::{DecodeOptions, Decoded, size};
use crate::error::ImageError;
use crate::header::{Details, Header};
use crate::picture::Layout;
use crate::sink::{RowSink, shrunk_size};
use minilab_jpeg::{ColorModel, Decoder, Error as JpegError, Outcome, Scale};
use minilab_model::{ColorSpace, Format};
use std::ops::ControlFlow;

/// Decodes at the scale that was planned, strip by strip: the decoder undoes no more of the coding than that takes.
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
    let (layout, color_model) = match header.color_space {
        ColorSpace::Grey => (Layout::Grey, ColorModel::Grey),
        ColorSpace::Rgb => (Layout::Rgb, ColorModel::Rgb),
        ColorSpace::Ycbcr => (Layout::Rgb, ColorModel::YCbCr),
        ColorSpace::Cmyk => (Layout::Cmyk, ColorModel::Cmyk),
        ColorSpace::Ycck => (Layout::Cmyk, ColorModel::Ycck),
    };
    // Adobe stores ink inverted: 255 is none.
    let inverted = layout == Layout::Cmyk && matches!(header.details, Details::Jpeg { adobe: true, .. });
    let in_planes = header.color_space == ColorSpace::Ycbcr && jpeg_planes::suffice(options);
    let decoder = Decoder::new(source).map_err(refused)?.with_options(minilab_jpeg::DecodeOptions {
        // The coefficients of a progressive file with four channels are the most that can be.
        max_buffer_bytes: options.limits.pixels.saturating_mul(10),
        tolerant: options.tolerant,
        half_chroma: in_planes && jpeg_planes::half_chroma_suffices(options),
        color_model: Some(color_model),
        ..minilab_jpeg::DecodeOptions::default()
    });
    let size = shrunk_size(size(header), options.shrink);
    if decoder.output_size(scale) != (size.width, size.height) {
        return Err(ImageError::corrupt(Format::Jpeg, "it holds two frame headers that differ"));
    }
    if in_planes {
        return decode_planes(&decoder, scale, options);
    }
    let mut sink = RowSink::<u8>::new(size, layout, 1, options);
    let mut inks = Vec::new();
    let mut broken_off = None;
    let decoded = decoder.decode(scale, &mut |strip| {
        let pixels = match inverted {
            true => {
                inks.clear();
                inks.extend(strip.pixels.iter().map(|ink| 255 - ink));
                &inks
            }
            false => strip.pixels,
        };
        match sink.push(pixels) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                broken_off = Some(error);
                ControlFlow::Break(())
            }
        }
    });
    let outcome = decoded.map_err(refused)?;
    if let Some(error) = broken_off {
        return Err(error);
    }
    let decoded = sink.finish(Ok(()), header)?;
    Ok(Decoded { damage: damage(outcome).or(decoded.damage), ..decoded })
}

/// The same without a way through RGB.
fn decode_planes(decoder: &Decoder<'_>, scale: Scale, options: &DecodeOptions<'_>) -> Result<Decoded, ImageError> {
    let sizes = decoder.plane_sizes(scale).try_into();
    let sizes = sizes.map_err(|_| ImageError::corrupt(Format::Jpeg, "it holds two frame headers that differ"))?;
    let mut sink = PlaneSink::new(sizes, options);
    let mut broken_off = None;
    let decoded = decoder.decode_planes(scale, &mut |strip| match sink.push(&strip) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            broken_off = Some(error);
            ControlFlow::Break(())
        }
    });
    let outcome = decoded.map_err(refused)?;
    match broken_off {
        Some(error) => Err(error),
        None => Ok(Decoded { whole: None, resized: sink.finish()?, opaque: true, damage: damage(outcome) }),
    }
}

fn damage(outcome: Outcome) -> Option<String> {
    let damaged = || ImageError::corrupt(Format::Jpeg, "its data ends early or is damaged").to_string();
    (!outcome.complete).then(damaged)
}

fn refused(error: JpegError) -> ImageError {
    match error {
        JpegError::Unsupported { what } => ImageError::unsupported(Format::Jpeg, what),
        JpegError::Truncated { offset, what } => ImageError::corrupt_at(Format::Jpeg, format!("it ends early: {what}"), offset),
        JpegError::Corrupt { offset, what } => ImageError::corrupt_at(Format::Jpeg, what, offset),
        other => ImageError::corrupt(Format::Jpeg, other.to_string()),
    }
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
