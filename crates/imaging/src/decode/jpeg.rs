use super::{DecodeOptions, Decoded, size};
use crate::error::ImageError;
use crate::header::{Details, Header};
use crate::picture::Layout;
use crate::sink::{RowSink, shrunk_size};
use minilab_jpeg::{ColorModel, Decoder, Error as JpegError, Scale};
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
    let decoder = Decoder::new(source).map_err(refused)?.with_options(minilab_jpeg::DecodeOptions {
        // The coefficients of a progressive file with four channels are the most that can be.
        max_buffer_bytes: options.limits.pixels.saturating_mul(10),
        tolerant: options.tolerant,
        fast_chroma: is_much_smaller(options),
        color_model: Some(color_model),
    });
    let size = shrunk_size(size(header), options.shrink);
    if decoder.output_size(scale) != (size.width, size.height) {
        return Err(ImageError::corrupt(Format::Jpeg, "it holds two frame headers that differ"));
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
    let mut decoded = sink.finish(Ok(()), header)?;
    if !outcome.complete {
        decoded.damage = Some(ImageError::corrupt(Format::Jpeg, "its data ends early or is damaged").to_string());
    }
    Ok(decoded)
}

/// Whether all that is made of a picture is so much smaller than what is decoded that its colours need not have as many samples as its
/// light. At 1/8 it is at least twice as small, and there it shows: 14 photographs of 20 to 47 times the size of their thumbnails score
/// 96.35 points of SSIMULACRA 2 on average rather than 95.46, and the worst 96.3 rather than 89.9. From some thirty times on the gain
/// is half a point, for up to a third of the time.
fn is_much_smaller(options: &DecodeOptions<'_>) -> bool {
    let enough = |decoded: f64, made: u32| decoded >= f64::from(made) * MUCH_SMALLER;
    let targets = &options.take.targets;
    !options.take.whole
        && targets.iter().all(|target| enough(target.part.width, target.to.width) && enough(target.part.height, target.to.height))
}

/// How many times smaller than the decoded picture an output is whose colours can be coarse.
const MUCH_SMALLER: f64 = 3.0;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bands::BandTarget;
    use crate::orient::Rect;
    use crate::picture::Size;
    use crate::sink::Take;
    use minilab_model::{DecodeLimits, Kernel};

    #[test]
    fn colours_are_coarse_only_where_all_outputs_are_much_smaller() {
        let target = |side: u32| BandTarget {
            part: Rect { x: 0.0, y: 0.0, width: 384.0, height: 384.0 },
            to: Size { width: side, height: side },
            kernel: Kernel::default(),
            linear_light: false,
            boxed: 8,
        };
        let check = |whole: bool, sides: &[u32], expected: bool| {
            let limits = DecodeLimits::default();
            let take = Take { whole, targets: sides.iter().map(|&side| target(side)).collect() };
            assert_eq!(is_much_smaller(&DecodeOptions::new(&limits, &take)), expected, "{whole} {sides:?}");
        };
        check(false, &[128], true);
        check(false, &[129], false);
        check(false, &[129, 64], false);
        check(true, &[64], false);
    }
}
