//! Inverse DCT to blocks of 1, 2, 4 or 8 samples a side: in integers, and exactly what libjpeg computes.
//!
//! The full transform is that of Loeffler, Ligtenberg and Moschytz (*Practical fast 1-D DCT algorithms with 11
//! multiplications*, 1989) in libjpeg's fixed point (`jidctint.c`). The smaller ones leave out what cancels when neighbours
//! are averaged (`jidctred.c`): a block of four samples a side needs no frequency 4, one of two only frequency 0 and the
//! odd ones.
//!
//! The transforms stand here three times: in ordinary arithmetic, for AVX2, and for NEON. All give the same samples, whatever the
//! coefficients.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

/// Where the coefficient at each place of the zigzag stands, row · 8 + column.
pub(crate) const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28, 35, 42,
    49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// Fraction bits of the constants.
const CONST_BITS: u32 = 13;
/// Fraction bits that the first pass leaves for the second.
const PASS1_BITS: u32 = 2;

/// `value · 2^13`, rounded.
const fn fixed(value: f64) -> i32 {
    (value * (1 << CONST_BITS) as f64 + 0.5) as i32
}

/// The constants of Loeffler, Ligtenberg and Moschytz that vector code multiplies out, as in the portable pass of eight.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod odd {
    use super::fixed;

    pub const A: i32 = -fixed(0.899_976_223);
    pub const B: i32 = -fixed(2.562_915_447);
    pub const C: i32 = -fixed(1.961_570_56);
    pub const D: i32 = -fixed(0.390_180_644);
    pub const E: i32 = fixed(1.175_875_602);
}

/// The shift after the columns, and the one after the rows: the latter also divides by 8.
const COLUMNS: u32 = CONST_BITS - PASS1_BITS;
const ROWS: u32 = CONST_BITS + PASS1_BITS + 3;

/// The quantised coefficients of one block, row by row. All zero between blocks.
#[derive(Debug, Clone)]
#[repr(align(32))]
pub(crate) struct Block(pub [i16; 64]);

impl Block {
    pub fn new() -> Self {
        Self([0; 64])
    }

    /// Sets the coefficient at zigzag place `index`.
    #[inline(always)]
    pub fn set(&mut self, index: u32, value: i32) {
        self.0[usize::from(ZIGZAG[index as usize & 63]) & 63] = value as i16;
    }
}

/// The quantiser's steps, row by row.
#[derive(Debug, Clone)]
#[repr(align(32))]
pub(crate) struct Quant([i16; 64]);

impl Quant {
    /// From the order of the file, the zigzag.
    pub fn new(steps: &[u16; 64]) -> Self {
        let mut quant = [0; 64];
        for (&place, &step) in ZIGZAG.iter().zip(steps) {
            // Steps of 16 bits wrap, as they do in libjpeg's vector code; no 8-bit image has them.
            quant[usize::from(place)] = step as i16;
        }
        Self(quant)
    }

    /// The step of the DC coefficient.
    pub fn dc(&self) -> u16 {
        self.0[0] as u16
    }
}

/// Transforms a block into samples at the front of rows that are a stride apart, and clears it.
type Transform = unsafe fn(&mut Block, &Quant, &mut [u8], usize);

/// Writes one sample all over a block.
type Fill = fn(u8, &mut [u8], usize);

/// What writes the blocks of one size.
#[derive(Clone, Copy)]
pub(crate) struct Inverse {
    transform: Transform,
    /// Writes one sample everywhere.
    pub fill: Fill,
}

impl Inverse {
    /// For blocks of `side` samples across and down: 1, 2, 4 or 8. `plain`: in ordinary arithmetic.
    pub fn new(side: usize, plain: bool) -> Self {
        let (portable, fill): (Transform, Fill) = match side {
            8 => (portable::inverse_8, fill::<8>),
            4 => (portable::inverse_4, fill::<4>),
            2 => (portable::inverse_2, fill::<2>),
            _ => (inverse_1, fill::<1>),
        };
        let vectorised = if plain { None } else { vectorised(side) };
        Self { transform: vectorised.unwrap_or(portable), fill }
    }

    /// Transforms a block into samples at the front of rows that are a stride apart, and clears it.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub fn transform(&self, block: &mut Block, quant: &Quant, samples: &mut [u8], stride: usize) {
        // SAFETY: `new` has chosen a function whose instructions this processor has.
        unsafe { (self.transform)(block, quant, samples, stride) }
    }
}

/// The transform in instructions that not every processor has; `None` where this one lacks them.
#[cfg(target_arch = "x86_64")]
fn vectorised(side: usize) -> Option<Transform> {
    if !std::arch::is_x86_feature_detected!("avx2") {
        return None;
    }
    match side {
        8 => Some(avx2::inverse_8),
        4 => Some(avx2::inverse_4),
        2 => Some(avx2::inverse_2),
        _ => None,
    }
}

/// The transform in vector instructions, where there is one. Every processor of this kind has NEON.
#[cfg(target_arch = "aarch64")]
fn vectorised(side: usize) -> Option<Transform> {
    match side {
        8 => Some(neon::inverse_8),
        4 => Some(neon::inverse_4),
        2 => Some(neon::inverse_2),
        _ => None,
    }
}

/// The transform in vector instructions: there is none for this kind of processor.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn vectorised(_side: usize) -> Option<Transform> {
    None
}

/// The sample that a value about zero means.
#[inline(always)]
fn to_sample(value: i32) -> u8 {
    value.saturating_add(128).clamp(0, 255) as u8
}

fn inverse_1(block: &mut Block, quant: &Quant, samples: &mut [u8], _stride: usize) {
    if let Some(sample) = samples.first_mut() {
        *sample = flat_sample(block.0[0].into(), quant.dc());
    }
    block.0 = [0; 64];
}

fn fill<const SIDE: usize>(sample: u8, samples: &mut [u8], stride: usize) {
    for line in samples.chunks_mut(stride).take(SIDE) {
        if let Some(line) = line.first_chunk_mut::<SIDE>() {
            *line = [sample; SIDE];
        }
    }
}

/// The sample of a block that has a DC coefficient alone: an eighth of it, rounded half up.
#[inline(always)]
pub(crate) fn flat_sample(dc: i32, quant: u16) -> u8 {
    let value = i32::from((dc as i16).wrapping_mul(quant as i16));
    to_sample((value + 4) >> 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::{PI, SQRT_2};

    /// The definition (T.81, A.3.3), and the mean of each cell.
    fn reference(coefficients: &[f64; 64], side: usize) -> Vec<f64> {
        let norm = |k: usize| if k == 0 { SQRT_2.recip() } else { 1.0 };
        let cosine = |x: usize, k: usize| ((2 * x + 1) as f64 * k as f64 * PI / 16.0).cos();
        let mut cells = vec![0.0; side * side];
        for y in 0..8 {
            for x in 0..8 {
                let mut sample = 128.0;
                for v in 0..8 {
                    for u in 0..8 {
                        sample += norm(u) * norm(v) / 4.0 * coefficients[v * 8 + u] * cosine(x, u) * cosine(y, v);
                    }
                }
                cells[(y * side / 8) * side + x * side / 8] += sample * (side * side) as f64 / 64.0;
            }
        }
        cells
    }

    struct Random(u32);

    impl Random {
        fn below(&mut self, limit: i32) -> i32 {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (self.0 >> 8) as i32 % limit
        }
    }

    fn quant() -> Quant {
        Quant::new(&std::array::from_fn(|k| 1 + k as u16 / 4))
    }

    #[test]
    fn every_size_is_the_mean_of_the_full_block() {
        let mut random = Random(7);
        let quant = quant();
        for side in [1, 2, 4, 8] {
            let inverse = Inverse::new(side, false);
            for _ in 0..50 {
                let mut block = Block::new();
                let mut coefficients = [0.0; 64];
                for k in 0..64 {
                    let value = (random.below(64) - 32) / (1 + k as i32 / 2);
                    block.set(k, value);
                    let place = usize::from(ZIGZAG[k as usize]);
                    coefficients[place] = f64::from(value * i32::from(quant.0[place]));
                }
                let mut samples = [0u8; 80];
                inverse.transform(&mut block, &quant, &mut samples, 10);
                let expected = reference(&coefficients, side);
                for y in 0..side {
                    for x in 0..side {
                        let want = expected[y * side + x].clamp(0.0, 255.0);
                        let got = f64::from(samples[y * 10 + x]);
                        // Fixed point rounds a little differently.
                        assert!((want - got).abs() < 0.6, "{side} at {x},{y}: {got}, not {want}");
                    }
                }
                assert_eq!(block.0, [0; 64]);
                assert_eq!(samples[side], 0, "nothing is written beside the block");
            }
        }
    }

    #[test]
    fn flat_blocks_agree_with_the_transform() {
        let quant = Quant::new(&[5; 64]);
        for side in [1, 2, 4, 8] {
            for dc in -220..220 {
                let mut block = Block::new();
                block.set(0, dc);
                let mut samples = [0u8; 64];
                Inverse::new(side, false).transform(&mut block, &quant, &mut samples[..side * side], side);
                assert_eq!(samples[..side * side], [flat_sample(dc, 5); 64][..side * side], "dc {dc} at {side}");
            }
        }
    }

    /// Whatever the coefficients, the vector code gives what the portable code gives.
    #[test]
    fn vector_code_agrees_with_its_twin() {
        let mut random = Random(3);
        let portable: [(usize, Transform); 3] = [(2, portable::inverse_2), (4, portable::inverse_4), (8, portable::inverse_8)];
        for (side, twin) in portable {
            let Some(vectorised) = vectorised(side) else { continue };
            for round in 0..2000 {
                // Wild ones; such as files have; such as barely fit 16 bits between the passes, and such as barely do not.
                let (range, quant) = match round % 4 {
                    0 => (1 << 16, quant()),
                    1 => (200, quant()),
                    2 => (1475, Quant::new(&[1; 64])),
                    _ => (2400, Quant::new(&[1; 64])),
                };
                let values: [i16; 64] = std::array::from_fn(|_| (random.below(range) - range / 2) as i16);
                let results = [twin, vectorised].map(|transform| {
                    let mut samples = [0u8; 64];
                    #[allow(unsafe_code)]
                    // SAFETY: `vectorised` gives a function that this processor can run; the twin runs everywhere.
                    unsafe {
                        transform(&mut Block(values), &quant, &mut samples, 8);
                    }
                    samples
                });
                assert_eq!(results[0], results[1], "{side} {values:?}");
            }
        }
    }
}
