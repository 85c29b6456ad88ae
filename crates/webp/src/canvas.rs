//! Composing the frames of an animation (RFC 9649, section 2.7.1.1).

use crate::animation::AnimationFrame;

/// What is shown of an animation: 8 bits of red, green, blue and straight alpha.
///
/// It begins clear. The background colour that a file can state is a hint that browsers and libwebp do not follow, and neither is it
/// followed here.
#[derive(Debug, Clone)]
pub struct Canvas {
    width: usize,
    height: usize,
    samples: Vec<u8>,
    /// The rectangle that is cleared before the next frame: x, y, width, height.
    to_clear: Option<[usize; 4]>,
}

impl Canvas {
    /// A clear canvas of `width` × `height` pixels: four bytes each.
    #[must_use]
    pub fn new(width: u32, height: u32) -> Self {
        let (width, height) = (width as usize, height as usize);
        Self { width, height, samples: vec![0; width.saturating_mul(height).saturating_mul(4)], to_clear: None }
    }

    /// Lays the next frame on it: its decoded pixels of four channels, from the top; rows that are missing stay as they are.
    pub fn draw(&mut self, frame: &AnimationFrame<'_>, rgba: &[u8]) {
        if let Some([x, y, width, height]) = self.to_clear.take() {
            self.rows(x, y, width, height).for_each(|row| row.fill(0));
        }
        let [x, y, width, height] = [frame.x, frame.y, frame.width, frame.height].map(|number| number as usize);
        let rows = self.rows(x, y, width, height);
        for (target, source) in rows.zip(rgba.chunks_exact((width * 4).max(1))) {
            if frame.blends { blend(target, source) } else { target.copy_from_slice(source) }
        }
        self.to_clear = frame.clears.then_some([x, y, width, height]);
    }

    /// What is shown, row by row.
    #[must_use]
    pub fn samples(&self) -> &[u8] {
        &self.samples
    }

    /// The part of each row that lies in a rectangle; none when the rectangle does not fit.
    fn rows(&mut self, x: usize, y: usize, width: usize, height: usize) -> impl Iterator<Item = &mut [u8]> {
        let height = if x + width <= self.width && y + height <= self.height { height } else { 0 };
        let rows = self.samples.chunks_exact_mut((self.width * 4).max(1)).skip(y).take(height);
        rows.map(move |row| &mut row[x * 4..(x + width) * 4])
    }
}

/// Source over target, straight alpha, rounded.
fn blend(target: &mut [u8], source: &[u8]) {
    for (under, over) in target.as_chunks_mut::<4>().0.iter_mut().zip(source.as_chunks::<4>().0) {
        *under = match over[3] {
            0 => *under,
            255 => *over,
            _ => blended(*over, *under),
        };
    }
}

fn blended(over: [u8; 4], under: [u8; 4]) -> [u8; 4] {
    // Weights of 255 × 255: what the upper leaves of the lower one.
    let weight = u32::from(over[3]) * 255;
    let rest = u32::from(under[3]) * (255 - u32::from(over[3]));
    let sum = weight + rest;
    let mix = |channel: usize| ((u32::from(over[channel]) * weight + u32::from(under[channel]) * rest + sum / 2) / sum) as u8;
    [mix(0), mix(1), mix(2), ((sum + 127) / 255) as u8]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn frame(x: u32, blends: bool, clears: bool) -> AnimationFrame<'static> {
        let delay = Duration::ZERO;
        AnimationFrame { x, y: 0, width: 1, height: 1, delay, blends, clears, bitstream: &[], offset: 0, stated_bytes: 0 }
    }

    #[test]
    fn frames_blend_replace_and_are_cleared() {
        let mut canvas = Canvas::new(2, 1);
        canvas.draw(&frame(0, true, false), &[200, 100, 0, 255]);
        assert_eq!(canvas.samples(), [200, 100, 0, 255, 0, 0, 0, 0]);
        // Half of white over opaque stays opaque; over nothing it is itself.
        canvas.draw(&frame(0, true, false), &[255, 255, 255, 128]);
        canvas.draw(&frame(1, true, false), &[255, 255, 255, 128]);
        assert_eq!(canvas.samples(), [228, 178, 128, 255, 255, 255, 255, 128]);
        // Replaced, clear as it is, and cleared afterwards.
        canvas.draw(&frame(0, false, true), &[9, 9, 9, 7]);
        assert_eq!(canvas.samples(), [9, 9, 9, 7, 255, 255, 255, 128]);
        canvas.draw(&frame(1, true, false), &[1, 2, 3, 0]);
        assert_eq!(canvas.samples(), [0, 0, 0, 0, 255, 255, 255, 128]);
    }

    #[test]
    fn a_frame_outside_of_the_canvas_changes_nothing() {
        let mut canvas = Canvas::new(2, 1);
        canvas.draw(&frame(2, true, true), &[200, 100, 0, 255]);
        canvas.draw(&frame(0, true, false), &[]);
        assert_eq!(canvas.samples(), [0; 8]);
    }

    #[test]
    fn half_over_half_is_three_quarters() {
        assert_eq!(blended([255, 0, 0, 128], [0, 0, 255, 128]), [170, 0, 85, 192]);
        assert_eq!(blended([10, 20, 30, 1], [10, 20, 30, 255]), [10, 20, 30, 255]);
    }
}
