//! Colour conversion and halving with AVX2: 32 pixels at a time, the rest by [`super::color`], with the same results.

#![allow(unsafe_code)]

use super::color::{self, BLUE, CHROMA_OFFSET, LUMA, LUMA_OFFSET, RED};
use super::fdct_avx2::Avx2;
use std::arch::x86_64::*;

/// Pixels that are converted together.
const PIXELS: usize = 32;
/// Bytes that are read for them: the last load reads sixteen for twelve.
const READ_BYTES: usize = PIXELS * 3 + 4;

impl Avx2 {
    /// As [`color::convert_row`].
    pub fn convert_row(self, pixels: &[u8], luma: &mut [u8], blue: &mut [u8], red: &mut [u8]) {
        let count = (pixels.len() / 3).min(luma.len()).min(blue.len()).min(red.len());
        let mut start = 0;
        while count - start >= PIXELS && pixels.len() - start * 3 >= READ_BYTES {
            let end = start + PIXELS;
            // SAFETY: `self` says that the instructions are there.
            unsafe { convert(&pixels[start * 3..], &mut luma[start..end], &mut blue[start..end], &mut red[start..end]) };
            start = end;
        }
        color::convert_row(&pixels[start * 3..count * 3], &mut luma[start..count], &mut blue[start..count], &mut red[start..count]);
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

/// Puts the channels of four pixels in each half beside each other: red and green, or blue and green, in 16 bits each.
const fn channels(first: u8, second: u8) -> [u8; 16] {
    let mut order = [0x80; 16];
    let mut pixel = 0;
    while pixel < 4 {
        order[pixel * 4] = pixel as u8 * 3 + first;
        order[pixel * 4 + 2] = pixel as u8 * 3 + second;
        pixel += 1;
    }
    order
}

const RED_GREEN: [u8; 16] = channels(0, 1);
const BLUE_GREEN: [u8; 16] = channels(2, 1);

/// A pair of factors for `vpmaddwd`.
const fn factors(first: i32, second: i32) -> i32 {
    second << 16 | first & 0xffff
}

/// Half of luma's factor for green, which does not fit 16 bits; it is taken from both pairs.
const HALF_GREEN: i32 = LUMA[1] / 2;

/// Converts 32 pixels.
#[target_feature(enable = "avx2")]
#[inline]
fn convert(pixels: &[u8], luma: &mut [u8], blue: &mut [u8], red: &mut [u8]) {
    assert!(pixels.len() >= READ_BYTES && luma.len() == PIXELS && blue.len() == PIXELS && red.len() == PIXELS);
    let [mut y, mut cb, mut cr] = [[_mm256_setzero_si256(); 4]; 3];
    for part in 0..4 {
        // SAFETY: the assertion: the last byte is 84 + 16 from the start. The orders are sixteen bytes each.
        let (samples, red_green, blue_green) = unsafe {
            let start = pixels.as_ptr().add(part * 12);
            let low = _mm_loadu_si128(start.cast());
            let high = _mm_loadu_si128(start.add(48).cast());
            (_mm256_set_m128i(high, low), _mm_loadu_si128(RED_GREEN.as_ptr().cast()), _mm_loadu_si128(BLUE_GREEN.as_ptr().cast()))
        };
        let red_green = _mm256_shuffle_epi8(samples, _mm256_broadcastsi128_si256(red_green));
        let blue_green = _mm256_shuffle_epi8(samples, _mm256_broadcastsi128_si256(blue_green));
        let product = |values, first, second| _mm256_madd_epi16(values, _mm256_set1_epi32(factors(first, second)));
        let finished = |sum, offset| _mm256_srai_epi32::<16>(_mm256_add_epi32(sum, _mm256_set1_epi32(offset)));
        let green = LUMA[1] - HALF_GREEN;
        y[part] =
            finished(_mm256_add_epi32(product(red_green, LUMA[0], HALF_GREEN), product(blue_green, LUMA[2], green)), LUMA_OFFSET);
        // 32,768 does not fit either, -32,768 does.
        cb[part] =
            finished(_mm256_sub_epi32(product(red_green, BLUE[0], BLUE[1]), product(blue_green, -BLUE[2], 0)), CHROMA_OFFSET);
        cr[part] = finished(_mm256_sub_epi32(product(blue_green, RED[2], RED[1]), product(red_green, -RED[0], 0)), CHROMA_OFFSET);
    }
    for (sums, samples) in [(y, luma), (cb, blue), (cr, red)] {
        let words = [_mm256_packs_epi32(sums[0], sums[1]), _mm256_packs_epi32(sums[2], sums[3])];
        // SAFETY: the assertion: 32 bytes.
        unsafe { _mm256_storeu_si256(samples.as_mut_ptr().cast(), _mm256_packus_epi16(words[0], words[1])) };
    }
}

/// Halves rows of a multiple of 32 samples.
#[target_feature(enable = "avx2")]
#[inline]
fn halve(upper: &[u8], lower: &[u8], half: &mut [u8]) {
    let ones = _mm256_set1_epi8(1);
    // 1 and 2 in turn.
    let rounding = _mm256_set1_epi32(2 << 16 | 1);
    let cells = upper.as_chunks::<32>().0.iter().zip(lower.as_chunks::<32>().0);
    for (means, (upper, lower)) in half.as_chunks_mut::<16>().0.iter_mut().zip(cells) {
        // SAFETY: 32 bytes each.
        let [upper, lower] = unsafe { [_mm256_loadu_si256(upper.as_ptr().cast()), _mm256_loadu_si256(lower.as_ptr().cast())] };
        let sums = _mm256_add_epi16(_mm256_maddubs_epi16(upper, ones), _mm256_maddubs_epi16(lower, ones));
        let words = _mm256_srli_epi16::<2>(_mm256_add_epi16(sums, rounding));
        let bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
        // SAFETY: 16 bytes.
        unsafe { _mm_storeu_si128(means.as_mut_ptr().cast(), bytes) };
    }
}
