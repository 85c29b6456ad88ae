//! The sink that decoders write rows to: it averages boxes of `factor × factor` pixels as they come and passes the result
//! on to the resizes, so that a large image that becomes a small one is never in memory whole.
//!
//! The average is taken of gamma-encoded samples, as libvips' shrink does. Colour is weighted by alpha: what is
//! transparent has no say. What is left is at least twice the final size, and the last step is a Lanczos resize.

use crate::bands::{BandTarget, Bands};
use crate::decode::{DecodeOptions, Decoded};
use crate::error::ImageError;
use crate::header::Header;
use crate::picture::{Deadline, Layout, Picture, Sample, Size};
use crate::ycc::Pixels;

/// Largest box side. Sums of a box must fit their types; more would gain nothing.
pub(crate) const MAX_FACTOR: u32 = 64;

/// What is taken of the picture that a decoder gives.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Take {
    /// Whether all of it is kept.
    pub whole: bool,
    /// Parts of it, resized.
    pub targets: Vec<BandTarget>,
}

/// Takes the rows of an image from the top and gives back what is wanted of it.
pub(crate) struct RowSink<S: Sample> {
    source: Size,
    layout: Layout,
    factor: usize,
    deadline: Deadline,
    tolerant: bool,
    rows_taken: u32,
    /// Whether every pixel so far is opaque.
    opaque: bool,
    /// Sums down the columns of the box row that is being filled; unused at factor 1.
    plain: Vec<S::Column>,
    /// The same with colour weighted by alpha, from the first pixel that is not opaque on.
    weighted: Option<Vec<u64>>,
    rows_summed: usize,
    /// The row of boxes that was filled last.
    row: Vec<S>,
    whole: Option<Vec<S>>,
    bands: Bands<S>,
}

impl<S: Sample> RowSink<S> {
    /// For an image of `source` pixels; `factor` from 1 (no shrinking) to [`MAX_FACTOR`]. What is wanted of it stands in the
    /// options; its coordinates are those of the shrunk picture.
    pub(crate) fn new(source: Size, layout: Layout, factor: u32, options: &DecodeOptions<'_>) -> Self {
        let factor = factor.clamp(1, MAX_FACTOR) as usize;
        let columns = if factor == 1 { 0 } else { source.width as usize * layout.channels() };
        let shrunk = shrunk_size(source, factor as u32);
        let length = (shrunk.pixels() as usize).saturating_mul(layout.channels());
        Self {
            source,
            layout,
            factor,
            deadline: options.deadline,
            tolerant: options.tolerant,
            rows_taken: 0,
            opaque: true,
            plain: vec![S::Column::default(); columns],
            weighted: None,
            rows_summed: 0,
            row: Vec::new(),
            whole: options.take.whole.then(|| Vec::with_capacity(length)),
            bands: Bands::new(shrunk, layout, &options.take.targets),
        }
    }

    /// Takes whole rows; rows past the image's height are ignored.
    pub(crate) fn push(&mut self, rows: &[S]) -> Result<(), ImageError> {
        self.deadline.check()?;
        let missing = (self.source.height - self.rows_taken) as usize;
        let rows = &rows[..rows.len().min(missing * self.row_length())];
        self.opaque = self.opaque && (!self.layout.has_alpha() || is_opaque(rows, self.layout));
        if self.factor == 1 {
            self.rows_taken += (rows.len() / self.row_length()) as u32;
            return self.pass_on(rows);
        }
        for row in rows.chunks_exact(self.row_length()) {
            self.rows_taken += 1;
            self.sum(row);
            self.rows_summed += 1;
            if self.rows_summed == self.factor {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// How many rows have been taken so far.
    pub(crate) fn rows_taken(&self) -> u32 {
        self.rows_taken
    }

    /// What is wanted, once the decoder is done or could not go on. Where rows are missing, or the decoder failed, that is
    /// the error, unless what is there is to be taken: then the rest is black, or clear where there is alpha.
    ///
    /// # Errors
    /// What the decoder said, or that rows are missing.
    pub(crate) fn finish(mut self, decoded: Result<(), ImageError>, header: &Header) -> Result<Decoded, ImageError> {
        let rows = self.rows_taken;
        let missing = || ImageError::corrupt(header.format, format!("it ends after {rows} of {} rows", header.height));
        let complete = match decoded.and_then(|()| if rows == self.source.height { Ok(()) } else { Err(missing()) }) {
            Ok(()) => None,
            Err(error) if self.tolerant && rows > 0 && !matches!(error, ImageError::Deadline) => Some(error),
            Err(error) => return Err(error),
        };
        let empty = vec![S::default(); self.row_length()];
        while self.rows_taken < self.source.height {
            self.push(&empty)?;
        }
        if self.rows_summed > 0 {
            self.flush()?;
        }
        let size = shrunk_size(self.source, self.factor as u32);
        let resized = self.bands.finish().into_iter().map(Pixels::Picture).collect();
        let whole = self.whole.map(|samples| Picture { size, layout: self.layout, samples: S::wrap(samples) });
        Ok(Decoded { whole, resized, opaque: self.opaque, damage: complete.map(|error| error.to_string()) })
    }

    fn pass_on(&mut self, rows: &[S]) -> Result<(), ImageError> {
        if let Some(whole) = &mut self.whole {
            whole.extend_from_slice(rows);
        }
        self.bands.push(rows)
    }

    fn row_length(&self) -> usize {
        self.source.width as usize * self.layout.channels()
    }

    fn sum(&mut self, row: &[S]) {
        if self.weighted.is_none() && !self.opaque && !is_opaque(row, self.layout) {
            self.weighted = Some(self.weigh());
        }
        match &mut self.weighted {
            None => {
                for (sum, &sample) in self.plain.iter_mut().zip(row) {
                    *sum = S::add(*sum, sample);
                }
            }
            Some(sums) => {
                let channels = self.layout.channels();
                for (sums, pixel) in sums.chunks_exact_mut(channels).zip(row.chunks_exact(channels)) {
                    let alpha = pixel[channels - 1].to_u64();
                    for (sum, sample) in sums.iter_mut().zip(&pixel[..channels - 1]) {
                        *sum += sample.to_u64() * alpha;
                    }
                    sums[channels - 1] += alpha;
                }
            }
        }
    }

    /// What has been summed so far, all of it opaque, as weighted sums.
    fn weigh(&self) -> Vec<u64> {
        let channels = self.layout.channels();
        let weight = |(index, &sum): (usize, &S::Column)| {
            let sum = S::widen(sum);
            if index % channels == channels - 1 { sum } else { sum * S::MAX }
        };
        self.plain.iter().enumerate().map(weight).collect()
    }

    /// Sums across each box, divides, passes the row of boxes on, and starts the next.
    fn flush(&mut self) -> Result<(), ImageError> {
        let channels = self.layout.channels();
        let box_samples = self.factor * channels;
        if let Some(sums) = self.weighted.take() {
            for columns in sums.chunks(box_samples) {
                let count = (columns.len() / channels * self.rows_summed) as u64;
                let total = |channel: usize| columns.iter().skip(channel).step_by(channels).sum::<u64>();
                let alpha = total(channels - 1);
                for channel in 0..channels - 1 {
                    let mean = (total(channel) + alpha / 2).checked_div(alpha);
                    self.row.push(S::from_u64(mean.unwrap_or(0)));
                }
                self.row.push(S::from_u64((alpha + count / 2) / count));
            }
        } else {
            for columns in self.plain.chunks(box_samples) {
                let count = (columns.len() / channels * self.rows_summed) as u64;
                let mut totals = [0_u64; 4];
                for pixel in columns.chunks_exact(channels) {
                    for (total, &sum) in totals.iter_mut().zip(pixel) {
                        *total += S::widen(sum);
                    }
                }
                self.row.extend(totals[..channels].iter().map(|total| S::from_u64((total + count / 2) / count)));
            }
        }
        self.plain.fill(S::Column::default());
        self.rows_summed = 0;
        let mut row = std::mem::take(&mut self.row);
        let passed = self.pass_on(&row);
        row.clear();
        self.row = row;
        passed
    }
}

/// Size after shrinking by `factor`; a box at the right or lower edge may be cut.
pub(crate) fn shrunk_size(source: Size, factor: u32) -> Size {
    Size { width: source.width.div_ceil(factor), height: source.height.div_ceil(factor) }
}

fn is_opaque<S: Sample>(row: &[S], layout: Layout) -> bool {
    let channels = layout.channels();
    row.chunks_exact(channels).all(|pixel| pixel[channels - 1].to_u64() == S::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::picture::Samples;
    use minilab_model::{DecodeLimits, Format};

    fn take() -> Take {
        Take { whole: true, targets: Vec::new() }
    }

    fn shrink<S: Sample>(size: (u32, u32), layout: Layout, factor: u32, samples: &[S]) -> Decoded {
        let (take, limits) = (take(), DecodeLimits::default());
        let options = DecodeOptions::new(&limits, &take);
        let mut sink = RowSink::<S>::new(Size { width: size.0, height: size.1 }, layout, factor, &options);
        let pushed = sink.push(samples);
        sink.finish(pushed, &Header::plain(Format::Png, size.0, size.1)).unwrap()
    }

    fn check(size: (u32, u32), layout: Layout, factor: u32, samples: &[u8], expected: &[u8]) {
        assert_eq!(shrink(size, layout, factor, samples).whole.unwrap().samples, Samples::Eight(expected.to_vec()));
    }

    #[test]
    fn boxes_are_averaged_and_edges_are_cut() {
        check((3, 1), Layout::Grey, 1, &[1, 2, 3], &[1, 2, 3]);
        check((3, 3), Layout::Grey, 2, &[10, 20, 90, 30, 40, 92, 7, 8, 255], &[25, 91, 8, 255]);
        check((2, 1), Layout::Rgb, 2, &[0, 10, 255, 255, 20, 255], &[128, 15, 255]);
    }

    #[test]
    fn transparent_pixels_have_no_say_in_colour() {
        // Opaque blue beside clear green stays blue, half as opaque.
        check((2, 1), Layout::Rgba, 2, &[0, 0, 200, 255, 0, 255, 0, 0], &[0, 0, 200, 128]);
        // The first row of a box is opaque, the second is not.
        check((1, 2), Layout::GreyAlpha, 2, &[100, 255, 250, 0], &[100, 128]);
        check((2, 1), Layout::GreyAlpha, 2, &[100, 0, 250, 0], &[0, 0]);
    }

    #[test]
    fn the_largest_box_of_white_stays_white() {
        let side = MAX_FACTOR;
        let samples = vec![255; (side * side * 4) as usize];
        check((side, side), Layout::Rgba, side, &samples, &[255; 4]);
        let mut wide = vec![65_535_u16; (side * side * 4) as usize];
        let last = wide.len() - 1;
        wide[last] = 65_534;
        let white = shrink((side, side), Layout::Rgba, side, &wide);
        assert!(!white.opaque);
        assert_eq!(white.whole.unwrap().samples, Samples::Sixteen(vec![65_535; 4]));
    }

    #[test]
    fn missing_rows_are_an_error_unless_they_are_tolerated() {
        let (take, limits, size) = (take(), DecodeLimits::default(), Size { width: 1, height: 3 });
        let run = |tolerant| {
            let options = DecodeOptions { tolerant, ..DecodeOptions::new(&limits, &take) };
            let mut sink = RowSink::<u8>::new(size, Layout::Grey, 1, &options);
            let pushed = sink.push(&[5, 6]);
            sink.finish(pushed, &Header::plain(Format::Png, 1, 3))
        };
        assert!(run(false).unwrap_err().to_string().contains("ends after 2 of 3 rows"));
        let there = run(true).unwrap();
        assert!(there.damage.is_some());
        assert_eq!(there.whole.unwrap().samples, Samples::Eight(vec![5, 6, 0]));
    }
}
