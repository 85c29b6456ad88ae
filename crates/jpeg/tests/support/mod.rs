//! Test images, and the reference: zune-jpeg's full decode, averaged.

#![allow(dead_code, clippy::unwrap_used)]

use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

/// A generator of small random numbers (xorshift).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }
}

/// RGB: slopes, waves and noise in the middle of the range, so that nothing is clipped.
pub fn synthetic(width: usize, height: usize, noise: usize) -> Vec<u8> {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut pixels = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            let (fx, fy) = (x as f32 / width as f32, y as f32 / height as f32);
            let wave = (x as f32 * 0.21 + y as f32 * 0.13).sin() * 22.0;
            let grain = random.below(noise + 1) as f32;
            for value in [
                80.0 + 60.0 * fx + wave + grain,
                150.0 - 60.0 * fy + wave * 0.7 + grain,
                90.0 + 40.0 * fx * fy - wave * 0.5 + grain,
            ] {
                pixels.push(value as u8);
            }
        }
    }
    pixels
}

/// How a test image is encoded.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    pub width: u16,
    pub height: u16,
    pub grey: bool,
    pub sampling: SamplingFactor,
    pub quality: u8,
    pub progressive: bool,
    /// One scan for each component.
    pub separate: bool,
    pub restart_interval: u16,
    pub noise: usize,
}

impl Default for Form {
    fn default() -> Self {
        Self {
            width: 97,
            height: 61,
            grey: false,
            sampling: SamplingFactor::F_2_2,
            quality: 85,
            progressive: false,
            separate: false,
            restart_interval: 0,
            noise: 12,
        }
    }
}

impl Form {
    pub fn encode(&self) -> Vec<u8> {
        let mut pixels = synthetic(self.width.into(), self.height.into(), self.noise);
        let mut color = ColorType::Rgb;
        if self.grey {
            pixels = pixels.into_iter().step_by(3).collect();
            color = ColorType::Luma;
        }
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, self.quality);
        encoder.set_sampling_factor(self.sampling);
        encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
        encoder.set_progressive(self.progressive);
        // The encoder writes separate scans exactly when it optimises its tables.
        encoder.set_optimized_huffman_tables(self.separate);
        if self.restart_interval > 0 {
            encoder.set_restart_interval(self.restart_interval);
        }
        encoder.encode(&pixels, self.width, self.height, color).unwrap();
        file
    }
}

/// Every sampling that the encoder knows.
pub const SAMPLINGS: [SamplingFactor; 8] = [
    SamplingFactor::F_1_1,
    SamplingFactor::F_2_1,
    SamplingFactor::F_1_2,
    SamplingFactor::F_2_2,
    SamplingFactor::F_4_1,
    SamplingFactor::F_4_2,
    SamplingFactor::F_1_4,
    SamplingFactor::F_2_4,
];

/// Full decode by zune-jpeg to 8-bit samples of `space`.
pub fn reference(file: &[u8], space: ColorSpace) -> Vec<u8> {
    let options = DecoderOptions::default().jpeg_set_out_colorspace(space);
    JpegDecoder::new_with_options(ZCursor::new(file), options).decode().unwrap()
}

/// Differences between samples and the means of the cells that they stand for.
#[derive(Debug, Default)]
pub struct Difference {
    pub cells: usize,
    pub mean: f64,
    pub max: f64,
}

/// Compares `small` with the means of `cell`×`cell` pixels of `full`, both of `channels`. Cells that
/// the image only partly covers are left out: their blocks hold padding, which counts at reduced
/// size.
pub fn compare(small: &[u8], full: &[u8], (width, height): (usize, usize), channels: usize, cell: usize) -> Difference {
    let small_width = width.div_ceil(cell);
    assert_eq!(small.len(), small_width * height.div_ceil(cell) * channels);
    let mut difference = Difference::default();
    let mut sum = 0.0;
    for y in 0..height / cell {
        for x in 0..width / cell {
            for channel in 0..channels {
                let mut total = 0u32;
                for row in y * cell..(y + 1) * cell {
                    for column in x * cell..(x + 1) * cell {
                        total += u32::from(full[(row * width + column) * channels + channel]);
                    }
                }
                let mean = f64::from(total) / (cell * cell) as f64;
                let got = small[(y * small_width + x) * channels + channel];
                let error = (f64::from(got) - mean).abs();
                difference.cells += 1;
                difference.max = difference.max.max(error);
                sum += error;
            }
        }
    }
    difference.mean = sum / difference.cells.max(1) as f64;
    difference
}
