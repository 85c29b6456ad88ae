//! Inverse DCT to blocks of 1, 2, 4 or 8 samples a side: in integers, and exactly what libjpeg computes.
//!
//! The full transform is that of Loeffler, Ligtenberg and Moschytz (*Practical fast 1-D DCT algorithms with 11
//! multiplications*, 1989) in libjpeg's fixed point (`jidctint.c`). The smaller ones leave out what cancels when neighbours
//! are averaged (`jidctred.c`): a block of four samples a side needs no frequency 4, one of two only frequency 0 and the
//! odd ones.
//!
//! Each pass works on all columns, or all rows, at once: the lanes of an array. The compiler makes vector instructions of
//! that, of AVX2 where the processor has them; the arithmetic wraps and is the same everywhere, so the results are, too.

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
    /// For blocks of `side` samples across and down: 1, 2, 4 or 8.
    pub fn new(side: usize) -> Self {
        let (portable, fill): (Transform, Fill) = match side {
            8 => (inverse_8, fill::<8>),
            4 => (inverse_4, fill::<4>),
            2 => (inverse_2, fill::<2>),
            _ => (inverse_1, fill::<1>),
        };
        Self { transform: vectorised(side).unwrap_or(portable), fill }
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
    #[target_feature(enable = "avx2")]
    fn inverse_8_avx2(block: &mut Block, quant: &Quant, samples: &mut [u8], stride: usize) {
        inverse_8(block, quant, samples, stride);
    }
    #[target_feature(enable = "avx2")]
    fn inverse_4_avx2(block: &mut Block, quant: &Quant, samples: &mut [u8], stride: usize) {
        inverse_4(block, quant, samples, stride);
    }
    #[target_feature(enable = "avx2")]
    fn inverse_2_avx2(block: &mut Block, quant: &Quant, samples: &mut [u8], stride: usize) {
        inverse_2(block, quant, samples, stride);
    }
    if !std::arch::is_x86_feature_detected!("avx2") {
        return None;
    }
    match side {
        8 => Some(inverse_8_avx2),
        4 => Some(inverse_4_avx2),
        2 => Some(inverse_2_avx2),
        _ => None,
    }
}

/// The transform in instructions that not every processor has. Here the portable one is as good: NEON is in the baseline.
#[cfg(not(target_arch = "x86_64"))]
fn vectorised(_side: usize) -> Option<Transform> {
    None
}

/// Rows or columns side by side.
type Lanes<const N: usize> = [i32; N];

#[inline(always)]
fn each<const N: usize>(operation: impl Fn(usize) -> i32) -> Lanes<N> {
    std::array::from_fn(operation)
}

#[inline(always)]
fn add<const N: usize>(a: Lanes<N>, b: Lanes<N>) -> Lanes<N> {
    each(|lane| a[lane].wrapping_add(b[lane]))
}

#[inline(always)]
fn sub<const N: usize>(a: Lanes<N>, b: Lanes<N>) -> Lanes<N> {
    each(|lane| a[lane].wrapping_sub(b[lane]))
}

#[inline(always)]
fn mul<const N: usize>(a: Lanes<N>, factor: i32) -> Lanes<N> {
    each(|lane| a[lane].wrapping_mul(factor))
}

#[inline(always)]
fn shl<const N: usize>(a: Lanes<N>, bits: u32) -> Lanes<N> {
    each(|lane| a[lane] << bits)
}

/// Divides by a power of two, rounded half up.
#[inline(always)]
fn descale<const N: usize>(a: Lanes<N>, bits: u32) -> Lanes<N> {
    each(|lane| a[lane].wrapping_add(1 << (bits - 1)) >> bits)
}

/// A row of the block, dequantised in 16 bits.
#[inline(always)]
fn dequantised(block: &Block, quant: &Quant, row: usize) -> Lanes<8> {
    each(|lane| i32::from(block.0[row * 8 + lane].wrapping_mul(quant.0[row * 8 + lane])))
}

/// Eight frequencies to eight samples.
#[inline(always)]
fn pass_8<const N: usize>(f: [Lanes<N>; 8], shift: u32) -> [Lanes<N>; 8] {
    // The even frequencies.
    let z1 = mul(add(f[2], f[6]), fixed(0.541_196_1));
    let t2 = sub(z1, mul(f[6], fixed(1.847_759_065)));
    let t3 = add(z1, mul(f[2], fixed(0.765_366_865)));
    let t0 = shl(add(f[0], f[4]), CONST_BITS);
    let t1 = shl(sub(f[0], f[4]), CONST_BITS);
    let (e0, e3, e1, e2) = (add(t0, t3), sub(t0, t3), add(t1, t2), sub(t1, t2));
    // The odd ones.
    let [t0, t1, t2, t3] = [f[7], f[5], f[3], f[1]];
    let (z1, z2, z3, z4) = (add(t0, t3), add(t1, t2), add(t0, t2), add(t1, t3));
    let z5 = mul(add(z3, z4), fixed(1.175_875_602));
    let (z1, z2) = (mul(z1, -fixed(0.899_976_223)), mul(z2, -fixed(2.562_915_447)));
    let z3 = add(mul(z3, -fixed(1.961_570_56)), z5);
    let z4 = add(mul(z4, -fixed(0.390_180_644)), z5);
    let o0 = add(add(mul(t3, fixed(1.501_321_11)), z1), z4);
    let o1 = add(add(mul(t2, fixed(3.072_711_026)), z2), z3);
    let o2 = add(add(mul(t1, fixed(2.053_119_869)), z2), z4);
    let o3 = add(add(mul(t0, fixed(0.298_631_336)), z1), z3);
    let sums = [add(e0, o0), add(e1, o1), add(e2, o2), add(e3, o3), sub(e3, o3), sub(e2, o2), sub(e1, o1), sub(e0, o0)];
    sums.map(|sum| descale(sum, shift))
}

/// Frequencies 0, 1, 2, 3, 5, 6 and 7 to four samples.
#[inline(always)]
fn pass_4<const N: usize>(f: [Lanes<N>; 7], shift: u32) -> [Lanes<N>; 4] {
    let [f0, f1, f2, f3, f5, f6, f7] = f;
    let t0 = shl(f0, CONST_BITS + 1);
    let t2 = sub(mul(f2, fixed(1.847_759_065)), mul(f6, fixed(0.765_366_865)));
    let (e0, e1) = (add(t0, t2), sub(t0, t2));
    let o1 = add(
        sub(mul(f5, fixed(1.451_774_981)), mul(f7, fixed(0.211_164_243))),
        sub(mul(f1, fixed(1.061_594_337)), mul(f3, fixed(2.172_734_803))),
    );
    let o0 = sub(
        add(mul(f3, fixed(0.899_976_223)), mul(f1, fixed(2.562_915_447))),
        add(mul(f7, fixed(0.509_795_579)), mul(f5, fixed(0.601_344_887))),
    );
    [add(e0, o0), add(e1, o1), sub(e1, o1), sub(e0, o0)].map(|sum| descale(sum, shift + 1))
}

/// Frequencies 0, 1, 3, 5 and 7 to two samples.
#[inline(always)]
fn pass_2<const N: usize>(f: [Lanes<N>; 5], shift: u32) -> [Lanes<N>; 2] {
    let [f0, f1, f3, f5, f7] = f;
    let even = shl(f0, CONST_BITS + 2);
    let odd = add(
        sub(mul(f5, fixed(0.850_430_095)), mul(f7, fixed(0.720_959_822))),
        sub(mul(f1, fixed(3.624_509_785)), mul(f3, fixed(1.272_758_58))),
    );
    [add(even, odd), sub(even, odd)].map(|sum| descale(sum, shift + 2))
}

/// The shift after the columns, and the one after the rows: the latter also divides by 8.
const COLUMNS: u32 = CONST_BITS - PASS1_BITS;
const ROWS: u32 = CONST_BITS + PASS1_BITS + 3;

/// `M` lanes of `N` values as `N` lanes of `M`.
#[inline(always)]
fn transposed<const N: usize, const M: usize>(rows: &[Lanes<N>; M]) -> [Lanes<M>; N] {
    std::array::from_fn(|column| std::array::from_fn(|row| rows[row][column]))
}

/// The sample that a value about zero means.
#[inline(always)]
fn to_sample(value: i32) -> u8 {
    value.saturating_add(128).clamp(0, 255) as u8
}

/// Writes columns of samples.
#[inline(always)]
fn write<const N: usize>(columns: &[Lanes<N>; N], samples: &mut [u8], stride: usize) {
    for (line, row) in samples.chunks_mut(stride).zip(transposed(columns)) {
        if let Some(line) = line.first_chunk_mut::<N>() {
            *line = row.map(to_sample);
        }
    }
}

#[inline(always)]
fn inverse_8(block: &mut Block, quant: &Quant, samples: &mut [u8], stride: usize) {
    let rows = pass_8(std::array::from_fn(|row| dequantised(block, quant, row)), COLUMNS);
    block.0 = [0; 64];
    write(&pass_8(transposed(&rows), ROWS), samples, stride);
}

#[inline(always)]
fn inverse_4(block: &mut Block, quant: &Quant, samples: &mut [u8], stride: usize) {
    let rows = pass_4([0, 1, 2, 3, 5, 6, 7].map(|row| dequantised(block, quant, row)), COLUMNS);
    block.0 = [0; 64];
    let [f0, f1, f2, f3, _, f5, f6, f7] = transposed(&rows);
    write(&pass_4([f0, f1, f2, f3, f5, f6, f7], ROWS), samples, stride);
}

#[inline(always)]
fn inverse_2(block: &mut Block, quant: &Quant, samples: &mut [u8], stride: usize) {
    let rows = pass_2([0, 1, 3, 5, 7].map(|row| dequantised(block, quant, row)), COLUMNS);
    block.0 = [0; 64];
    let [f0, f1, _, f3, _, f5, _, f7] = transposed(&rows);
    write(&pass_2([f0, f1, f3, f5, f7], ROWS), samples, stride);
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
            let inverse = Inverse::new(side);
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
                Inverse::new(side).transform(&mut block, &quant, &mut samples[..side * side], side);
                assert_eq!(samples[..side * side], [flat_sample(dc, 5); 64][..side * side], "dc {dc} at {side}");
            }
        }
    }

    /// Whatever the coefficients, the vector code gives what the portable code gives.
    #[test]
    fn vector_code_agrees_with_its_twin() {
        let mut random = Random(3);
        let portable: [(usize, Transform); 3] = [(2, inverse_2), (4, inverse_4), (8, inverse_8)];
        for (side, twin) in portable {
            let Some(vectorised) = vectorised(side) else { continue };
            for round in 0..2000 {
                let range = if round % 2 == 0 { 1 << 16 } else { 200 };
                let values: [i16; 64] = std::array::from_fn(|_| (random.below(range) - range / 2) as i16);
                let results = [twin, vectorised].map(|transform| {
                    let mut samples = [0u8; 64];
                    #[allow(unsafe_code)]
                    // SAFETY: `vectorised` gives a function that this processor can run; the twin runs everywhere.
                    unsafe {
                        transform(&mut Block(values), &quant(), &mut samples, 8);
                    }
                    samples
                });
                assert_eq!(results[0], results[1], "{side} {values:?}");
            }
        }
    }
}
