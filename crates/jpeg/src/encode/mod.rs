//! A baseline encoder (T.81): the bytes of libjpeg's accurate integer path with the standard Huffman tables, sooner.
//!
//! Rows go in as they come, a strip (one row of MCUs) is held, and the file grows with each. All of it is integer arithmetic
//! and the same on every machine; with libjpeg's tables the files are those of `cjpeg -baseline -dct int`, byte for byte, and with fitted ones those of
//! `cjpeg -optimize`.

mod bit_writer;
mod codes;
mod color;
#[cfg(target_arch = "x86_64")]
mod color_avx2;
#[cfg(target_arch = "aarch64")]
mod color_neon;
mod entropy;
mod error;
mod fdct;
#[cfg(target_arch = "x86_64")]
mod fdct_avx2;
#[cfg(target_arch = "aarch64")]
mod fdct_neon;
mod fitted;
mod headers;
mod layout;
mod machine;
mod scan;
mod strip;
mod tokens;

pub use error::EncodeError;

use layout::Layout;
use machine::Machine;
use scan::Scan;
use strip::Strip;

/// How chroma is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subsampling {
    /// A sample for each pixel (4:4:4).
    Full,
    /// A sample for 2×2 pixels (4:2:0).
    Half,
}

/// Which Huffman tables a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HuffmanTables {
    /// Those of the specification (T.81, annex K.3). Nothing is kept but a strip.
    Standard,
    /// Made for the image: files are smaller by 3% for photographs and by 15% for thumbnails. Up to 4 MiB are kept.
    Fitted,
}

/// What is to be encoded, and how.
#[derive(Debug, Clone)]
pub struct EncodeOptions {
    /// Pixels across, at least one.
    pub width: u16,
    /// Pixels down, at least one.
    pub height: u16,
    /// 1 (grey) or 3 (Y′CbCr).
    pub components: u8,
    /// Of no meaning for grey.
    pub subsampling: Subsampling,
    /// How the bits are coded.
    pub huffman: HuffmanTables,
    /// Quantiser steps of luma, row by row, 1 to 255.
    pub luma: [u16; 64],
    /// Those of chroma; looked at for three components.
    pub chroma: [u16; 64],
}

/// Rows of one component.
#[derive(Debug, Clone, Copy)]
pub struct PlaneRows<'a> {
    /// Samples; a row follows the one before it after `stride`.
    pub samples: &'a [u8],
    /// From the start of a row to that of the next, in samples.
    pub stride: usize,
    /// How many rows.
    pub rows: usize,
}

/// Writes one image.
///
/// ```
/// use minilab_jpeg::{Decoder, EncodeOptions, Encoder, HuffmanTables, Subsampling};
///
/// let options = EncodeOptions {
///     width: 20,
///     height: 10,
///     components: 3,
///     subsampling: Subsampling::Half,
///     huffman: HuffmanTables::Fitted,
///     luma: [4; 64],
///     chroma: [6; 64],
/// };
/// let mut encoder = Encoder::new(&options)?;
/// encoder.segment(0xfe, b"a comment")?;
/// for row in 0..10 {
///     encoder.push_rgb(&[row * 20; 20 * 3])?;
/// }
/// let file = encoder.finish()?;
/// assert_eq!(Decoder::new(&file)?.info().width, 20);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Encoder {
    options: EncodeOptions,
    layout: Layout,
    strip: Strip,
    /// From the first rows on.
    scan: Option<Scan>,
    machine: Machine,
    /// Rows that were given.
    rows: usize,
    output: Vec<u8>,
}

/// Room that is made for the file at first, at most.
const MOST_INITIAL_BYTES: usize = 4 << 20;

impl Encoder {
    /// A file with nothing but its beginning.
    ///
    /// # Errors
    /// [`EncodeError::Empty`], [`EncodeError::Components`] or [`EncodeError::Step`] for options that make no file.
    pub fn new(options: &EncodeOptions) -> Result<Self, EncodeError> {
        Self::on(Machine::detect(), options)
    }

    fn on(machine: Machine, options: &EncodeOptions) -> Result<Self, EncodeError> {
        let &EncodeOptions { width, height, components, .. } = options;
        if width == 0 || height == 0 {
            return Err(EncodeError::Empty { width, height });
        }
        if components != 1 && components != 3 {
            return Err(EncodeError::Components { components });
        }
        check_steps(&options.luma)?;
        if components == 3 {
            check_steps(&options.chroma)?;
        }
        let layout = Layout::new(width.into(), components, options.subsampling);
        // About what photographs take; it grows if need be.
        let pixels = usize::from(width) * usize::from(height);
        let mut output = Vec::with_capacity((pixels / 4 + 1024).min(MOST_INITIAL_BYTES));
        headers::start(&mut output);
        Ok(Self { strip: Strip::new(&layout, machine), scan: None, machine, layout, options: options.clone(), rows: 0, output })
    }

    /// Writes an application segment (0xe0 to 0xef) or a comment (0xfe): before the first rows.
    ///
    /// # Errors
    /// [`EncodeError::Marker`], [`EncodeError::SegmentTooLong`] or [`EncodeError::SegmentTooLate`].
    pub fn segment(&mut self, marker: u8, data: &[u8]) -> Result<(), EncodeError> {
        if !matches!(marker, 0xe0..=0xef | 0xfe) {
            return Err(EncodeError::Marker { marker });
        }
        if data.len() > headers::MOST_SEGMENT_BYTES {
            return Err(EncodeError::SegmentTooLong { length: data.len() });
        }
        if self.rows > 0 {
            return Err(EncodeError::SegmentTooLate);
        }
        headers::segment(&mut self.output, marker, data);
        Ok(())
    }

    /// Takes rows of each component, chroma of half the size (rounded up) where it is subsampled. Luma comes in multiples of
    /// 16 rows, 8 without subsampling, except at the end of the image. Beyond the edges the last samples are repeated.
    ///
    /// # Errors
    /// [`EncodeError::Rows`]; nothing is taken then.
    pub fn push_planes(&mut self, planes: &[PlaneRows<'_>]) -> Result<(), EncodeError> {
        let given = self.check_planes(planes)?;
        let mut at = 0;
        while at < given {
            let rows = (given - at).min(self.layout.mcu_rows);
            self.strip.set_planes(&self.layout, planes, at);
            self.code_strip(rows);
            at += rows;
        }
        self.rows += given;
        Ok(())
    }

    /// Takes whole rows of interleaved RGB, any number of them. Chroma at half size is the mean of 2×2 pixels.
    ///
    /// # Errors
    /// [`EncodeError::Rows`]; nothing is taken then.
    pub fn push_rgb(&mut self, pixels: &[u8]) -> Result<(), EncodeError> {
        let row_bytes = usize::from(self.options.width) * 3;
        let count = pixels.len() / row_bytes;
        if self.options.components != 3 {
            return Err(EncodeError::Rows { what: "rgb in a grey image: give it a plane" });
        }
        if !pixels.len().is_multiple_of(row_bytes) {
            return Err(EncodeError::Rows { what: "the last row of rgb is not whole" });
        }
        if count > self.missing() {
            return Err(EncodeError::Rows { what: "more of them than the image has" });
        }
        for row in pixels.chunks_exact(row_bytes) {
            let held = self.strip.push_rgb(&self.layout, row);
            self.rows += 1;
            if held == self.layout.mcu_rows || self.missing() == 0 {
                self.strip.complete(&self.layout);
                self.code_strip(held);
            }
        }
        Ok(())
    }

    /// The whole file.
    ///
    /// # Errors
    /// [`EncodeError::MissingRows`]
    pub fn finish(mut self) -> Result<Vec<u8>, EncodeError> {
        if self.missing() > 0 {
            return Err(EncodeError::MissingRows { given: self.rows, height: self.options.height });
        }
        if let Some(scan) = self.scan {
            scan.finish(&self.layout, &mut self.output);
        }
        headers::end(&mut self.output);
        Ok(self.output)
    }

    fn missing(&self) -> usize {
        usize::from(self.options.height) - self.rows
    }

    /// Codes the strip, after the headers if it is the first.
    fn code_strip(&mut self, rows: usize) {
        let scan = self.scan.get_or_insert_with(|| {
            headers::frame(&mut self.output, &self.options, &self.layout);
            Scan::new(&self.options, &self.layout, self.machine, &mut self.output)
        });
        scan.code_strip(&self.layout, self.strip.planes(), rows, &mut self.output);
    }

    /// How many rows of luma there are, if everything fits.
    fn check_planes(&self, planes: &[PlaneRows<'_>]) -> Result<usize, EncodeError> {
        let refused = |what| Err(EncodeError::Rows { what });
        let Some(luma) = planes.first().filter(|_| planes.len() == self.layout.components.len()) else {
            return refused("a plane for each component is needed");
        };
        if luma.rows > self.missing() {
            return refused("more of them than the image has");
        }
        if self.strip.held() > 0 || luma.rows < self.missing() && !luma.rows.is_multiple_of(self.layout.mcu_rows) {
            return refused("planes come in whole strips, of 16 rows with subsampled chroma and of 8 without");
        }
        for (plane, component) in planes.iter().zip(&self.layout.components) {
            let needed = luma.rows.div_ceil(self.layout.mcu_rows / component.strip_rows);
            if plane.rows != needed {
                return refused("the planes do not cover the same part of the image");
            }
            if plane.stride < component.width {
                return refused("a plane's stride is less than its width");
            }
            let bytes = plane.stride.checked_mul(needed.saturating_sub(1)).and_then(|before| before.checked_add(component.width));
            if needed > 0 && bytes.is_none_or(|bytes| plane.samples.len() < bytes) {
                return refused("a plane ends before its last row");
            }
        }
        Ok(luma.rows)
    }
}

fn check_steps(steps: &[u16; 64]) -> Result<(), EncodeError> {
    match steps.iter().position(|step| !(1..=255).contains(step)) {
        Some(place) => Err(EncodeError::Step { place, step: steps[place] }),
        None => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::fdct::Portable;
    use super::*;

    #[test]
    fn every_machine_makes_the_same_file() {
        for (width, height) in [(1, 1), (17, 9), (50, 70), (333, 47)] {
            let count = usize::from(width) * usize::from(height) * 3;
            let pixels: Vec<u8> = (0..count).map(|index| (index * index / 5 % 256) as u8).collect();
            for (subsampling, huffman) in [(Subsampling::Full, HuffmanTables::Fitted), (Subsampling::Half, HuffmanTables::Standard)]
            {
                let options = EncodeOptions { width, height, components: 3, subsampling, huffman, luma: [2; 64], chroma: [9; 64] };
                let [portable, best] = [Machine::Portable(Portable), Machine::detect()].map(|machine| {
                    let mut encoder = Encoder::on(machine, &options).unwrap();
                    encoder.push_rgb(&pixels).unwrap();
                    encoder.finish().unwrap()
                });
                assert_eq!(portable, best, "{width}×{height} {subsampling:?}");
            }
        }
    }
}
