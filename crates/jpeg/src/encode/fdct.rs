//! From samples to quantised coefficients in zigzag order, two blocks at a time.
//!
//! The transform is libjpeg's accurate one in integers (`jfdctint.c`, after Loeffler, Ligtenberg and Moschytz, *Practical fast
//! 1-D DCT algorithms with 11 multiplications*, 1989), rounding included: constants of 13 bits, two bits more between the passes,
//! results eight times those of T.81. This file has it in plain Rust, `fdct_avx2` and `fdct_neon` with vectors; all give the same.

pub(super) use crate::idct::ZIGZAG;

/// Two blocks after quantisation, ready for Huffman coding.
#[derive(Debug, Clone, PartialEq)]
#[repr(C, align(32))]
pub(super) struct Pair {
    /// Coefficients in zigzag order. -128 and 127 stand for everything beyond, too.
    pub small: [[i8; 64]; 2],
    /// All of them, in rows of both blocks side by side.
    pub wide: [[[i16; 8]; 2]; 8],
    /// Those that are not zero: a bit for each place of the zigzag order.
    pub nonzero: [u64; 2],
}

impl Default for Pair {
    fn default() -> Self {
        Self { small: [[0; 64]; 2], wide: [[[0; 8]; 2]; 8], nonzero: [0; 2] }
    }
}

impl Pair {
    /// The mean of a block.
    #[inline(always)]
    pub fn dc(&self, block: usize) -> i16 {
        self.wide[0][block][0]
    }

    /// The coefficient at this place, row by row.
    pub fn coefficient(&self, block: usize, place: u8) -> i16 {
        let place = usize::from(place);
        self.wide[place >> 3 & 7][block & 1][place & 7]
    }
}

/// Division by the steps of a table, rounded to the nearest (halves away from zero), as multiplications. Row by row.
///
/// With d = 8 · step, at most 2^(s+2), and multiplier = ⌈2^(16+s) / d⌉, (x · multiplier) >> (16 + s) is ⌊x / d⌋ for all x below
/// 2^14: the multiplier is too large by less than d / 2^(16+s), which makes less than 1/d. Coefficients end at 8192.
#[derive(Debug, Clone)]
pub(super) struct Quantizer {
    /// Half of d, what is added before the division.
    pub half: [i16; 64],
    /// Less than 2^15.
    pub multiplier: [u16; 64],
    /// 2^(16-s): the shift that is left after the upper half of the product was taken.
    pub scale: [u16; 64],
}

impl Quantizer {
    /// For steps of 1 to 255.
    pub fn new(steps: &[u16; 64]) -> Self {
        let mut quantizer = Self { half: [0; 64], multiplier: [0; 64], scale: [0; 64] };
        for (place, &step) in steps.iter().enumerate() {
            let divisor = u32::from(step.clamp(1, 255)) * 8;
            let shift = divisor.next_power_of_two().ilog2() - 2;
            quantizer.half[place] = (divisor / 2) as i16;
            quantizer.multiplier[place] = (1u32 << (16 + shift)).div_ceil(divisor) as u16;
            quantizer.scale[place] = 1 << (16 - shift);
        }
        quantizer
    }

    fn quantize(&self, place: usize, coefficient: i16) -> i16 {
        let magnitude = u32::from(coefficient.unsigned_abs()) + u32::from(self.half[place] as u16);
        let product = (magnitude * u32::from(self.multiplier[place])) >> 16;
        let quotient = ((product * u32::from(self.scale[place])) >> 16) as i16;
        if coefficient < 0 { -quotient } else { quotient }
    }
}

/// What transforms two blocks; there is one for each kind of machine.
pub(super) trait Transform: Copy {
    /// Transforms and quantises the 8×8 samples at the beginning of each slice, whose rows are `stride` apart.
    fn pair(self, first: &[u8], second: &[u8], stride: usize, quantizer: &Quantizer, pair: &mut Pair);
}

/// Plain Rust, for every machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Portable;

impl Transform for Portable {
    fn pair(self, first: &[u8], second: &[u8], stride: usize, quantizer: &Quantizer, pair: &mut Pair) {
        for (block, samples) in [first, second].into_iter().enumerate() {
            let coefficients = transformed(samples, stride);
            for (row, values) in coefficients.iter().enumerate() {
                for (column, &value) in values.iter().enumerate() {
                    pair.wide[row][block][column] = quantizer.quantize(row * 8 + column, value as i16);
                }
            }
            pair.nonzero[block] = 0;
            for (at, &place) in ZIGZAG.iter().enumerate() {
                let value = pair.coefficient(block, place);
                pair.small[block][at] = value.clamp(-128, 127) as i8;
                pair.nonzero[block] |= u64::from(value != 0) << at;
            }
        }
    }
}

/// The values of a block; the inner ones lie side by side in the passes, so that compilers can take them together.
type Block = [[i32; 8]; 8];

/// The coefficients, eight times too large.
fn transformed(samples: &[u8], stride: usize) -> Block {
    let mut block = [[0; 8]; 8];
    for (values, row) in block.iter_mut().zip(samples.chunks(stride.max(1))) {
        for (value, &sample) in values.iter_mut().zip(row) {
            *value = i32::from(sample) - 128;
        }
    }
    let rows = pass::<{ BITS - EXTRA_BITS }>(&transposed(&block), |sum| sum << EXTRA_BITS);
    pass::<{ BITS + EXTRA_BITS }>(&transposed(&rows), |sum| (sum + (1 << (EXTRA_BITS - 1))) >> EXTRA_BITS)
}

fn transposed(block: &Block) -> Block {
    std::array::from_fn(|row| std::array::from_fn(|column| block[column][row]))
}

/// Bits of the constants after the point.
pub(super) const BITS: i32 = 13;
/// Bits that are kept more between the passes.
pub(super) const EXTRA_BITS: i32 = 2;

const fn fixed(value: f64) -> i32 {
    (value * (1 << BITS) as f64 + 0.5) as i32
}

// The names are those of the figure in the paper: products of √2, cosines and their sums.
pub(super) const F0_298: i32 = fixed(0.298_631_336);
pub(super) const F0_390: i32 = fixed(0.390_180_644);
pub(super) const F0_541: i32 = fixed(0.541_196_100);
pub(super) const F0_765: i32 = fixed(0.765_366_865);
pub(super) const F0_899: i32 = fixed(0.899_976_223);
pub(super) const F1_175: i32 = fixed(1.175_875_602);
pub(super) const F1_501: i32 = fixed(1.501_321_110);
pub(super) const F1_847: i32 = fixed(1.847_759_065);
pub(super) const F1_961: i32 = fixed(1.961_570_560);
pub(super) const F2_053: i32 = fixed(2.053_119_869);
pub(super) const F2_562: i32 = fixed(2.562_915_447);
pub(super) const F3_072: i32 = fixed(3.072_711_026);

/// One dimension of each column. Sums go through `scale`, products lose `SHIFT` bits, rounded.
#[inline(always)]
fn pass<const SHIFT: i32>(block: &Block, scale: impl Fn(i32) -> i32) -> Block {
    let mut result = [[0; 8]; 8];
    for column in 0..8 {
        let d: [i32; 8] = std::array::from_fn(|row| block[row][column]);
        let [sum0, sum1, sum2, sum3] = [d[0] + d[7], d[1] + d[6], d[2] + d[5], d[3] + d[4]];
        let [t7, t6, t5, t4] = [d[0] - d[7], d[1] - d[6], d[2] - d[5], d[3] - d[4]];
        let (outer, outer_difference) = (sum0 + sum3, sum0 - sum3);
        let (inner, inner_difference) = (sum1 + sum2, sum1 - sum2);
        let rounded = |value: i32| (value + (1 << (SHIFT - 1))) >> SHIFT;

        let even = (inner_difference + outer_difference) * F0_541;
        let both = (t4 + t6 + t5 + t7) * F1_175;
        let z1 = (t4 + t7) * -F0_899;
        let z2 = (t5 + t6) * -F2_562;
        let z3 = (t4 + t6) * -F1_961 + both;
        let z4 = (t5 + t7) * -F0_390 + both;
        let column_result = [
            scale(outer + inner),
            rounded(t7 * F1_501 + z1 + z4),
            rounded(even + outer_difference * F0_765),
            rounded(t6 * F3_072 + z2 + z3),
            scale(outer - inner),
            rounded(t5 * F2_053 + z2 + z4),
            rounded(even - inner_difference * F1_847),
            rounded(t4 * F0_298 + z1 + z3),
        ];
        for (row, value) in result.iter_mut().zip(column_result) {
            row[column] = value;
        }
    }
    result
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests {
    use super::*;

    /// Samples of two blocks side by side: noise, and patterns that drive coefficients to their ends.
    pub fn hard_blocks() -> Vec<[u8; 128]> {
        let mut state = 0x9E37_79B9u32;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state >> 8
        };
        let mut blocks: Vec<[u8; 128]> = [0, 255, 127, 128].map(|value| [value; 128]).to_vec();
        for _ in 0..3000 {
            blocks.push(std::array::from_fn(|_| random() as u8));
            blocks.push(std::array::from_fn(|_| if random() & 1 == 0 { 0 } else { 255 }));
        }
        // Each basis function by its signs, which is what makes its coefficient largest.
        for (v, u) in (0..64).map(|index| (index / 8, index % 8)) {
            let sign = |place: usize| {
                let (y, x) = (place / 16, place % 8);
                let wave = |x: usize, u: usize| (((2 * x + 1) * u) as f64 * std::f64::consts::PI / 16.0).cos();
                wave(x, u) * wave(y, v) >= 0.0
            };
            blocks.push(std::array::from_fn(|place| if sign(place) { 255 } else { 0 }));
            blocks.push(std::array::from_fn(|place| if sign(place) { 0 } else { 255 }));
        }
        blocks
    }

    #[test]
    fn coefficients_are_those_of_the_definition() {
        let cosine = |x: usize, u: usize| {
            let norm = if u == 0 { 0.5f64.sqrt() } else { 1.0 };
            norm * 0.5 * (((2 * x + 1) * u) as f64 * std::f64::consts::PI / 16.0).cos()
        };
        for samples in hard_blocks().iter().step_by(97) {
            let block = transformed(samples, 16);
            for (v, u) in (0..64).map(|index| (index / 8, index % 8)) {
                let mut exact = 0.0;
                for (y, x) in (0..64).map(|index| (index / 8, index % 8)) {
                    exact += (f64::from(samples[y * 16 + x]) - 128.0) * cosine(x, u) * cosine(y, v);
                }
                let got = f64::from(block[v][u]) / 8.0;
                assert!((got - exact).abs() < 0.5, "{got} for {exact} at {v} {u}");
            }
        }
    }

    #[test]
    fn coefficients_leave_room_for_the_quantiser() {
        let largest = hard_blocks().iter().flat_map(|samples| transformed(samples, 16)).flatten().map(i32::abs).max();
        assert!(largest.unwrap() <= 8200, "{largest:?}");
    }

    #[test]
    fn quotients_are_rounded_to_the_nearest() {
        for step in 1..=255 {
            let quantizer = Quantizer::new(&[step; 64]);
            for value in 0..16384 - 4 * i32::from(step as i16) {
                let divisor = i32::from(step as i16) * 8;
                let expected = (value + divisor / 2) / divisor;
                assert_eq!(i32::from(quantizer.quantize(0, value as i16)), expected, "{value} by {step}");
                assert_eq!(i32::from(quantizer.quantize(63, -value as i16)), -expected, "-{value} by {step}");
            }
        }
    }

    #[test]
    fn places_of_the_zigzag_order_are_filled() {
        let mut pair = Pair::default();
        let mut samples = [128; 128];
        // A slope across in the first block: of no mean, and odd.
        for (place, sample) in samples.iter_mut().enumerate().filter(|(place, _)| place % 16 < 8) {
            *sample = 100 + (place % 8) as u8 * 8;
        }
        Portable.pair(&samples, &samples[8..], 16, &Quantizer::new(&[1; 64]), &mut pair);
        assert_eq!(pair.nonzero, [1 << 1 | 1 << 6 | 1 << 15 | 1 << 28, 0]);
        assert_eq!(pair.small[0][1], -128);
        assert_eq!(pair.coefficient(0, 1), -146);
    }
}
