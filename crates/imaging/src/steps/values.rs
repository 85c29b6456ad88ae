//! What the steps that change each pixel for itself share: pixels as numbers from 0 to 1 and back, tables, luma, matrices.
//!
//! Values are gamma-encoded sRGB with straight alpha, as the CSS filters have them, and alpha is never changed here.

use crate::picture::{Picture, Sample, Samples};

/// Weights of red, green and blue in luma: Rec. 709, whose primaries are sRGB's, as in CSS `grayscale()`. Rec. 601, which JPEG
/// has, is for the primaries of 1953 and makes greens too dark and reds too bright.
pub(super) const LUMA: [f32; 3] = [0.2126, 0.7152, 0.0722];

/// Luma of a pixel whose first three channels are red, green and blue: the weighted sum of its gamma-encoded values, rounded.
pub(super) fn luma<S: Sample>(pixel: &[S]) -> S {
    let [red, green, blue] = [0, 1, 2].map(|channel| pixel[channel].to_u64());
    S::from_u64((2126 * red + 7152 * green + 722 * blue + 5000) / 10_000)
}

/// Changes red, green and blue of every pixel together, each from 0 to 1; what comes out is cut off at 0 and 1. For RGB and
/// RGBA; other layouts stay.
pub(super) fn map_rgb(mut picture: Picture, change: impl Fn([f32; 3]) -> [f32; 3]) -> Picture {
    let channels = picture.layout.channels();
    if channels < 3 {
        return picture;
    }
    match &mut picture.samples {
        Samples::Eight(samples) => map_rgb_samples(samples, channels, change),
        Samples::Sixteen(samples) => map_rgb_samples(samples, channels, change),
    }
    picture
}

fn map_rgb_samples<S: Sample>(samples: &mut [S], channels: usize, change: impl Fn([f32; 3]) -> [f32; 3]) {
    for pixel in samples.chunks_exact_mut(channels) {
        let changed = change([to_unit(pixel[0]), to_unit(pixel[1]), to_unit(pixel[2])]);
        for (sample, value) in pixel.iter_mut().zip(changed) {
            *sample = from_unit(value);
        }
    }
}

/// Changes every channel but alpha by one curve, from 0 to 1 and to 0 to 1.
pub(super) fn map_by_table(mut picture: Picture, curve: impl Fn(f64) -> f64) -> Picture {
    let channels = picture.layout.channels();
    let colors = channels - usize::from(picture.layout.has_alpha());
    match &mut picture.samples {
        Samples::Eight(samples) => map_samples_by_table(samples, channels, colors, curve),
        Samples::Sixteen(samples) => map_samples_by_table(samples, channels, colors, curve),
    }
    picture
}

fn map_samples_by_table<S: Sample>(samples: &mut [S], channels: usize, colors: usize, curve: impl Fn(f64) -> f64) {
    let full = S::MAX as f64;
    let table: Vec<S> = (0..=S::MAX).map(|level| S::from_u64((curve(level as f64 / full) * full).round() as u64)).collect();
    for pixel in samples.chunks_exact_mut(channels) {
        for sample in &mut pixel[..colors] {
            *sample = table[sample.to_u64() as usize];
        }
    }
}

/// A sample as a number from 0 to 1.
pub(super) fn to_unit<S: Sample>(sample: S) -> f32 {
    sample.to_u64() as f32 / S::MAX as f32
}

/// A number as a sample, rounded; what is below 0 or above 1 is cut off.
pub(super) fn from_unit<S: Sample>(value: f32) -> S {
    // The conversion saturates: below 0 becomes 0, and `from_u64` cuts off the rest.
    S::from_u64((value * S::MAX as f32 + 0.5) as u64)
}

/// A linear change of red, green and blue: the rows give the new red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ColorMatrix(pub [[f32; 3]; 3]);

impl ColorMatrix {
    /// `a + amount × (b - a)`, entry by entry.
    pub(super) fn between(a: Self, b: Self, amount: f64) -> Self {
        let entry = |row: usize, column: usize| {
            let (from, to) = (f64::from(a.0[row][column]), f64::from(b.0[row][column]));
            (from + amount * (to - from)) as f32
        };
        Self([0, 1, 2].map(|row| [0, 1, 2].map(|column| entry(row, column))))
    }

    /// The changed colour, cut off at 0 and 1 as each CSS filter does before the next.
    pub(super) fn apply(&self, [red, green, blue]: [f32; 3]) -> [f32; 3] {
        self.0.map(|row| (row[0] * red + row[1] * green + row[2] * blue).clamp(0.0, 1.0))
    }

    /// The matrix that changes nothing.
    pub(super) const IDENTITY: Self = Self([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::picture::{Layout, Size};

    /// A row of pixels with 8 bits a channel.
    pub(crate) fn row(layout: Layout, samples: &[u8]) -> Picture {
        let width = (samples.len() / layout.channels()) as u32;
        Picture::eight(Size { width, height: 1 }, layout, samples.to_vec())
    }

    /// The same with 16 bits a channel.
    pub(crate) fn wide(picture: &Picture) -> Picture {
        let samples = picture.to_eight_bits().iter().map(|&sample| u16::from(sample) * 257).collect();
        Picture { samples: Samples::Sixteen(samples), ..picture.clone() }
    }

    /// Checks a change on 8 bits, and that on 16 bits it gives the same within the rounding of 8.
    pub(crate) fn check_both_depths(before: &Picture, layout: Layout, expected: &[u8], change: impl Fn(Picture) -> Picture) {
        let after = change(before.clone());
        assert_eq!((after.size, after.layout), (before.size, layout));
        assert_eq!(after.samples, Samples::Eight(expected.to_vec()));
        let after = change(wide(before));
        assert_eq!((after.size, after.layout), (before.size, layout));
        let Samples::Sixteen(found) = &after.samples else { panic!("16 bits became 8") };
        for (&found, &expected) in found.iter().zip(expected) {
            assert!(found.abs_diff(u16::from(expected) * 257) <= 129, "{found} is not {expected} × 257");
        }
    }

    #[test]
    fn every_level_survives_the_way_there_and_back() {
        assert!((0..=u8::MAX).all(|level| from_unit::<u8>(to_unit(level)) == level));
        assert!((0..=u16::MAX).all(|level| from_unit::<u16>(to_unit(level)) == level));
        assert_eq!((from_unit::<u8>(-3.0), from_unit::<u8>(7.0), from_unit::<u16>(2.0)), (0, 255, 65_535));
    }
}
