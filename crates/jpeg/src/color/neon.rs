//! YCbCr to RGB in NEON, in 16 bits.
//!
//! Factors above one half are taken apart, `1.402 = 1 + 0.402`, so that the rest fits 16 bits. With `sqdmulh`, `⌊(⌊2x⌋ + 1) / 2⌋` is
//! `⌊x + ½⌋`: the rounding is that of the portable twin, to the bit.

use super::{CB_TO_BLUE, CB_TO_GREEN, CR_TO_GREEN, CR_TO_RED, ycbcr_to_rgb_portable};
use std::arch::aarch64::*;

/// What is left of the factors.
const RED: i16 = (CR_TO_RED - (1 << 16)) as i16;
const BLUE: i16 = (CB_TO_BLUE - (2 << 16)) as i16;
const GREEN: [i16; 2] = [-CB_TO_GREEN as i16, ((1 << 16) - CR_TO_GREEN) as i16];

/// Pixels at once.
const STEP: usize = 16;

/// Converts a row, as the portable function does.
#[target_feature(enable = "neon")]
#[allow(unsafe_code)]
pub(super) fn ycbcr_to_rgb(luma: &[u8], blue: &[u8], red: &[u8], rgb: &mut [u8]) {
    let (lumas, blues, reds) = (luma.as_chunks::<STEP>(), blue.as_chunks::<STEP>(), red.as_chunks::<STEP>());
    let (pixels, rest) = rgb.as_chunks_mut::<{ 3 * STEP }>();
    for (((pixels, luma), blue), red) in pixels.iter_mut().zip(lumas.0).zip(blues.0).zip(reds.0) {
        // SAFETY: sixteen bytes are read of arrays that have sixteen.
        let [y, cb, cr] = [luma, blue, red].map(|samples| unsafe { vld1q_u8(samples.as_ptr()) });
        let left = convert(vget_low_u8(y), vget_low_u8(cb), vget_low_u8(cr));
        let right = convert(vget_high_u8(y), vget_high_u8(cb), vget_high_u8(cr));
        let channel = |index: usize| vqmovun_high_s16(vqmovun_s16(left[index]), right[index]);
        // SAFETY: 48 bytes are written to an array of 48.
        unsafe { vst3q_u8(pixels.as_mut_ptr(), uint8x16x3_t(channel(0), channel(1), channel(2))) };
    }
    ycbcr_to_rgb_portable(lumas.1, blues.1, reds.1, rest);
}

/// Eight pixels: red, green and blue, which may lie beyond the range of samples.
#[inline]
#[target_feature(enable = "neon")]
fn convert(y: uint8x8_t, cb: uint8x8_t, cr: uint8x8_t) -> [int16x8_t; 3] {
    let y = vreinterpretq_s16_u16(vmovl_u8(y));
    let [cb, cr] = [cb, cr].map(|chroma| vreinterpretq_s16_u16(vsubl_u8(chroma, vdup_n_u8(128))));
    let red = vrsraq_n_s16::<1>(vaddq_s16(y, cr), vqdmulhq_n_s16(cr, RED));
    let blue = vrsraq_n_s16::<1>(vaddq_s16(y, vaddq_s16(cb, cb)), vqdmulhq_n_s16(cb, BLUE));
    let sums = |cb: int16x4_t, cr: int16x4_t| vmlal_n_s16(vmull_n_s16(cb, GREEN[0]), cr, GREEN[1]);
    let low = vrshrn_n_s32::<16>(sums(vget_low_s16(cb), vget_low_s16(cr)));
    let greens = vrshrn_high_n_s32::<16>(low, sums(vget_high_s16(cb), vget_high_s16(cr)));
    [red, vaddq_s16(y, vsubq_s16(greens, cr)), blue]
}
