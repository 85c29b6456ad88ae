//! Pixels in memory.

use crate::error::ImageError;
use minilab_resample::{Resampler, Task};
use std::time::Instant;

/// The channels of a pixel, in order. Alpha is always straight (not premultiplied) in a [`Picture`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    Grey,
    GreyAlpha,
    Rgb,
    Rgba,
    /// Ink from 0 (none) to the full value; never inverted.
    Cmyk,
}

impl Layout {
    pub(crate) const fn channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::GreyAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
        }
    }

    pub(crate) const fn has_alpha(self) -> bool {
        matches!(self, Self::GreyAlpha | Self::Rgba)
    }
}

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub width: u32,
    pub height: u32,
}

impl Size {
    pub(crate) const fn pixels(self) -> u64 {
        self.width as u64 * self.height as u64
    }

    pub(crate) const fn swapped(self) -> Self {
        Self { width: self.height, height: self.width }
    }
}

/// Samples row by row from the top, pixels from the left, channels interleaved, no padding; full range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Samples {
    Eight(Vec<u8>),
    Sixteen(Vec<u16>),
}

/// An image in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    pub size: Size,
    pub layout: Layout,
    pub samples: Samples,
}

impl Picture {
    pub(crate) fn eight(size: Size, layout: Layout, samples: Vec<u8>) -> Self {
        debug_assert_eq!(samples.len() as u64, size.pixels() * layout.channels() as u64);
        Self { size, layout, samples: Samples::Eight(samples) }
    }

    /// Adds the rows of another picture of the same width and kind below.
    pub(crate) fn append(&mut self, below: Self) {
        debug_assert_eq!((self.size.width, self.layout), (below.size.width, below.layout));
        match (&mut self.samples, below.samples) {
            (Samples::Eight(samples), Samples::Eight(more)) => samples.extend(more),
            (Samples::Sixteen(samples), Samples::Sixteen(more)) => samples.extend(more),
            _ => debug_assert!(false, "rows of two depths"),
        }
        self.size.height += below.size.height;
    }

    /// The same picture with 8 bits a channel, rounded.
    pub(crate) fn to_eight_bits(&self) -> std::borrow::Cow<'_, [u8]> {
        match &self.samples {
            Samples::Eight(samples) => samples.into(),
            // v × 255 / 65535, rounded.
            Samples::Sixteen(samples) => samples.iter().map(|&value| narrow(value)).collect::<Vec<u8>>().into(),
        }
    }

    /// Applies a change to every pixel that may change its channels.
    pub(crate) fn map_pixels<const OUT: usize>(
        &self,
        layout: Layout,
        eight: impl Fn(&[u8]) -> [u8; OUT],
        sixteen: impl Fn(&[u16]) -> [u16; OUT],
    ) -> Self {
        debug_assert_eq!(layout.channels(), OUT);
        let channels = self.layout.channels();
        let samples = match &self.samples {
            Samples::Eight(samples) => Samples::Eight(samples.chunks_exact(channels).flat_map(eight).collect()),
            Samples::Sixteen(samples) => Samples::Sixteen(samples.chunks_exact(channels).flat_map(sixteen).collect()),
        };
        Self { size: self.size, layout, samples }
    }
}

/// `value` of 65,535 as one of 255, rounded.
pub(crate) const fn narrow(value: u16) -> u8 {
    ((value as u32 * 255 + 32_767) / 65_535) as u8
}

/// A sample type, with sums wide enough for a [`crate::sink::MAX_FACTOR`]² box.
pub(crate) trait Sample: Copy + Default + 'static {
    /// Holds a column's sum of samples.
    type Column: Copy + Default;
    /// Full value: white, or opaque.
    const MAX: u64;
    fn add(sum: Self::Column, sample: Self) -> Self::Column;
    fn widen(sum: Self::Column) -> u64;
    fn to_u64(self) -> u64;
    fn from_u64(value: u64) -> Self;
    fn wrap(samples: Vec<Self>) -> Samples;
    /// Resamples with the function for this type.
    fn resample(resampler: &mut Resampler, from: &[Self], to: &mut [Self], task: &Task) -> Result<(), String>;
    /// Samples stored with the high byte first, as in PNG; `scratch` is used where they must be changed.
    fn from_big_endian<'a>(bytes: &'a [u8], scratch: &'a mut Vec<Self>) -> &'a [Self];
}

impl Sample for u8 {
    // 64 rows of 255 stay below 65,536; narrow sums keep the inner loop quick.
    type Column = u16;
    const MAX: u64 = 255;

    fn add(sum: u16, sample: u8) -> u16 {
        sum.wrapping_add(u16::from(sample))
    }

    fn widen(sum: u16) -> u64 {
        u64::from(sum)
    }

    fn to_u64(self) -> u64 {
        u64::from(self)
    }

    fn from_u64(value: u64) -> Self {
        value.min(255) as u8
    }

    fn wrap(samples: Vec<Self>) -> Samples {
        Samples::Eight(samples)
    }

    fn resample(resampler: &mut Resampler, from: &[Self], to: &mut [Self], task: &Task) -> Result<(), String> {
        resampler.eight(from, to, task)
    }

    fn from_big_endian<'a>(bytes: &'a [u8], _scratch: &'a mut Vec<Self>) -> &'a [Self] {
        bytes
    }
}

impl Sample for u16 {
    type Column = u32;
    const MAX: u64 = 65_535;

    fn add(sum: u32, sample: u16) -> u32 {
        sum.wrapping_add(u32::from(sample))
    }

    fn widen(sum: u32) -> u64 {
        u64::from(sum)
    }

    fn to_u64(self) -> u64 {
        u64::from(self)
    }

    fn from_u64(value: u64) -> Self {
        value.min(65_535) as u16
    }

    fn wrap(samples: Vec<Self>) -> Samples {
        Samples::Sixteen(samples)
    }

    fn resample(resampler: &mut Resampler, from: &[Self], to: &mut [Self], task: &Task) -> Result<(), String> {
        resampler.sixteen(from, to, task)
    }

    fn from_big_endian<'a>(bytes: &'a [u8], scratch: &'a mut Vec<Self>) -> &'a [Self] {
        scratch.clear();
        scratch.extend(bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])));
        scratch
    }
}

/// The moment by which image work must be done; looked at between strips and steps.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Deadline(pub Option<Instant>);

impl Deadline {
    pub(crate) fn check(self) -> Result<(), ImageError> {
        match self.0 {
            Some(moment) if Instant::now() >= moment => Err(ImageError::Deadline),
            _ => Ok(()),
        }
    }
}
