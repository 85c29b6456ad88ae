//! Inverse DCT to blocks of 1, 2, 4 or 8 samples a side, each side by itself.
//!
//! A smaller block is the box average of the full 8×8 block, as in libjpeg, not a truncation of
//! its spectrum. Averaging two neighbouring samples turns the basis function of frequency `k` into
//! one of the half-size transform: with `θ = kπ/16`,
//!
//! ```text
//! (cos((4m+1)θ) + cos((4m+3)θ)) / 2 = cos((2m+1)·2θ) · cos θ
//! ```
//!
//! where on four points frequency `8-k` is the negative of frequency `k`, and 4 vanishes. So the
//! coefficients fold into fewer *slots*, each with a weight, and the average needs only a small
//! transform of the slots. The quantiser, the weights, the normalisation and the factors that the
//! transform of Arai, Agui and Nakajima wants (*A fast DCT-SQ scheme for images*, 1988) are one
//! number per coefficient: a coefficient is multiplied once and added to its slot while it is
//! decoded.

use std::f64::consts::{PI, SQRT_2};

/// Where the coefficient at each place of the zigzag stands, row · 8 + column.
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28, 35, 42,
    49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// Slots, row by row as wide as the block; those from 64 on take what has no weight. A power of
/// two, so that a mask keeps the index in range.
const SLOTS: usize = 128;
const NOWHERE: u32 = 127;

/// The slots of one block. All zero between blocks.
pub(crate) struct Accumulators([f32; SLOTS]);

impl Accumulators {
    pub fn new() -> Self {
        Self([0.0; SLOTS])
    }
}

/// What to multiply each coefficient with, and which slot to add it to.
#[derive(Clone)]
pub(crate) struct Weights([(f32, u32); 64]);

impl Weights {
    /// For blocks of `across` × `down` samples; `quant` in zigzag order.
    pub fn new(quant: &[u16; 64], across: usize, down: usize) -> Self {
        let mut weights = [(0.0, NOWHERE); 64];
        for ((weight, &place), &step) in weights.iter_mut().zip(&ZIGZAG).zip(quant) {
            let (row, column) = (usize::from(place / 8), usize::from(place % 8));
            if let (Some((x, horizontal)), Some((y, vertical))) = (fold(across, column), fold(down, row)) {
                let value = f64::from(step) * horizontal * vertical / 8.0;
                *weight = (value as f32, (y * across + x) as u32);
            }
        }
        Self(weights)
    }

    /// Adds the coefficient `value` at zigzag place `index`.
    #[inline(always)]
    pub fn add(&self, sums: &mut Accumulators, index: u32, value: i32) {
        let (weight, slot) = self.0[index as usize & 63];
        sums.0[slot as usize & (SLOTS - 1)] += value as f32 * weight;
    }
}

/// The slot of frequency `k` on `points` points and its weight; `None` if its average is zero.
fn fold(points: usize, k: usize) -> Option<(usize, f64)> {
    if k == 0 {
        return Some((0, 1.0));
    }
    let angle = |k: usize| k as f64 * PI / 16.0;
    let (slot, weight) = match points {
        8 => (k, 1.0),
        4 if k == 4 => return None,
        4 if k < 4 => (k, angle(k).cos()),
        4 => (8 - k, -angle(k).cos()),
        2 if k % 2 == 1 => {
            // On two points the odd frequencies are the first one, with the signs + - - +.
            let sign = if matches!(k, 3 | 5) { -1.0 } else { 1.0 };
            (1, sign * angle(k).cos() * angle(2 * k).cos())
        }
        _ => return None,
    };
    // √2 is the normalisation, the cosine what the transform wants beforehand.
    let prescale = (slot as f64 * PI / (2 * points) as f64).cos();
    Some((slot, weight * SQRT_2 * prescale))
}

/// What writes the blocks of one size: to the front of rows that are a stride apart.
#[derive(Clone, Copy)]
pub(crate) struct Inverse {
    /// Transforms the slots, and clears them.
    pub transform: fn(&mut Accumulators, &mut [u8], usize),
    /// Writes one sample everywhere.
    pub fill: fn(u8, &mut [u8], usize),
}

impl Inverse {
    /// For blocks of `across` × `down` samples, each 1, 2, 4 or 8.
    pub fn new(across: usize, down: usize) -> Self {
        match (across, down) {
            (8, 8) => Self::sized::<8, 8>(),
            (8, 4) => Self::sized::<8, 4>(),
            (8, 2) => Self::sized::<8, 2>(),
            (8, 1) => Self::sized::<8, 1>(),
            (4, 8) => Self::sized::<4, 8>(),
            (4, 4) => Self::sized::<4, 4>(),
            (4, 2) => Self::sized::<4, 2>(),
            (4, 1) => Self::sized::<4, 1>(),
            (2, 8) => Self::sized::<2, 8>(),
            (2, 4) => Self::sized::<2, 4>(),
            (2, 2) => Self::sized::<2, 2>(),
            (2, 1) => Self::sized::<2, 1>(),
            (1, 8) => Self::sized::<1, 8>(),
            (1, 4) => Self::sized::<1, 4>(),
            (1, 2) => Self::sized::<1, 2>(),
            _ => Self::sized::<1, 1>(),
        }
    }

    fn sized<const ACROSS: usize, const DOWN: usize>() -> Self {
        Self { transform: transform::<ACROSS, DOWN>, fill: fill::<ACROSS, DOWN> }
    }
}

fn transform<const ACROSS: usize, const DOWN: usize>(sums: &mut Accumulators, samples: &mut [u8], stride: usize) {
    // The level shift; the little more makes exact halves round up, as integer arithmetic does.
    sums.0[0] += 128.0 + 1.0 / 4096.0;
    let mut rows = [[0.0; ACROSS]; DOWN];
    for (row, slots) in rows.iter_mut().zip(sums.0.chunks_exact_mut(ACROSS)) {
        row.copy_from_slice(slots);
        slots.fill(0.0);
    }
    inverse_rows(&mut rows);
    let mut columns = [[0.0; DOWN]; ACROSS];
    for (y, row) in rows.iter().enumerate() {
        for (column, &value) in columns.iter_mut().zip(row) {
            column[y] = value;
        }
    }
    inverse_rows(&mut columns);
    for (y, line) in samples.chunks_mut(stride).take(DOWN).enumerate() {
        if let Some(line) = line.first_chunk_mut::<ACROSS>() {
            for (sample, column) in line.iter_mut().zip(&columns) {
                *sample = to_sample(column[y]);
            }
        }
    }
}

fn fill<const ACROSS: usize, const DOWN: usize>(sample: u8, samples: &mut [u8], stride: usize) {
    for line in samples.chunks_mut(stride).take(DOWN) {
        if let Some(line) = line.first_chunk_mut::<ACROSS>() {
            *line = [sample; ACROSS];
        }
    }
}

/// Rounds and clamps.
#[inline(always)]
fn to_sample(value: f32) -> u8 {
    // At 2^23 a float has no fraction: the sum's low byte is the rounded value.
    (value.clamp(0.0, 255.0) + 8_388_608.0).to_bits() as u8
}

/// One-dimensional transforms of all columns at once, each row of the input one frequency.
#[inline(always)]
fn inverse_rows<const N: usize, const POINTS: usize>(rows: &mut [[f32; N]; POINTS]) {
    for x in 0..N {
        let mut column = [0.0; 8];
        for (value, row) in column.iter_mut().zip(rows.iter()) {
            *value = row[x];
        }
        let result = match POINTS {
            1 => column,
            2 => inverse_2(column),
            4 => inverse_4(column),
            _ => inverse_8(column),
        };
        for (row, value) in rows.iter_mut().zip(result) {
            row[x] = value;
        }
    }
}

#[inline(always)]
fn inverse_2(f: [f32; 8]) -> [f32; 8] {
    [f[0] + f[1], f[0] - f[1], 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
}

#[inline(always)]
fn inverse_4(f: [f32; 8]) -> [f32; 8] {
    let (even_0, even_1) = (f[0] + f[2], f[0] - f[2]);
    let odd_0 = f[1] + f[3];
    let odd_1 = (f[1] - f[3]) * std::f32::consts::SQRT_2 - odd_0;
    [even_0 + odd_0, even_1 + odd_1, even_1 - odd_1, even_0 - odd_0, 0.0, 0.0, 0.0, 0.0]
}

#[inline(always)]
fn inverse_8(f: [f32; 8]) -> [f32; 8] {
    // The even frequencies are a transform of four points.
    let [e0, e1, e2, e3, ..] = inverse_4([f[0], f[2], f[4], f[6], 0.0, 0.0, 0.0, 0.0]);
    // The odd ones: sums and differences, then three multiplications after a rotation.
    let (sum_17, difference_17) = (f[1] + f[7], f[1] - f[7]);
    let (sum_53, difference_53) = (f[5] + f[3], f[5] - f[3]);
    let o0 = sum_17 + sum_53;
    let turned = (difference_53 + difference_17) * 1.847_759_1;
    let o1 = turned - difference_53 * 2.613_126 - o0;
    let o2 = (sum_17 - sum_53) * std::f32::consts::SQRT_2 - o1;
    let o3 = turned - difference_17 * 1.082_392_2 - o2;
    [e0 + o0, e1 + o1, e2 + o2, e3 + o3, e3 - o3, e2 - o2, e1 - o1, e0 - o0]
}

/// The sample of a block that has a DC coefficient alone: an eighth of it, rounded half up.
#[inline(always)]
pub(crate) fn flat_sample(dc: i32, quant: u16) -> u8 {
    let value = (dc.wrapping_mul(quant.into()).wrapping_add(4) >> 3).wrapping_add(128);
    value.clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition (T.81, A.3.3), and the mean of each cell.
    fn reference(coefficients: &[f64; 64], across: usize, down: usize) -> Vec<f64> {
        let norm = |k: usize| if k == 0 { SQRT_2.recip() } else { 1.0 };
        let cosine = |x: usize, k: usize| ((2 * x + 1) as f64 * k as f64 * PI / 16.0).cos();
        let mut cells = vec![0.0; across * down];
        for y in 0..8 {
            for x in 0..8 {
                let mut sample = 128.0;
                for v in 0..8 {
                    for u in 0..8 {
                        sample += norm(u) * norm(v) / 4.0 * coefficients[v * 8 + u] * cosine(x, u) * cosine(y, v);
                    }
                }
                let cell = (y * down / 8) * across + x * across / 8;
                cells[cell] += sample * (across * down) as f64 / 64.0;
            }
        }
        cells
    }

    #[test]
    fn every_size_is_the_mean_of_the_full_block() {
        let mut state = 7u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as i32 % 64 - 32
        };
        let quant: [u16; 64] = std::array::from_fn(|k| 1 + k as u16 / 4);
        for across in [1, 2, 4, 8] {
            for down in [1, 2, 4, 8] {
                let weights = Weights::new(&quant, across, down);
                let mut sums = Accumulators::new();
                for _ in 0..50 {
                    let mut coefficients = [0.0; 64];
                    for k in 0..64 {
                        let value = random() / (1 + k as i32 / 2);
                        weights.add(&mut sums, k, value);
                        coefficients[usize::from(ZIGZAG[k as usize])] = f64::from(value * i32::from(quant[k as usize]));
                    }
                    let mut samples = [0u8; 80];
                    (Inverse::new(across, down).transform)(&mut sums, &mut samples, 10);
                    let expected = reference(&coefficients, across, down);
                    for y in 0..down {
                        for x in 0..across {
                            let want = expected[y * across + x].clamp(0.0, 255.0);
                            let got = f64::from(samples[y * 10 + x]);
                            assert!((want - got).abs() < 0.51, "{across}x{down} at {x},{y}: {got}, not {want}");
                        }
                    }
                    // The slots are clear again, and nothing is written beside the block.
                    assert!(sums.0[..64].iter().all(|&sum| sum == 0.0));
                    assert_eq!(samples[across], 0);
                }
            }
        }
    }

    #[test]
    fn flat_blocks_agree_with_the_transform() {
        let quant = [5u16; 64];
        for dc in -220..220 {
            let mut sums = Accumulators::new();
            Weights::new(&quant, 4, 4).add(&mut sums, 0, dc);
            let mut samples = [0u8; 16];
            (Inverse::new(4, 4).transform)(&mut sums, &mut samples, 4);
            assert_eq!(samples, [flat_sample(dc, 5); 16], "dc {dc}");
        }
    }
}
