//! Resizing while the rows come: a few hundred rows of the source are kept, and each stretch of the output is made as soon
//! as the rows under it are there. So a picture that is only wanted smaller is never in memory whole.
//!
//! A stretch is resized with the rows around it that its filter reaches, so that the result is the one that a resize of the
//! whole picture gives (but for the rounding of the filter's weights, one level or two).

use crate::error::ImageError;
use crate::light::Light;
use crate::orient::Rect;
use crate::picture::{Layout, Picture, Sample, Size};
use crate::steps::resize::{Shape, reach, resample, resample_rows};
use crate::ycc::Chroma;
use minilab_model::Kernel;
use minilab_resample::Resampler;

/// Rows of the source that one stretch covers, about.
const STRETCH_ROWS: f64 = 256.0;

/// Most rows of the source that are kept for a stretch of an output of half its size: what the estimate counts.
pub(crate) fn stretch_rows() -> u32 {
    STRETCH_ROWS as u32 * 3
}

/// A part of the decoded picture, resized.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BandTarget {
    /// The part, in pixels of the decoded picture; fractions are allowed.
    pub part: Rect,
    /// Its size afterwards.
    pub to: Size,
    pub kernel: Kernel,
    /// Whether light is averaged rather than gamma-encoded values.
    pub linear_light: bool,
    /// The side of the boxes that the decoded picture's pixels are the means of; 1 where they are none.
    pub boxed: u32,
    /// How large chroma is to be where it stands by itself, and what it is made of, in pixels of the decoded picture.
    pub chroma: Chroma,
    pub chroma_part: Rect,
}

/// Takes the rows of a picture and makes every target from them.
pub(crate) struct Bands<S: Sample> {
    size: Size,
    layout: Layout,
    /// The rows that are still needed.
    rows: Vec<S>,
    /// The number of the first of them in the picture.
    first_row: u32,
    targets: Vec<Target>,
    resampler: Resampler,
}

struct Target {
    wanted: BandTarget,
    /// Rows made so far.
    made: u32,
    output: Option<Picture>,
}

impl<S: Sample> Bands<S> {
    /// For a picture of `size`.
    pub(crate) fn new(size: Size, layout: Layout, targets: &[BandTarget]) -> Self {
        let targets = targets.iter().map(|&wanted| Target { wanted, made: 0, output: None }).collect();
        Self { size, layout, rows: Vec::new(), first_row: 0, targets, resampler: Resampler::new() }
    }

    /// Takes whole rows, no more than the picture has.
    ///
    /// # Errors
    /// What the resizer says.
    pub(crate) fn push(&mut self, rows: &[S]) -> Result<(), ImageError> {
        if self.targets.is_empty() {
            return Ok(());
        }
        self.rows.extend_from_slice(rows);
        let end = self.first_row + (self.rows.len() / self.row_length()) as u32;
        for index in 0..self.targets.len() {
            while let Some(stretch) = self.targets[index].next(self.size, end) {
                self.make(index, stretch)?;
            }
        }
        let needed = self.targets.iter().map(|target| target.first_needed(self.size)).min().unwrap_or(end).min(end);
        // Moving what stays to the front costs as much as it is long, so it is done when as much can go.
        if needed - self.first_row >= (end - needed).max(1) {
            self.rows.drain(..(needed - self.first_row) as usize * self.row_length());
            self.first_row = needed;
        }
        Ok(())
    }

    /// The targets in their order, once every row has been pushed.
    pub(crate) fn finish(self) -> Vec<Picture> {
        self.targets.into_iter().filter_map(|target| target.output).collect()
    }

    fn row_length(&self) -> usize {
        self.size.width as usize * self.layout.channels()
    }

    fn make(&mut self, index: usize, stretch: Stretch) -> Result<(), ImageError> {
        let row_length = self.row_length();
        let target = &mut self.targets[index];
        let BandTarget { part, to, kernel, linear_light, boxed, .. } = target.wanted;
        let rows = (stretch.first - self.first_row) as usize..(stretch.end - self.first_row) as usize;
        let samples = &self.rows[rows.start * row_length..rows.end * row_length];
        let from = Size { width: self.size.width, height: stretch.end - stretch.first };
        let part = Rect { y: stretch.top - f64::from(stretch.first), height: stretch.height, ..part };
        let size = Size { width: to.width, height: stretch.rows };
        let made = if linear_light && self.layout != Layout::Cmyk {
            let light = Light::of_srgb();
            let band = light.decode(&Picture { size: from, layout: self.layout, samples: S::wrap(samples.to_vec()) });
            let made = resample(&mut self.resampler, &band, part, size, kernel).map_err(ImageError::resizer)?;
            light.encode(&made, S::MAX == u64::from(u8::MAX))
        } else {
            let shape = Shape { size: from, layout: self.layout, boxed };
            resample_rows(&mut self.resampler, samples, shape, part, size, kernel).map_err(ImageError::resizer)?
        };
        match &mut target.output {
            Some(output) => output.append(made),
            None => target.output = Some(made),
        }
        target.made += stretch.rows;
        Ok(())
    }
}

/// Rows of the output, and what of the source they take.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    /// How many rows of the output.
    rows: u32,
    /// Where they begin in the source, and how much of it they cover.
    top: f64,
    height: f64,
    /// The rows of the source under them and around.
    first: u32,
    end: u32,
}

impl Target {
    fn scale(&self) -> f64 {
        self.wanted.part.height / f64::from(self.wanted.to.height)
    }

    /// The rows that come next.
    fn stretch(&self, size: Size) -> Stretch {
        let (part, to, scale) = (self.wanted.part, self.wanted.to, self.scale());
        let rows = ((STRETCH_ROWS / scale) as u32).clamp(1, to.height - self.made);
        let top = part.y + scale * f64::from(self.made);
        let height = scale * f64::from(rows);
        let around = reach(self.wanted.kernel, scale);
        // Saturates at the edges.
        let first = (top - around).floor().max(0.0) as u32;
        let end = ((top + height + around).ceil() as u32).min(size.height);
        Stretch { rows, top, height: height.min(f64::from(size.height) - top), first: first.min(end.saturating_sub(1)), end }
    }

    /// The next stretch when every row that it takes is there.
    fn next(&self, size: Size, end: u32) -> Option<Stretch> {
        let stretch = (self.made < self.wanted.to.height).then(|| self.stretch(size))?;
        (stretch.end <= end).then_some(stretch)
    }

    fn first_needed(&self, size: Size) -> u32 {
        if self.made < self.wanted.to.height { self.stretch(size).first } else { u32::MAX }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::picture::Samples;
    use proptest::prelude::*;

    fn noise(size: Size, layout: Layout) -> Picture {
        let samples = size.pixels() as usize * layout.channels();
        Picture::eight(size, layout, (0..samples).map(|index| (index * 7919 % 253) as u8 ^ (index / 97) as u8).collect())
    }

    fn plain(part: Rect, to: Size, kernel: Kernel) -> BandTarget {
        BandTarget { part, to, kernel, linear_light: false, boxed: 1, chroma: Chroma::Full, chroma_part: part }
    }

    fn in_bands(picture: &Picture, target: BandTarget, rows_at_once: usize) -> Picture {
        let Samples::Eight(samples) = &picture.samples else { unreachable!() };
        let mut bands = Bands::<u8>::new(picture.size, picture.layout, &[target]);
        for rows in samples.chunks(picture.size.width as usize * picture.layout.channels() * rows_at_once) {
            bands.push(rows).unwrap();
        }
        bands.finish().remove(0)
    }

    fn check(picture: &Picture, target: BandTarget, rows_at_once: usize) {
        let whole = resample(&mut Resampler::new(), picture, target.part, target.to, target.kernel).unwrap();
        let banded = in_bands(picture, target, rows_at_once);
        assert_eq!(banded.size, whole.size);
        let (Samples::Eight(banded), Samples::Eight(whole)) = (&banded.samples, &whole.samples) else { unreachable!() };
        let worst = banded.iter().zip(whole).map(|(a, b)| a.abs_diff(*b)).max();
        // Enlarging noise overshoots most.
        assert!(worst <= Some(2), "{target:?}: {worst:?}");
    }

    #[test]
    fn bands_give_what_the_whole_gives() {
        let picture = noise(Size { width: 61, height: 1501 }, Layout::Rgb);
        let all = Rect { x: 0.0, y: 0.0, width: 61.0, height: 1501.0 };
        let part = Rect { x: 3.5, y: 300.25, width: 40.0, height: 900.5 };
        // Not the box: where its edge falls between two rows, rounding decides which of them it takes.
        for kernel in [Kernel::Lanczos3, Kernel::Mitchell, Kernel::Linear] {
            for (part, width, height) in [(all, 20, 500), (all, 20, 7), (part, 15, 333), (all, 122, 3002)] {
                check(&picture, plain(part, Size { width, height }, kernel), 16);
            }
        }
    }

    #[test]
    fn a_part_of_the_same_size_is_copied() {
        let picture = noise(Size { width: 9, height: 700 }, Layout::Grey);
        let part = Rect { x: 2.0, y: 400.0, width: 5.0, height: 290.0 };
        let target = plain(part, Size { width: 5, height: 290 }, Kernel::Lanczos3);
        let copied = in_bands(&picture, target, 1);
        let (Samples::Eight(copied), Samples::Eight(all)) = (&copied.samples, &picture.samples) else { unreachable!() };
        assert_eq!(copied[..5], all[400 * 9 + 2..400 * 9 + 7]);
        assert_eq!(copied[289 * 5..], all[689 * 9 + 2..689 * 9 + 7]);
    }

    #[test]
    fn few_rows_are_kept() {
        let size = Size { width: 10, height: 20_000 };
        let part = Rect { x: 0.0, y: 0.0, width: 10.0, height: 20_000.0 };
        let target = plain(part, Size { width: 5, height: 10_000 }, Kernel::Lanczos3);
        let mut bands = Bands::<u8>::new(size, Layout::Grey, &[target]);
        for _ in 0..20_000 {
            bands.push(&[9; 10]).unwrap();
            assert!(bands.rows.len() <= 10 * 800, "{} rows are kept", bands.rows.len() / 10);
        }
        assert_eq!(bands.finish()[0].size, target.to);
    }

    proptest! {
        #[test]
        fn every_row_is_made(height in 1_u32..900, to in 1_u32..900, at_once in 1_usize..40, y in 0.0..0.9, share in 0.05..1.0) {
            let picture = noise(Size { width: 3, height }, Layout::GreyAlpha);
            let top = y * f64::from(height);
            let part = Rect { x: 0.0, y: top, width: 3.0, height: (f64::from(height) - top) * share };
            let target = plain(part, Size { width: 2, height: to }, Kernel::Lanczos3);
            let banded = in_bands(&picture, target, at_once);
            prop_assert_eq!(banded.size, target.to);
            prop_assert_eq!(banded.to_eight_bits().len(), 2 * 2 * to as usize);
        }
    }
}
