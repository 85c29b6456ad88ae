//! GIF (GIF89a specification). Alpha is one bit: pixels of half alpha and more are shown in full, others not at all.

use super::EncodeOptions;
use super::indexed::{Area, pixels};
use crate::animation::{Animation, Frame};
use crate::picture::{Picture, Size};
use crate::quantize::{Dither, Histogram, Palette, Pixel, indices};
use gif::{DisposalMethod, Encoder, Repeat};
use std::borrow::Cow;
use std::time::Duration;

/// Most colours of a frame, the clear one included.
const MAX_COLORS: u16 = 256;

/// A frame gets a palette of its own where the common one is farther off than this, in squared Oklab distance: about the least
/// difference that can be seen.
const VISIBLE_ERROR: f32 = 0.012 * 0.012;

/// And where its own is better than the common one by this factor.
const WORTHWHILE: f32 = 0.6;

/// A delay of 10 ms or less is shown as 100 ms, so none is written.
const LEAST_DELAY: u16 = 2;

/// A still.
pub(super) fn encode(picture: &Picture, options: &EncodeOptions<'_>) -> Result<Vec<u8>, String> {
    let (width, height) = sides(picture.size)?;
    let pixels = one_bit(picture);
    let mut histogram = Histogram::default();
    histogram.add(&pixels);
    let palette = Palette::new(&histogram, colors(options));
    let indices = indices(&pixels, width.into(), &palette, Dither::Diffused);
    let frame = gif::Frame { width, height, transparent: palette.clear(), buffer: indices.into(), ..gif::Frame::default() };
    let mut file = start(picture.size, &palette)?;
    file.write_frame(&frame).map_err(|error| error.to_string())?;
    file.into_inner().map_err(|error| error.to_string())
}

/// An animation. Only what changes from frame to frame is written, and what stays within that is clear; a frame is cleared away
/// where the next one has less. All frames share a palette, but for those to which another does much better.
pub(super) fn encode_animation(animation: &Animation, options: &EncodeOptions<'_>) -> Result<Vec<u8>, String> {
    let frames = animation.frames.as_slice();
    let Some(first) = frames.first() else { return Err("it has no frame".to_owned()) };
    let size = first.picture.size;
    if frames.iter().any(|frame| frame.picture.size != size) {
        return Err("its frames differ in size".to_owned());
    }
    let common = common_palette(frames, options)?;
    let mut file = start(size, &common)?;
    match animation.plays {
        None => file.set_repeat(Repeat::Infinite),
        // The block says how often it is played again.
        Some(plays) => file.set_repeat(Repeat::Finite(u16::try_from(plays.saturating_sub(1)).unwrap_or(u16::MAX))),
    }
    .map_err(|error| error.to_string())?;
    let mut clock = Clock::default();
    let mut canvas = vec![[0; 4]; size.pixels() as usize];
    let mut current = one_bit(&first.picture);
    for (index, frame) in frames.iter().enumerate() {
        options.check_deadline()?;
        let next = frames.get(index + 1).map(|next| one_bit(&next.picture));
        let delay = clock.ticks(frame.delay);
        let written = difference(&mut canvas, &current, next.as_deref(), size, &common, options);
        file.write_frame(&gif::Frame { delay, ..written }).map_err(|error| error.to_string())?;
        current = next.unwrap_or_default();
    }
    file.into_inner().map_err(|error| error.to_string())
}

/// The frame that makes `current` of the canvas, which becomes what it is when the next frame begins.
fn difference(
    canvas: &mut [Pixel],
    current: &[Pixel],
    next: Option<&[Pixel]>,
    size: Size,
    common: &Palette,
    options: &EncodeOptions<'_>,
) -> gif::Frame<'static> {
    let width = size.width as usize;
    // Nothing drawn can make a pixel clear, only disposal can.
    let must_go = |place: usize| current[place][3] != 0 && next.is_some_and(|next| next[place][3] == 0);
    let goes = (0..current.len()).any(must_go);
    let area = Area::around(width, current.len(), |place| current[place] != canvas[place] || (goes && must_go(place)));
    let part: Vec<Pixel> =
        area.places(width).map(|place| if current[place] == canvas[place] { [0; 4] } else { current[place] }).collect();
    for place in area.places(width) {
        canvas[place] = if goes { [0; 4] } else { current[place] };
    }
    let own = own_palette(&part, common, options);
    let palette = own.as_ref().unwrap_or(common);
    gif::Frame {
        // Sides have been checked to fit.
        left: area.x as u16,
        top: area.y as u16,
        width: area.width as u16,
        height: area.height as u16,
        dispose: if goes { DisposalMethod::Background } else { DisposalMethod::Keep },
        transparent: palette.clear(),
        palette: own.as_ref().map(table),
        buffer: Cow::Owned(indices(&part, area.width, palette, Dither::Ordered { x: area.x, y: area.y })),
        ..gif::Frame::default()
    }
}

/// A palette for all frames.
fn common_palette(frames: &[Frame], options: &EncodeOptions<'_>) -> Result<Palette, String> {
    let mut histogram = Histogram::default();
    for frame in frames {
        options.check_deadline()?;
        histogram.add(&one_bit(&frame.picture));
    }
    if frames.len() > 1 {
        // What stays is clear.
        histogram.add(&[[0; 4]]);
    }
    Ok(Palette::new(&histogram, colors(options)))
}

/// A palette for a frame of its own, where that is much better than the common one.
fn own_palette(part: &[Pixel], common: &Palette, options: &EncodeOptions<'_>) -> Option<Palette> {
    if common.is_exact() {
        return None;
    }
    let mut histogram = Histogram::default();
    histogram.add(part);
    let error = common.error(&histogram);
    if error == 0.0 {
        return None;
    }
    // Where a file comes with exact palettes, it leaves with them.
    let exact = Palette::exact(&histogram, colors(options));
    exact.or_else(|| (error > VISIBLE_ERROR).then(|| Palette::new(&histogram, colors(options)))).filter(|own| {
        let own_error = own.error(&histogram);
        own_error < error * WORTHWHILE
    })
}

fn start(size: Size, palette: &Palette) -> Result<Encoder<Vec<u8>>, String> {
    let (width, height) = sides(size)?;
    Encoder::new(Vec::new(), width, height, &table(palette)).map_err(|error| error.to_string())
}

fn sides(size: Size) -> Result<(u16, u16), String> {
    let side = |side: u32| u16::try_from(side).map_err(|_| format!("a side has {side} pixels, and GIF ends at 65,535"));
    Ok((side(size.width)?, side(size.height)?))
}

fn colors(options: &EncodeOptions<'_>) -> usize {
    usize::from(options.palette.unwrap_or(MAX_COLORS).clamp(2, MAX_COLORS))
}

/// Red, green and blue of each entry.
fn table(palette: &Palette) -> Vec<u8> {
    palette.entries().iter().flat_map(|&[red, green, blue, _]| [red, green, blue]).collect()
}

/// A picture's pixels, each opaque or clear.
fn one_bit(picture: &Picture) -> Vec<Pixel> {
    let mut pixels = pixels(picture);
    for pixel in &mut pixels {
        *pixel = if pixel[3] >= 128 { [pixel[0], pixel[1], pixel[2], u8::MAX] } else { [0; 4] };
    }
    pixels
}

/// Counts delays in GIF's ticks of 10 ms, so that what is lost by rounding one is made up for by the next.
#[derive(Debug, Default)]
struct Clock {
    shown: Duration,
    ticks: u64,
}

impl Clock {
    fn ticks(&mut self, delay: Duration) -> u16 {
        self.shown += delay;
        let ticks = ((self.shown.as_micros() + 5000) / 10_000) as u64;
        let ticks = u16::try_from(ticks.saturating_sub(self.ticks)).unwrap_or(u16::MAX).max(LEAST_DELAY);
        self.ticks += u64::from(ticks);
        ticks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_does_not_add_up() {
        let mut clock = Clock::default();
        let ticks: Vec<u16> = (0..6).map(|_| clock.ticks(Duration::from_micros(33_333))).collect();
        assert_eq!(ticks, [3, 4, 3, 3, 4, 3]);
        assert_eq!(Clock::default().ticks(Duration::from_millis(11)), 2);
        assert_eq!(Clock::default().ticks(Duration::from_secs(700_000)), u16::MAX);
    }
}
