//! The transforms in NEON.
//!
//! A pass multiplies 16-bit values and adds the products in 32 bits (`smlal`), which wraps as the portable twin does. The sums that the
//! fixed-point algorithm forms first are multiplied out into its constants, which is exact, since nothing is rounded on the way. Between
//! the passes values are kept in 16 bits: that is exact while the coefficients of no column add up to more than [`LARGEST_SUM`]. Those of
//! no honest file do; the others go to the portable twin.
//!
//! Rows become columns by interleaving the first half of all values with the second, as often as the number of rows is two to a power.

use super::odd::{A, B, C, D, E};
use super::{Block, COLUMNS, CONST_BITS, Quant, ROWS, fixed, portable};
use crate::transpose_neon::transposed;
use std::arch::aarch64::*;

/// What the dequantised coefficients of a column may add up to without their signs: no factor of a pass is above 5.55, and
/// 5.55 · 5,900 is less than 2^15.
const LARGEST_SUM: u16 = 5900;

/// Dequantises these rows of the block, and clears all of it. `None`, with the block as it was, if their values are too large.
#[inline]
#[target_feature(enable = "neon")]
#[allow(unsafe_code)]
fn dequantise<const N: usize>(block: &mut Block, quant: &Quant, rows: [usize; N]) -> Option<[int16x8_t; N]> {
    let (values, steps) = (block.0.as_chunks::<8>().0, quant.0.as_chunks::<8>().0);
    // SAFETY: eight values of 16 bits are read of arrays that have eight.
    let rows = rows.map(|row| unsafe { vmulq_s16(vld1q_s16(values[row].as_ptr()), vld1q_s16(steps[row].as_ptr())) });
    let sizes = rows.map(|row| vreinterpretq_u16_s16(vabsq_s16(row)));
    let sum = sizes.into_iter().fold(vdupq_n_u16(0), |sum, sizes| vqaddq_u16(sum, sizes));
    if vmaxvq_u16(sum) > LARGEST_SUM {
        return None;
    }
    block.0 = [0; 64];
    Some(rows)
}

/// `start`, and each value times its factor, which fits 16 bits.
#[inline]
#[target_feature(enable = "neon")]
fn products<const N: usize>(start: i32, values: [int16x4_t; N], factors: [i32; N]) -> int32x4_t {
    let mut sum = vdupq_n_s32(start);
    for (value, factor) in values.into_iter().zip(factors) {
        sum = vmlal_n_s16(sum, value, factor as i16);
    }
    sum
}

/// What a pass makes of four columns or rows, before the last addition: its results are the sums of both parts, and then in the other
/// order the differences.
struct Parts<const N: usize> {
    evens: [int32x4_t; N],
    odds: [int32x4_t; N],
}

impl<const N: usize> Parts<N> {
    /// A result.
    #[inline]
    #[target_feature(enable = "neon")]
    fn whole(&self, index: usize) -> int32x4_t {
        match index.checked_sub(N) {
            None => vaddq_s32(self.evens[index], self.odds[index]),
            Some(after) => vsubq_s32(self.evens[N - 1 - after], self.odds[N - 1 - after]),
        }
    }

    /// The upper 16 bits of a result.
    #[inline]
    #[target_feature(enable = "neon")]
    fn upper(&self, index: usize) -> int16x4_t {
        match index.checked_sub(N) {
            None => vaddhn_s32(self.evens[index], self.odds[index]),
            Some(after) => vsubhn_s32(self.evens[N - 1 - after], self.odds[N - 1 - after]),
        }
    }
}

/// The rows that the first pass gives, without their last bits: from the columns 0 to 3 and 4 to 7.
#[inline]
#[target_feature(enable = "neon")]
fn rows<const SHIFT: i32, const N: usize, const M: usize>([left, right]: [Parts<N>; 2]) -> [int16x8_t; M] {
    std::array::from_fn(|row| vshrn_high_n_s32::<SHIFT>(vshrn_n_s32::<SHIFT>(left.whole(row)), right.whole(row)))
}

/// Values about zero, of which `SHIFT` bits are left to go, as samples.
#[inline]
#[target_feature(enable = "neon")]
fn to_samples<const SHIFT: i32>(first: int16x8_t, second: int16x8_t) -> uint8x16_t {
    let values = vqshrn_high_n_s16::<SHIFT>(vqshrn_n_s16::<SHIFT>(first), second);
    // To add 128 is to turn the sign.
    veorq_u8(vreinterpretq_u8_s8(values), vdupq_n_u8(128))
}

/// Four values of each, from lane 0 or from lane 4.
#[inline]
#[target_feature(enable = "neon")]
fn halves<const N: usize>(values: [int16x8_t; N]) -> [[int16x4_t; N]; 2] {
    [values.map(|values| vget_low_s16(values)), values.map(|values| vget_high_s16(values))]
}

/// Eight frequencies to eight samples.
#[inline]
#[target_feature(enable = "neon")]
fn pass_8([f0, f1, f2, f3, f4, f5, f6, f7]: [int16x4_t; 8], shift: u32) -> Parts<4> {
    const ONE: i32 = 1 << CONST_BITS;
    const Z: i32 = fixed(0.541_196_1);
    let half = 1 << (shift - 1);
    let t0 = products(half, [f0, f4], [ONE, ONE]);
    let t1 = products(half, [f0, f4], [ONE, -ONE]);
    let t2 = products(0, [f2, f6], [Z, Z - fixed(1.847_759_065)]);
    let t3 = products(0, [f2, f6], [Z + fixed(0.765_366_865), Z]);
    let odd = |factors| products(0, [f1, f3, f5, f7], factors);
    Parts {
        evens: [vaddq_s32(t0, t3), vaddq_s32(t1, t2), vsubq_s32(t1, t2), vsubq_s32(t0, t3)],
        odds: [
            odd([fixed(1.501_321_11) + A + D + E, E, D + E, A + E]),
            odd([E, fixed(3.072_711_026) + B + C + E, B + E, C + E]),
            odd([D + E, B + E, fixed(2.053_119_869) + B + D + E, E]),
            odd([A + E, C + E, E, fixed(0.298_631_336) + A + C + E]),
        ],
    }
}

/// To eight samples a side.
#[target_feature(enable = "neon")]
#[allow(unsafe_code)]
pub(super) fn inverse_8(block: &mut Block, quant: &Quant, samples: &mut [u8], stride: usize) {
    let Some(frequencies) = dequantise(block, quant, [0, 1, 2, 3, 4, 5, 6, 7]) else {
        return portable::inverse_8(block, quant, samples, stride);
    };
    let rows = rows::<{ COLUMNS as i32 }, 4, 8>(halves(frequencies).map(|half| pass_8(half, COLUMNS)));
    let [top, bottom] = halves(transposed(rows)).map(|half| pass_8(half, ROWS));
    let column = |index: usize| vcombine_s16(top.upper(index), bottom.upper(index));
    let mut pairs: [uint8x16_t; 4] =
        std::array::from_fn(|index| to_samples::<{ ROWS as i32 - 16 }>(column(2 * index), column(2 * index + 1)));
    // From pairs of columns to pairs of rows.
    for _ in 0..3 {
        let [a, b, c, d] = pairs;
        pairs = [vzip1q_u8(a, c), vzip2q_u8(a, c), vzip1q_u8(b, d), vzip2q_u8(b, d)];
    }
    assert!(samples.len() >= 7 * stride + 8, "the block lies in the plane");
    for (index, pair) in pairs.into_iter().enumerate() {
        // SAFETY: eight bytes from the front of each of eight rows lie in the samples, which was just seen.
        unsafe {
            let row = samples.as_mut_ptr().add(2 * index * stride);
            vst1_u8(row, vget_low_u8(pair));
            vst1_u8(row.add(stride), vget_high_u8(pair));
        }
    }
}

/// Frequencies 0, 1, 2, 3, 5, 6 and 7 to four samples; those of 4 count nothing.
#[inline]
#[target_feature(enable = "neon")]
fn pass_4([f0, f1, f2, f3, f5, f6, f7]: [int16x4_t; 7], shift: u32) -> Parts<2> {
    let t0 = products(1 << (shift - 1), [f0], [2 << CONST_BITS]);
    let t2 = products(0, [f2, f6], [fixed(1.847_759_065), -fixed(0.765_366_865)]);
    let odd = |factors| products(0, [f1, f3, f5, f7], factors);
    Parts {
        evens: [vaddq_s32(t0, t2), vsubq_s32(t0, t2)],
        odds: [
            odd([fixed(2.562_915_447), fixed(0.899_976_223), -fixed(0.601_344_887), -fixed(0.509_795_579)]),
            odd([fixed(1.061_594_337), -fixed(2.172_734_803), fixed(1.451_774_981), -fixed(0.211_164_243)]),
        ],
    }
}

/// To four samples a side.
#[target_feature(enable = "neon")]
pub(super) fn inverse_4(block: &mut Block, quant: &Quant, samples: &mut [u8], stride: usize) {
    let Some(frequencies) = dequantise(block, quant, [0, 1, 2, 3, 5, 6, 7]) else {
        return portable::inverse_4(block, quant, samples, stride);
    };
    let mut pairs = rows::<{ COLUMNS as i32 + 1 }, 2, 4>(halves(frequencies).map(|half| pass_4(half, COLUMNS + 1)));
    // From rows to pairs of columns.
    for _ in 0..2 {
        let [a, b, c, d] = pairs;
        pairs = [vzip1q_s16(a, c), vzip2q_s16(a, c), vzip1q_s16(b, d), vzip2q_s16(b, d)];
    }
    let [[c0, c2, _, c6], [c1, c3, c5, c7]] = halves(pairs);
    let columns = pass_4([c0, c1, c2, c3, c5, c6, c7], ROWS + 1);
    let pair = |index: usize| vcombine_s16(columns.upper(index), columns.upper(index + 1));
    let bytes = to_samples::<{ ROWS as i32 + 1 - 16 }>(pair(0), pair(2));
    let (mut left, mut right) = (vget_low_u8(bytes), vget_high_u8(bytes));
    // From pairs of columns to pairs of rows.
    for _ in 0..2 {
        (left, right) = (vzip1_u8(left, right), vzip2_u8(left, right));
    }
    let (top, bottom) = (vreinterpret_u32_u8(left), vreinterpret_u32_u8(right));
    let words = [vget_lane_u32::<0>(top), vget_lane_u32::<1>(top), vget_lane_u32::<0>(bottom), vget_lane_u32::<1>(bottom)];
    for (line, word) in samples.chunks_mut(stride).zip(words) {
        if let Some(line) = line.first_chunk_mut() {
            *line = word.to_le_bytes();
        }
    }
}

/// To two samples a side.
#[target_feature(enable = "neon")]
#[allow(unsafe_code)]
pub(super) fn inverse_2(block: &mut Block, quant: &Quant, samples: &mut [u8], stride: usize) {
    // Of the frequencies 1, 3, 5 and 7.
    const ODD: [i32; 4] = [fixed(3.624_509_785), -fixed(1.272_758_58), fixed(0.850_430_095), -fixed(0.720_959_822)];
    // Of a row; that of frequency 0 is 2^15 and does not fit: half of it, twice.
    const ROW: [i16; 8] = [2 << CONST_BITS, ODD[0] as i16, 0, ODD[1] as i16, 0, ODD[2] as i16, 0, ODD[3] as i16];
    let Some(frequencies) = dequantise(block, quant, [0, 1, 3, 5, 7]) else {
        return portable::inverse_2(block, quant, samples, stride);
    };
    let parts = halves(frequencies).map(|[f0, f1, f3, f5, f7]| Parts {
        evens: [vaddq_s32(vshll_n_s16::<{ CONST_BITS as i32 + 2 }>(f0), vdupq_n_s32(1 << (COLUMNS + 1)))],
        odds: [products(0, [f1, f3, f5, f7], ODD)],
    });
    // SAFETY: eight values of 16 bits are read of an array that has eight.
    let factors = unsafe { vld1q_s16(ROW.as_ptr()) };
    // Of each row: the even part, half of the odd one, nothing, the other half.
    let [upper, lower] = rows::<{ COLUMNS as i32 + 2 }, 1, 2>(parts)
        .map(|row| vmlal_high_s16(vmull_s16(vget_low_s16(row), vget_low_s16(factors)), row, factors));
    let (evens, odds) = (vuzp1q_s32(upper, lower), vuzp2q_s32(upper, lower));
    let evens = vaddq_s32(vshlq_n_s32::<1>(vpaddq_s32(evens, evens)), vdupq_n_s32(1 << (ROWS + 1)));
    let columns = Parts { evens: [evens], odds: [vpaddq_s32(odds, odds)] };
    let values = vzip1_s16(columns.upper(0), columns.upper(1));
    let values = vcombine_s16(values, values);
    let bytes = vreinterpretq_u32_u8(to_samples::<{ ROWS as i32 + 2 - 16 }>(values, values));
    let [a, b, c, d] = vgetq_lane_u32::<0>(bytes).to_le_bytes();
    for (line, pair) in samples.chunks_mut(stride).zip([[a, b], [c, d]]) {
        if let Some(line) = line.first_chunk_mut() {
            *line = pair;
        }
    }
}
