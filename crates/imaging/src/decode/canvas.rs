//! The canvas that the frames of an animation are drawn on, one after the other: what GIF, APNG and WebP have in common.

use super::{DecodeOptions, Played};
use crate::animation::{Frame, shown_delay};
use crate::error::ImageError;
use crate::picture::{Layout, Picture, Size};
use minilab_model::DecodeLimits;
use std::time::Duration;

/// Where a frame lies, in pixels from the canvas' upper left. It may reach over the edges; what is outside is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameRect {
    pub x: u32,
    pub y: u32,
    pub size: Size,
}

/// What becomes of a frame's part of the canvas before the next frame is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disposal {
    /// It stays.
    Keep,
    /// It becomes clear. GIF speaks of the background colour; browsers show none.
    Clear,
    /// It becomes what it was before the frame. Before the first frame all is clear.
    Previous,
}

/// How a frame's pixels meet those that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blend {
    /// They replace them, their alpha included.
    Replace,
    /// They are laid over them, in gamma-encoded values (PNG, third edition, 11.3.4.3; RFC 9649, 2.7.1.1).
    Over,
}

/// The canvas: 8 bits a channel, straight alpha, clear at first.
pub(super) struct Canvas {
    size: Size,
    layout: Layout,
    samples: Vec<u8>,
    disposal: Disposal,
    /// The part of the canvas that the last frame covers: columns and rows.
    columns: std::ops::Range<usize>,
    rows: std::ops::Range<usize>,
    /// What was there before, row by row, when it is to come back.
    before: Vec<u8>,
}

impl Canvas {
    /// A clear canvas; the layout is one with alpha and at most 8 bits.
    pub(super) fn new(size: Size, layout: Layout) -> Self {
        debug_assert!(layout.has_alpha());
        let samples = vec![0; size.pixels() as usize * layout.channels()];
        Self { size, layout, samples, disposal: Disposal::Keep, columns: 0..0, rows: 0..0, before: Vec::new() }
    }

    /// Begins a frame: disposes of the one before.
    pub(super) fn begin(&mut self, rect: FrameRect, disposal: Disposal) {
        self.dispose();
        let span = |start: u32, length: u32, end: u32| start.min(end) as usize..start.saturating_add(length).min(end) as usize;
        self.columns = span(rect.x, rect.size.width, self.size.width);
        self.rows = span(rect.y, rect.size.height, self.size.height);
        self.disposal = disposal;
        self.before.clear();
        if disposal == Disposal::Previous {
            for y in self.rows.clone() {
                let row = self.covered(y);
                self.before.extend_from_slice(&self.samples[row]);
            }
        }
    }

    /// Draws row `y` of the frame that has begun; pixels as the canvas has them. Rows and pixels outside the canvas are left out.
    pub(super) fn draw_row(&mut self, y: u32, row: &[u8], blend: Blend) {
        let y = self.rows.start + y as usize;
        if y >= self.rows.end {
            return;
        }
        let covered = self.covered(y);
        let (channels, target) = (self.layout.channels(), &mut self.samples[covered]);
        match blend {
            Blend::Replace => target.iter_mut().zip(row).for_each(|(target, &sample)| *target = sample),
            Blend::Over => {
                for (target, pixel) in target.chunks_exact_mut(channels).zip(row.chunks_exact(channels)) {
                    lay_over(target, pixel);
                }
            }
        }
    }

    /// The canvas as it is shown now.
    pub(super) fn picture(&self) -> Picture {
        Picture::eight(self.size, self.layout, self.samples.clone())
    }

    fn dispose(&mut self) {
        let row_length = self.columns.len() * self.layout.channels();
        for (index, y) in self.rows.clone().enumerate() {
            let covered = self.covered(y);
            match self.disposal {
                Disposal::Keep => return,
                Disposal::Clear => self.samples[covered].fill(0),
                Disposal::Previous => {
                    self.samples[covered].copy_from_slice(&self.before[index * row_length..][..row_length]);
                }
            }
        }
    }

    /// Where the frame's part of row `y` lies in the samples.
    fn covered(&self, y: usize) -> std::ops::Range<usize> {
        let channels = self.layout.channels();
        let start = y * self.size.width as usize;
        (start + self.columns.start) * channels..(start + self.columns.end) * channels
    }
}

/// Source over with straight alpha; the last channel is alpha.
fn lay_over(target: &mut [u8], pixel: &[u8]) {
    let (Some((target_alpha, target_color)), Some((&alpha, color))) = (target.split_last_mut(), pixel.split_last()) else {
        return;
    };
    match alpha {
        0 => {}
        u8::MAX => {
            target_color.copy_from_slice(color);
            *target_alpha = alpha;
        }
        _ => {
            // In units of 1 / 255².
            let (above, below) = (u32::from(alpha) * 255, u32::from(*target_alpha) * (255 - u32::from(alpha)));
            let total = above + below;
            for (target, &value) in target_color.iter_mut().zip(color) {
                *target = ((u32::from(value) * above + u32::from(*target) * below + total / 2) / total) as u8;
            }
            *target_alpha = ((total + 127) / 255) as u8;
        }
    }
}

/// Counts what an animation may still show.
pub(super) struct FrameBudget {
    limits: (u32, u64),
    frames: u32,
    pixels: u64,
}

impl FrameBudget {
    fn new(limits: &DecodeLimits) -> Self {
        Self { limits: (limits.frames.max(1), limits.pixels), frames: 0, pixels: 0 }
    }

    /// Takes one more frame; `pixels` are those of the canvas, or of the frame where it has more. `Err` says why there can be no
    /// more.
    fn take(&mut self, pixels: u64) -> Result<(), String> {
        let given = self.frames;
        let all = self.pixels.saturating_add(pixels);
        if given >= self.limits.0 {
            return Err(format!("the animation has more than {given} frames; the first {given} were taken"));
        }
        if all > self.limits.1 {
            return Err(format!(
                "the animation has more than {} pixels in all its frames; the first {given} were taken",
                self.limits.1
            ));
        }
        (self.frames, self.pixels) = (given + 1, all);
        Ok(())
    }
}

/// A frame whose description has been read and whose pixels come next.
pub(super) struct Announced {
    pub rect: FrameRect,
    pub disposal: Disposal,
    /// As stated in the file.
    pub delay: Duration,
}

/// The file of an animation, frame by frame.
///
/// # Contract
/// `announce` and `draw` are called in turns, beginning with `announce`, until one of them fails or `announce` gives `None`.
/// `draw` may fail after it has drawn some rows.
pub(super) trait FrameSource {
    /// Describes the next frame; `None` behind the last.
    fn announce(&mut self) -> Result<Option<Announced>, ImageError>;

    /// Draws the frame that was described last onto the canvas, where it has begun.
    fn draw(&mut self, canvas: &mut Canvas) -> Result<(), ImageError>;
}

/// Gives every frame, composed, to `each`, as [`super::decode_frames`] promises. A damaged frame ends the animation; where damage
/// is tolerated it is shown, as far as it goes, if it is the first.
pub(super) fn play(
    source: &mut dyn FrameSource,
    mut canvas: Canvas,
    plays: Option<u32>,
    options: &DecodeOptions<'_>,
    each: &mut dyn FnMut(Frame) -> Result<(), ImageError>,
) -> Result<Played, ImageError> {
    let mut budget = FrameBudget::new(options.limits);
    let cut_short = loop {
        options.deadline.check()?;
        let announced = match source.announce() {
            Ok(Some(announced)) => announced,
            Ok(None) => break None,
            Err(error) if budget.frames > 0 => break Some(tolerated(error, options)?),
            Err(error) => return Err(error),
        };
        let pixels = announced.rect.size.pixels().max(canvas.size.pixels());
        if budget.frames == 0 {
            ImageError::check_limit("pixels in its first frame", pixels, options.limits.pixels)?;
        }
        if let Err(reason) = budget.take(pixels) {
            break Some(reason);
        }
        canvas.begin(announced.rect, announced.disposal);
        let damage = match source.draw(&mut canvas) {
            Ok(()) => None,
            Err(error) => Some(tolerated(error, options)?),
        };
        if damage.is_none() || budget.frames == 1 {
            each(Frame { picture: canvas.picture(), delay: shown_delay(announced.delay) })?;
        }
        if damage.is_some() {
            break damage;
        }
    };
    Ok(Played { plays, cut_short })
}

/// What is said of damage behind which the animation ends, where it is tolerated.
fn tolerated(error: ImageError, options: &DecodeOptions<'_>) -> Result<String, ImageError> {
    match error {
        ImageError::Corrupt { .. } if options.tolerant => Ok(format!("{error}; the animation ends there")),
        error => Err(error),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::picture::Samples;
    use crate::sink::Take;

    /// Draws frames of one grey value, clear where it is 0, on a canvas of 4×1 and gives what is shown: two digits a pixel.
    fn check(frames: &[(u32, u32, Disposal, [u8; 2])], expected: &[[u8; 4]]) {
        let mut canvas = Canvas::new(Size { width: 4, height: 1 }, Layout::GreyAlpha);
        for (&(x, width, disposal, pixel), expected) in frames.iter().zip(expected) {
            canvas.begin(FrameRect { x, y: 0, size: Size { width, height: 2 } }, disposal);
            let row = pixel.repeat(width.min(9) as usize);
            canvas.draw_row(0, &row, Blend::Over);
            canvas.draw_row(1, &row, Blend::Over);
            let Samples::Eight(samples) = canvas.picture().samples else { unreachable!() };
            let shown: Vec<u8> = samples.chunks_exact(2).map(|pixel| if pixel[1] == 0 { 0 } else { pixel[0] }).collect();
            assert_eq!(shown, expected);
        }
    }

    #[test]
    fn each_disposal_leaves_what_it_should() {
        let one = [1, 255];
        check(&[(0, 2, Disposal::Keep, one), (1, 2, Disposal::Keep, [2, 255])], &[[1, 1, 0, 0], [1, 2, 2, 0]]);
        check(&[(0, 2, Disposal::Clear, one), (3, 1, Disposal::Keep, [2, 255])], &[[1, 1, 0, 0], [0, 0, 0, 2]]);
        check(
            &[(0, 4, Disposal::Keep, one), (1, 2, Disposal::Previous, [2, 255]), (2, 2, Disposal::Keep, [3, 255])],
            &[[1, 1, 1, 1], [1, 2, 2, 1], [1, 1, 3, 3]],
        );
        // Before the first frame all is clear.
        check(&[(0, 3, Disposal::Previous, one), (3, 1, Disposal::Keep, [2, 255])], &[[1, 1, 1, 0], [0, 0, 0, 2]]);
    }

    #[test]
    fn what_lies_outside_is_left_out() {
        let frame = |x, width| (x, width, Disposal::Previous, [1, 255]);
        check(&[frame(3, 7), frame(4, 1), frame(u32::MAX, u32::MAX), frame(0, 0)], &[[0, 0, 0, 1], [0; 4], [0; 4], [0; 4]]);
    }

    #[test]
    fn half_clear_pixels_are_mixed() {
        let over = |target: [u8; 2], pixel: [u8; 2]| {
            let mut target = target;
            lay_over(&mut target, &pixel);
            target
        };
        assert_eq!(over([100, 255], [200, 128]), [150, 255]);
        assert_eq!(over([9, 0], [200, 77]), [200, 77]);
        // Alpha 1 - (1 - 0.502)² of two equal layers.
        assert_eq!(over([100, 128], [200, 128]), [167, 192]);
    }

    /// A file of endless frames.
    struct Endless(Size);

    impl FrameSource for Endless {
        fn announce(&mut self) -> Result<Option<Announced>, ImageError> {
            let rect = FrameRect { x: 0, y: 0, size: self.0 };
            Ok(Some(Announced { rect, disposal: Disposal::Keep, delay: Duration::ZERO }))
        }

        fn draw(&mut self, _canvas: &mut Canvas) -> Result<(), ImageError> {
            Ok(())
        }
    }

    #[test]
    fn frames_and_their_pixels_are_limited() {
        let take = Take::default();
        let played = |limits: DecodeLimits, frame| {
            let mut frames = 0;
            let canvas = Canvas::new(Size { width: 10, height: 10 }, Layout::Rgba);
            let mut count = |_| {
                frames += 1;
                Ok(())
            };
            let played = play(&mut Endless(frame), canvas, None, &DecodeOptions::new(&limits, &take), &mut count);
            (frames, played.map(|played| played.cut_short.unwrap()).map_err(|error| error.to_string()))
        };
        let (small, large) = (Size { width: 1, height: 1 }, Size { width: 50, height: 10 });
        let limits = DecodeLimits { frames: 3, pixels: 1999, ..DecodeLimits::default() };
        let few = Ok("the animation has more than 3 frames; the first 3 were taken".to_owned());
        assert_eq!(played(limits, small), (3, few.clone()));
        assert_eq!(played(limits, large), (3, few));
        let many = DecodeLimits { frames: 100, ..limits };
        let said = |count| Ok(format!("the animation has more than 1999 pixels in all its frames; the first {count} were taken"));
        assert_eq!(played(many, small), (19, said(19)));
        assert_eq!(played(many, large), (3, said(3)));
        let tiny = DecodeLimits { pixels: 499, ..limits };
        assert_eq!(played(tiny, large), (0, Err("the image has 500 pixels in its first frame; the limit is 499".to_owned())));
    }
}
