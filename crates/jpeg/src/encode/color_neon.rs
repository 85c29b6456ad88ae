//! Colour conversion and halving with NEON: 16 pixels at a time, the rest by [`super::color`], with the same results.

#![allow(unsafe_code)]

use super::color::{self, BLUE, CHROMA_OFFSET, LUMA, LUMA_OFFSET, RED};
use super::fdct_neon::Neon;
use std::arch::aarch64::*;

/// Pixels that are converted together.
const PIXELS: usize = 16;

impl Neon {
    /// As [`color::convert_row`].
    pub fn convert_row(self, pixels: &[u8], luma: &mut [u8], blue: &mut [u8], red: &mut [u8]) {
        let count = (pixels.len() / 3).min(luma.len()).min(blue.len()).min(red.len());
        let whole = count / PIXELS * PIXELS;
        // SAFETY: `self` says that the instructions are there.
        unsafe { convert(&pixels[..whole * 3], &mut luma[..whole], &mut blue[..whole], &mut red[..whole]) };
        color::convert_row(&pixels[whole * 3..count * 3], &mut luma[whole..count], &mut blue[whole..count], &mut red[whole..count]);
    }

    /// As [`color::halve_rows`].
    pub fn halve_rows(self, upper: &[u8], lower: &[u8], half: &mut [u8]) {
        let count = half.len().min(upper.len() / 2).min(lower.len() / 2);
        let whole = count / 16 * 16;
        // SAFETY: `self` says that the instructions are there.
        unsafe { halve(&upper[..whole * 2], &lower[..whole * 2], &mut half[..whole]) };
        color::halve_rows(&upper[whole * 2..count * 2], &lower[whole * 2..count * 2], &mut half[whole..count]);
    }
}

/// Converts rows of a multiple of 16 pixels.
#[target_feature(enable = "neon")]
#[inline]
fn convert(pixels: &[u8], luma: &mut [u8], blue: &mut [u8], red: &mut [u8]) {
    let planes = [luma, blue, red].map(|samples| samples.as_chunks_mut::<PIXELS>().0.iter_mut());
    let [luma, blue, red] = planes;
    let pixels = pixels.as_chunks::<{ PIXELS * 3 }>().0;
    for (((pixels, luma), blue), red) in pixels.iter().zip(luma).zip(blue).zip(red) {
        // SAFETY: 48 bytes.
        let uint8x16x3_t(r, g, b) = unsafe { vld3q_u8(pixels.as_ptr()) };
        let channels = [r, g, b].map(|channel| [vmovl_u8(vget_low_u8(channel)), vmovl_high_u8(channel)]);
        let left = samples(channels.map(|[left, _]| vreinterpretq_s16_u16(left)));
        let right = samples(channels.map(|[_, right]| vreinterpretq_s16_u16(right)));
        for (index, samples) in [luma, blue, red].into_iter().enumerate() {
            let bytes = vqmovun_high_s16(vqmovun_s16(left[index]), right[index]);
            // SAFETY: 16 bytes.
            unsafe { vst1q_u8(samples.as_mut_ptr(), bytes) };
        }
    }
}

/// Luma, blue and red of eight pixels.
#[target_feature(enable = "neon")]
#[inline]
fn samples(channels: [int16x8_t; 3]) -> [int16x8_t; 3] {
    let low = channels.map(|channel| vget_low_s16(channel));
    let high = channels.map(|channel| vget_high_s16(channel));
    [(LUMA, LUMA_OFFSET), (BLUE, CHROMA_OFFSET), (RED, CHROMA_OFFSET)].map(|(factors, offset)| {
        let offset = vdupq_n_s32(offset);
        vaddhn_high_s32(vaddhn_s32(products(low, factors), offset), products(high, factors), offset)
    })
}

/// The sum of the channels times their factors.
#[target_feature(enable = "neon")]
#[inline]
fn products(channels: [int16x4_t; 3], factors: [i32; 3]) -> int32x4_t {
    let mut sum = vdupq_n_s32(0);
    for (channel, mut factor) in channels.into_iter().zip(factors) {
        // Such a factor does not fit 16 bits, what is left of it does.
        if factor >= 1 << 15 {
            sum = vaddq_s32(sum, vshll_n_s16::<15>(channel));
            factor -= 1 << 15;
        }
        sum = vmlal_n_s16(sum, channel, factor as i16);
    }
    sum
}

/// Halves rows of a multiple of 32 samples.
#[target_feature(enable = "neon")]
#[inline]
fn halve(upper: &[u8], lower: &[u8], half: &mut [u8]) {
    // 1 and 2 in turn.
    let rounding = vreinterpretq_u16_u32(vdupq_n_u32(2 << 16 | 1));
    let cells = upper.as_chunks::<32>().0.iter().zip(lower.as_chunks::<32>().0);
    for (means, (upper, lower)) in half.as_chunks_mut::<16>().0.iter_mut().zip(cells) {
        let [left, right] = [0, 16].map(|start| {
            // SAFETY: sixteen bytes from the first and from the seventeenth of 32.
            let (upper, lower) = unsafe { (vld1q_u8(upper.as_ptr().add(start)), vld1q_u8(lower.as_ptr().add(start))) };
            vaddq_u16(vpadalq_u8(vpaddlq_u8(upper), lower), rounding)
        });
        let bytes = vshrn_high_n_u16::<2>(vshrn_n_u16::<2>(left), right);
        // SAFETY: 16 bytes.
        unsafe { vst1q_u8(means.as_mut_ptr(), bytes) };
    }
}
