//! Animated PNG (W3C, third edition, 4.9 and 11.3.4). Nothing is lost unless a palette is asked for.

use super::EncodeOptions;
use super::indexed::{Area, pixels};
use super::png::{encoder, packed, palette_depth, set_palette};
use crate::animation::Animation;
use crate::quantize::{Dither, Histogram, Palette, Pixel, indices};
use png::{BitDepth, BlendOp, ColorType, Compression, DisposeOp, Filter};
use std::time::Duration;

/// An animation with 8 bits a channel. Only what changes from frame to frame is written; where all of that is opaque, what stays
/// within is clear.
pub(super) fn encode(animation: &Animation, options: &EncodeOptions<'_>) -> Result<Vec<u8>, String> {
    let frames = animation.frames.as_slice();
    let Some(first) = frames.first() else { return Err("it has no frame".to_owned()) };
    let size = first.picture.size;
    if frames.iter().any(|frame| frame.picture.size != size) {
        return Err("its frames differ in size".to_owned());
    }
    let palette = common_palette(animation, options);
    let opaque = frames.iter().all(|frame| pixels(&frame.picture).iter().all(|pixel| pixel[3] == u8::MAX));
    let mut output = Vec::new();
    let mut encoder = encoder(&mut output, size, options)?;
    let depth = match &palette {
        Some(palette) => {
            encoder.set_color(ColorType::Indexed);
            set_palette(&mut encoder, palette.entries());
            palette_depth(palette.entries().len())
        }
        None => {
            encoder.set_color(if opaque { ColorType::Rgb } else { ColorType::Rgba });
            BitDepth::Eight
        }
    };
    encoder.set_depth(depth);
    encoder.set_compression(Compression::Fast);
    encoder.set_filter(if palette.is_some() { Filter::NoFilter } else { Filter::Adaptive });
    let count = u32::try_from(frames.len()).map_err(|_| "it has too many frames".to_owned())?;
    let failed = |error: png::EncodingError| error.to_string();
    encoder.set_animated(count, animation.plays.map_or(0, |plays| plays.max(1))).map_err(failed)?;
    let mut writer = encoder.write_header().map_err(failed)?;
    let width = size.width as usize;
    let can_be_clear = palette.as_ref().map_or(!opaque, |palette| palette.clear().is_some());
    let mut shown: Option<Vec<Pixel>> = None;
    for frame in frames {
        options.check_deadline()?;
        let current = pixels(&frame.picture);
        let changed = |place: usize| shown.as_ref().is_none_or(|shown| shown[place] != current[place]);
        // The first frame is the image that is shown by readers that know no animation: it has to be whole.
        let area = Area::around(width, current.len(), changed);
        let over =
            can_be_clear && shown.is_some() && area.places(width).all(|place| current[place][3] == u8::MAX || !changed(place));
        let part: Vec<Pixel> =
            area.places(width).map(|place| if over && !changed(place) { [0; 4] } else { current[place] }).collect();
        let data = match &palette {
            Some(palette) => {
                let dither = Dither::Ordered { x: area.x, y: area.y };
                packed(&indices(&part, area.width, palette, dither), area.width, depth)
            }
            None if opaque => part.iter().flat_map(|&[red, green, blue, _]| [red, green, blue]).collect(),
            None => part.concat(),
        };
        let (numerator, denominator) = fraction(frame.delay);
        writer.set_frame_delay(numerator, denominator).map_err(failed)?;
        if shown.is_some() {
            // Back to the corner first: each setter checks against what the other was.
            writer.reset_frame_position().map_err(failed)?;
            writer.set_frame_dimension(area.width as u32, area.height as u32).map_err(failed)?;
            writer.set_frame_position(area.x as u32, area.y as u32).map_err(failed)?;
        }
        writer.set_blend_op(if over { BlendOp::Over } else { BlendOp::Source }).map_err(failed)?;
        writer.set_dispose_op(DisposeOp::None).map_err(failed)?;
        writer.write_image_data(&data).map_err(failed)?;
        shown = Some(current);
    }
    writer.finish().map_err(failed)?;
    Ok(output)
}

/// A palette for all frames, where one is asked for or nothing is lost by it.
fn common_palette(animation: &Animation, options: &EncodeOptions<'_>) -> Option<Palette> {
    let mut histogram = Histogram::default();
    for frame in &animation.frames {
        histogram.add(&pixels(&frame.picture));
        if options.palette.is_none() && !histogram.has_at_most(256) {
            return None;
        }
    }
    Some(Palette::new(&histogram, usize::from(options.palette.unwrap_or(256))))
}

/// A delay as a fraction of a second, as precise as it can be written.
fn fraction(delay: Duration) -> (u16, u16) {
    let rounded = |unit: u128| u16::try_from((delay.as_micros() + unit / 2) / unit).ok();
    match (rounded(1000), rounded(10_000)) {
        (Some(milliseconds), _) => (milliseconds, 1000),
        (None, Some(hundredths)) => (hundredths, 100),
        (None, None) => (u16::try_from(delay.as_secs()).unwrap_or(u16::MAX), 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_fractions() {
        let check = |milliseconds, expected| assert_eq!(fraction(Duration::from_millis(milliseconds)), expected);
        check(40, (40, 1000));
        check(65_535, (65_535, 1000));
        check(65_536, (6554, 100));
        check(700_000, (700, 1));
        check(u64::MAX / 10_000, (65_535, 1));
    }
}
