//! The transform with NEON: one block after the other, a row in each vector.
//!
//! Constants of the paper's figure are added up until every result is a sum of products, as `fdct_avx2` has them; the sums are
//! exact, so the order of additions does not matter, and only the roundings are where [`super::fdct`] has them. Nothing overflows
//! 16 bits before a product: the samples are -128 to 127, a pass makes a sum of eight of them at most.

#![allow(unsafe_code)]

use super::fdct::*;
use crate::transpose_neon::transposed;
use std::arch::aarch64::*;

/// The right to use NEON.
#[derive(Debug, Clone, Copy)]
pub(super) struct Neon(());

impl Neon {
    /// If this machine has it: every processor of this kind does, so that nothing is asked at run time.
    pub fn detect() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("neon").then_some(Self(()))
    }
}

impl Transform for Neon {
    #[inline(always)]
    fn pair(self, first: &[u8], second: &[u8], stride: usize, quantizer: &Quantizer, pair: &mut Pair) {
        let needed = stride.saturating_mul(7).saturating_add(8);
        assert!(first.len() >= needed && second.len() >= needed, "samples of whole blocks");
        for (block, samples) in [first, second].into_iter().enumerate() {
            // SAFETY: `self` is made by `detect` alone, so the instructions are there; the slice reaches to the end of the last row.
            unsafe { transform(samples.as_ptr(), stride, quantizer, pair, block) }
        }
    }
}

/// # Safety
/// Eight bytes can be read at each of eight addresses from `samples`, `stride` apart.
#[target_feature(enable = "neon")]
#[inline]
unsafe fn transform(samples: *const u8, stride: usize, quantizer: &Quantizer, pair: &mut Pair, block: usize) {
    let rows: [int16x8_t; 8] = std::array::from_fn(|row| {
        // SAFETY: the caller's promise, for row 0 to 7.
        let samples = unsafe { vld1_u8(samples.add(row * stride)) };
        vreinterpretq_s16_u16(vsubl_u8(samples, vdup_n_u8(128)))
    });
    let rows = pass::<{ BITS - EXTRA_BITS }>(transposed(rows));
    let rows = pass::<{ BITS + EXTRA_BITS }>(transposed(rows));
    let rows = quantized(rows, quantizer);
    for (row, values) in rows.into_iter().zip(&mut pair.wide) {
        // SAFETY: a row of a block is eight values of 16 bits.
        unsafe { vst1q_s16(values[block].as_mut_ptr(), row) };
    }
    let bytes = |row: usize| vqmovn_high_s16(vqmovn_s16(rows[row]), rows[row + 1]);
    let bytes = int8x16x4_t(bytes(0), bytes(2), bytes(4), bytes(6));
    let bits = vreinterpretq_u8_u64(vdupq_n_u64(0x8040_2010_0804_0201));
    let mut nonzero = [vdupq_n_u8(0); 4];
    let small = pair.small[block].as_chunks_mut::<16>().0.iter_mut();
    for ((order, small), nonzero) in ZIGZAG.as_chunks::<16>().0.iter().zip(small).zip(&mut nonzero) {
        // SAFETY: sixteen bytes are read of an array that has sixteen, and written to another.
        let values = unsafe {
            let values = vqtbl4q_s8(bytes, vld1q_u8(order.as_ptr()));
            vst1q_s8(small.as_mut_ptr(), values);
            values
        };
        *nonzero = vandq_u8(vtstq_s8(values, values), bits);
    }
    // Three additions of neighbours join eight bits each.
    let sums = vpaddq_u8(vpaddq_u8(nonzero[0], nonzero[1]), vpaddq_u8(nonzero[2], nonzero[3]));
    pair.nonzero[block] = vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(sums, sums)));
}

/// One dimension of each column; products lose `SHIFT` bits.
#[target_feature(enable = "neon")]
#[inline]
fn pass<const SHIFT: i32>(d: [int16x8_t; 8]) -> [int16x8_t; 8] {
    let sums = [vaddq_s16(d[0], d[7]), vaddq_s16(d[1], d[6]), vaddq_s16(d[2], d[5]), vaddq_s16(d[3], d[4])];
    let t7 = vsubq_s16(d[0], d[7]);
    let t6 = vsubq_s16(d[1], d[6]);
    let t5 = vsubq_s16(d[2], d[5]);
    let t4 = vsubq_s16(d[3], d[4]);
    let outer = vaddq_s16(sums[0], sums[3]);
    let outer_difference = vsubq_s16(sums[0], sums[3]);
    let inner = vaddq_s16(sums[1], sums[2]);
    let inner_difference = vsubq_s16(sums[1], sums[2]);

    let none = [vdupq_n_s32(0); 2];
    let even = [outer_difference, inner_difference];
    let z = [vaddq_s16(t4, t6), vaddq_s16(t5, t7)];
    let z3 = products(none, z, F1_175 - F1_961, F1_175);
    let z4 = products(none, z, F1_175, F1_175 - F0_390);
    let t47 = [t4, t7];
    let t56 = [t5, t6];
    [
        scaled::<SHIFT>(vaddq_s16(outer, inner)),
        shifted::<SHIFT>(products(z4, t47, -F0_899, F1_501 - F0_899)),
        shifted::<SHIFT>(products(none, even, F0_541 + F0_765, F0_541)),
        shifted::<SHIFT>(products(z3, t56, -F2_562, F3_072 - F2_562)),
        scaled::<SHIFT>(vsubq_s16(outer, inner)),
        shifted::<SHIFT>(products(z4, t56, F2_053 - F2_562, -F2_562)),
        shifted::<SHIFT>(products(none, even, F0_541, F0_541 - F1_847)),
        shifted::<SHIFT>(products(z3, t47, F0_298 - F0_899, -F0_899)),
    ]
}

/// What needs no product: two bits more in the first pass, two bits less, rounded, in the second.
#[target_feature(enable = "neon")]
#[inline]
fn scaled<const SHIFT: i32>(sum: int16x8_t) -> int16x8_t {
    if SHIFT < BITS { vshlq_n_s16::<EXTRA_BITS>(sum) } else { vrshrq_n_s16::<EXTRA_BITS>(sum) }
}

/// `start`, and one vector times one factor, and the other times the other: for the lower values and the upper ones.
#[target_feature(enable = "neon")]
#[inline]
fn products(start: [int32x4_t; 2], [one, other]: [int16x8_t; 2], first: i32, second: i32) -> [int32x4_t; 2] {
    let (first, second) = (first as i16, second as i16);
    let low = vmlal_n_s16(start[0], vget_low_s16(one), first);
    let high = vmlal_high_n_s16(start[1], one, first);
    [vmlal_n_s16(low, vget_low_s16(other), second), vmlal_high_n_s16(high, other, second)]
}

/// The sums without their last bits, rounded, as 16-bit values again.
#[target_feature(enable = "neon")]
#[inline]
fn shifted<const SHIFT: i32>([low, high]: [int32x4_t; 2]) -> int16x8_t {
    vrshrn_high_n_s32::<SHIFT>(vrshrn_n_s32::<SHIFT>(low), high)
}

/// Divides by the steps. `sqdmulh` gives 16 bits of twice a product, from the top: one bit more than the portable code takes at first,
/// and so the scale is a quarter of that there, which is whole, since it is 2^7 or more.
#[target_feature(enable = "neon")]
#[inline]
fn quantized(rows: [int16x8_t; 8], quantizer: &Quantizer) -> [int16x8_t; 8] {
    let mut result = rows;
    let tables = quantizer.half.as_chunks::<8>().0.iter().zip(quantizer.multiplier.as_chunks::<8>().0);
    let tables = tables.zip(quantizer.scale.as_chunks::<8>().0);
    for (row, ((half, multiplier), scale)) in result.iter_mut().zip(tables) {
        // SAFETY: eight values of 16 bits each.
        let (half, multiplier, scale) =
            unsafe { (vld1q_s16(half.as_ptr()), vld1q_u16(multiplier.as_ptr()), vld1q_u16(scale.as_ptr())) };
        let magnitude = vaddq_s16(vabsq_s16(*row), half);
        let product = vqdmulhq_s16(magnitude, vreinterpretq_s16_u16(multiplier));
        let quotient = vqdmulhq_s16(product, vreinterpretq_s16_u16(vshrq_n_u16::<2>(scale)));
        // All bits of negative ones: to turn those and to take away -1 is to negate.
        let sign = vshrq_n_s16::<15>(*row);
        *row = vsubq_s16(veorq_s16(quotient, sign), sign);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::super::fdct::tests::hard_blocks;
    use super::*;

    #[test]
    fn agrees_with_plain_rust() {
        let Some(neon) = Neon::detect() else { return };
        for (index, samples) in hard_blocks().iter().enumerate() {
            let step = [1, 1, 2, 3, 7, 16, 100, 255][index % 8];
            let quantizer = Quantizer::new(&std::array::from_fn(|place| if index % 3 == 0 { step } else { 1 + place as u16 * 4 }));
            let (mut expected, mut got) = (Pair::default(), Pair::default());
            Portable.pair(samples, &samples[8..], 16, &quantizer, &mut expected);
            neon.pair(samples, &samples[8..], 16, &quantizer, &mut got);
            assert_eq!(got, expected, "block {index}");
        }
    }
}
