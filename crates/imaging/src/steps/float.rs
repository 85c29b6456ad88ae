//! Samples as floating-point numbers, for filters over neighbouring pixels.

use super::values::LUMA;
use crate::picture::{Layout, Sample};

/// A sample that can be calculated with. Numbers are on the sample's own scale: 0 to [`Float::FULL`].
pub(super) trait Float: Sample {
    /// White, or opaque.
    const FULL: f32;
    /// The sample's value.
    fn to_f32(self) -> f32;
    /// The nearest sample; what is out of range is clamped.
    fn from_f32(value: f32) -> Self;
}

/// 2²³: the fraction of a number of this size has no bits left, so that adding it rounds, and the low bits are the integer.
/// Unlike a cast this is quick in every instruction set.
const ROUNDER: f32 = 8_388_608.0;

impl Float for u8 {
    const FULL: f32 = 255.0;

    fn to_f32(self) -> f32 {
        f32::from(self)
    }

    fn from_f32(value: f32) -> Self {
        (value.clamp(0.0, Self::FULL) + ROUNDER).to_bits() as u8
    }
}

impl Float for u16 {
    const FULL: f32 = 65_535.0;

    fn to_f32(self) -> f32 {
        f32::from(self)
    }

    fn from_f32(value: f32) -> Self {
        (value.clamp(0.0, Self::FULL) + ROUNDER).to_bits() as u16
    }
}

/// Rec. 709's luma of a gamma-encoded pixel, as CSS filters take it.
pub(super) fn luma<S: Float>(pixel: &[S]) -> f32 {
    match pixel {
        [red, green, blue, ..] => LUMA[0] * red.to_f32() + LUMA[1] * green.to_f32() + LUMA[2] * blue.to_f32(),
        [grey, ..] => grey.to_f32(),
        [] => 0.0,
    }
}

/// A row as numbers, colour multiplied by alpha (as a fraction) where there is alpha.
pub(super) fn premultiply<S: Float>(row: &[S], layout: Layout, output: &mut [f32]) {
    match layout {
        Layout::GreyAlpha => premultiply_pixels::<S, 2>(row, output),
        Layout::Rgba => premultiply_pixels::<S, 4>(row, output),
        Layout::Grey | Layout::Rgb | Layout::Cmyk => {
            for (output, sample) in output.iter_mut().zip(row) {
                *output = sample.to_f32();
            }
        }
    }
}

fn premultiply_pixels<S: Float, const N: usize>(row: &[S], output: &mut [f32]) {
    for (output, pixel) in output.as_chunks_mut::<N>().0.iter_mut().zip(row.as_chunks::<N>().0) {
        let alpha = pixel[N - 1].to_f32();
        let factor = alpha * (1.0 / S::FULL);
        *output = pixel.map(|sample| sample.to_f32() * factor);
        output[N - 1] = alpha;
    }
}

/// The opposite of [`premultiply`]. What is clear is black.
pub(super) fn unpremultiply<S: Float>(row: &[f32], layout: Layout, output: &mut [S]) {
    match layout {
        Layout::GreyAlpha => unpremultiply_pixels::<S, 2>(row, output),
        Layout::Rgba => unpremultiply_pixels::<S, 4>(row, output),
        Layout::Grey | Layout::Rgb | Layout::Cmyk => {
            for (output, &value) in output.iter_mut().zip(row) {
                *output = S::from_f32(value);
            }
        }
    }
}

fn unpremultiply_pixels<S: Float, const N: usize>(row: &[f32], output: &mut [S]) {
    for (output, pixel) in output.as_chunks_mut::<N>().0.iter_mut().zip(row.as_chunks::<N>().0) {
        let alpha = pixel[N - 1];
        // Less than half a step of alpha is none.
        let factor = if alpha < 0.5 { 0.0 } else { S::FULL / alpha };
        *output = pixel.map(|value| S::from_f32(value * factor));
        output[N - 1] = S::from_f32(alpha);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_and_clamped() {
        for value in 0..=u8::MAX {
            assert_eq!(u8::from_f32(value.to_f32() + 0.49), value);
            assert_eq!(u8::from_f32(value.to_f32() - 0.49), value);
        }
        for value in 0..=u16::MAX {
            assert_eq!(u16::from_f32(value.to_f32()), value);
        }
        assert_eq!([u8::from_f32(-3.0), u8::from_f32(300.0)], [0, 255]);
        assert_eq!([u16::from_f32(-3.0), u16::from_f32(70_000.0)], [0, 65_535]);
    }

    #[test]
    fn alpha_is_multiplied_in_and_out() {
        let row = [200_u8, 100, 50, 255, 200, 100, 50, 128, 9, 9, 9, 0];
        let mut numbers = [0.0; 12];
        premultiply(&row, Layout::Rgba, &mut numbers);
        assert!((numbers[4] - 200.0 * 128.0 / 255.0).abs() < 0.001 && numbers[7] == 128.0 && numbers[8] == 0.0);
        let mut back = [7_u8; 12];
        unpremultiply(&numbers, Layout::Rgba, &mut back);
        assert_eq!(back, [200, 100, 50, 255, 200, 100, 50, 128, 0, 0, 0, 0]);
    }
}
