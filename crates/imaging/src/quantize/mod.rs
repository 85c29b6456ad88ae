//! Fewer colours: a palette for a picture or for many, and each pixel's place in it.
//!
//! Colours are counted ([`Histogram`]), cut into boxes of little variance (X. Wu, "Efficient statistical computations for
//! optimal color quantization", Graphics Gems II, 1991, without its grid) and moved to the means of what falls to them
//! (k-means). Distances are taken in Oklab, weighted by alpha. Where there are few enough colours all are kept as they are.

mod cut;
mod dither;
mod histogram;
mod means;
mod nearest;
mod oklab;

pub(crate) use dither::{Dither, indices};
pub(crate) use histogram::Histogram;

use cut::Point;
use nearest::Nearest;
use oklab::Place;

/// A pixel: red, green, blue and straight alpha, 8 bits each, gamma-encoded sRGB.
pub(crate) type Pixel = [u8; 4];

/// Colours that stand for all of a picture's, at most 256; each once.
#[derive(Debug)]
pub(crate) struct Palette {
    entries: Vec<Pixel>,
    /// Whether every colour that was counted is there.
    exact: bool,
    nearest: Nearest,
}

impl Palette {
    /// The best palette of at most `colors` entries for what was counted, in which clear pixels take one. What is not opaque
    /// comes first, and of that what is clear; then the order is by lightness.
    pub(crate) fn new(histogram: &Histogram, colors: usize) -> Self {
        let colors = colors.clamp(1, 256);
        if let Some(exact) = Self::exact(histogram, colors) {
            return exact;
        }
        let mut points = histogram.points();
        // Clear pixels must stay clear, so their entry is not up for averaging.
        let has_clear = points.iter().any(|point| point.is_clear());
        points.retain(|point| !point.is_clear());
        let centres = cut::boxes(&mut points, (colors - usize::from(has_clear)).max(1));
        let centres = means::refined(&points, centres);
        let mut entries: Vec<Pixel> = means::entries(&points, &centres);
        if has_clear && colors > 1 {
            entries.push([0; 4]);
        }
        Self::of(entries, false)
    }

    /// A palette of all that was counted, where that are at most so many colours.
    pub(crate) fn exact(histogram: &Histogram, colors: usize) -> Option<Self> {
        histogram.colors(colors.min(256)).map(|entries| Self::of(entries, true))
    }

    fn of(mut entries: Vec<Pixel>, exact: bool) -> Self {
        entries.sort_by_cached_key(|&entry| (entry[3] != 0, entry[3] == u8::MAX, oklab::place(entry)[0].to_bits(), entry));
        entries.dedup();
        if entries.is_empty() {
            entries.push([0; 4]);
        }
        let nearest = Nearest::new(entries.iter().map(|&entry| oklab::place(entry)));
        Self { entries, exact, nearest }
    }

    /// The entries, in the order of their indices.
    pub(crate) fn entries(&self) -> &[Pixel] {
        &self.entries
    }

    /// Whether every colour that was counted is there.
    pub(crate) fn is_exact(&self) -> bool {
        self.exact
    }

    /// The index of the entry that is clear.
    pub(crate) fn clear(&self) -> Option<u8> {
        (self.entries.first()?[3] == 0).then_some(0)
    }

    /// The mean squared distance (Oklab, weighted by alpha) of what was counted, but for clear pixels, from its nearest entries.
    pub(crate) fn error(&self, histogram: &Histogram) -> f32 {
        let (mut sum, mut weight) = (0.0_f64, 0.0_f64);
        for point in histogram.points().into_iter().filter(|point| !point.is_clear()) {
            sum += f64::from(self.nearest.find(point.place).1) * f64::from(point.weight);
            weight += f64::from(point.weight);
        }
        (sum / weight.max(1.0)) as f32
    }

    /// The index of the entry that is nearest to a colour.
    fn index(&self, pixel: Pixel) -> u8 {
        self.nearest.find(oklab::place(pixel)).0
    }
}

impl Point {
    fn is_clear(&self) -> bool {
        self.place == Place::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn palette(pixels: &[Pixel], colors: usize) -> Palette {
        let mut histogram = Histogram::default();
        histogram.add(pixels);
        Palette::new(&histogram, colors)
    }

    #[test]
    fn few_colours_are_kept_as_they_are() {
        let pixels: Vec<Pixel> = (0..=255).map(|value| [value, 255 - value, 7, 255]).collect();
        let found = palette(&pixels, 256);
        assert!(found.is_exact() && found.entries().len() == 256);
        assert!(pixels.iter().all(|&pixel| found.entries()[usize::from(found.index(pixel))] == pixel));
        // Colours under alpha 0 are one.
        let clear = palette(&[[1, 2, 3, 0], [4, 5, 6, 0], [9, 9, 9, 255]], 2);
        assert!(clear.is_exact() && clear.clear() == Some(0));
        assert_eq!(clear.entries(), [[0; 4], [9, 9, 9, 255]]);
    }

    #[test]
    fn groups_of_colours_get_their_means() {
        // Three groups of many near colours, one far larger than the others.
        let mut pixels = Vec::new();
        for index in 0..3000_u32 {
            let near = (index % 5) as u8;
            pixels.push(match index % 100 {
                0 => [200 + near, 10, 10, 255],
                1 => [10, 10, 200 + near, 255],
                _ => [10 + near, 200 + near, 10, 255],
            });
        }
        let found = palette(&pixels, 3);
        assert!(!found.is_exact());
        let mut entries = found.entries().to_vec();
        entries.sort_unstable();
        let expected: [Pixel; 3] = [[10, 10, 202, 255], [12, 202, 10, 255], [202, 10, 10, 255]];
        let near = |a: &Pixel, b: &Pixel| a.iter().zip(b).all(|(a, b)| a.abs_diff(*b) <= 2);
        assert!(entries.iter().zip(&expected).all(|(a, b)| near(a, b)), "{entries:?}");
    }

    #[test]
    fn fine_steps_are_told_apart_where_there_is_little_else() {
        // 300 greys and near greys: a grid of 32 steps would give 32 entries.
        let pixels: Vec<Pixel> =
            (0..900_u32).map(|value| [(value / 4) as u8, (value / 4) as u8, (value / 3).min(255) as u8, 255]).collect();
        let found = palette(&pixels, 256);
        assert!(found.entries().len() > 240, "{}", found.entries().len());
    }

    #[test]
    fn clear_and_opaque_stay_what_they_are() {
        let mut pixels: Vec<Pixel> = (0..5000_u32).map(|index| [index as u8, (index >> 4) as u8, 90, 255]).collect();
        pixels.extend((0..5000_u32).map(|index| [index as u8, 20, (index >> 3) as u8, (index >> 5) as u8]));
        let found = palette(&pixels, 16);
        assert_eq!(found.entries().len(), 16);
        assert_eq!(found.entries()[usize::from(found.index([0; 4]))], [0; 4]);
        assert!((0..5000).step_by(50).all(|at| found.entries()[usize::from(found.index(pixels[at]))][3] >= 250));
    }
}
