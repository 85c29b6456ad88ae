//! YCbCr to RGB in AVX2, in 16 bits.
//!
//! Factors above one half are taken apart, `1.402 = 1 + 0.402`, so that the rest fits 16 bits. With `vpmulhw`, `⌊(⌊x⌋ + 1) / 2⌋` is
//! `⌊x / 2 + ½⌋`: the rounding is that of the portable twin, to the bit.

use super::{CB_TO_BLUE, CB_TO_GREEN, CR_TO_GREEN, CR_TO_RED, HALF, ycbcr_to_rgb_portable};
use std::arch::x86_64::*;

/// What is left of the factors.
const RED: i16 = (CR_TO_RED - (1 << 16)) as i16;
const BLUE: i16 = (CB_TO_BLUE - (2 << 16)) as i16;
const GREEN: i32 = -CB_TO_GREEN & 0xFFFF | ((1 << 16) - CR_TO_GREEN) << 16;

/// Pixels at once.
const STEP: usize = 16;

/// Where the bytes of eight pixels come from, of red and green side by side, and of blue: the first 16, then the last eight. A
/// negative place gives 0.
const RED_GREEN: [[i8; 16]; 2] = places(true);
const BLUES: [[i8; 16]; 2] = places(false);

const fn places(red_green: bool) -> [[i8; 16]; 2] {
    let mut places = [[-1; 16]; 2];
    let mut byte = 0;
    while byte < 24 {
        let (pixel, channel) = ((byte / 3) as i8, byte % 3);
        if red_green != (channel == 2) {
            places[byte / 16][byte % 16] = if channel == 1 { pixel + 8 } else { pixel };
        }
        byte += 1;
    }
    places
}

/// Converts a row, as the portable function does.
#[target_feature(enable = "avx2")]
#[allow(unsafe_code)]
pub(super) fn ycbcr_to_rgb(luma: &[u8], blue: &[u8], red: &[u8], rgb: &mut [u8]) {
    let (lumas, blues, reds) = (luma.as_chunks::<STEP>(), blue.as_chunks::<STEP>(), red.as_chunks::<STEP>());
    let (pixels, rest) = rgb.as_chunks_mut::<{ 3 * STEP }>();
    for (((pixels, luma), blue), red) in pixels.iter_mut().zip(lumas.0).zip(blues.0).zip(reds.0) {
        // SAFETY: sixteen bytes are read of arrays that have sixteen.
        let [y, cb, cr] =
            [luma, blue, red].map(|samples| _mm256_cvtepu8_epi16(unsafe { _mm_loadu_si128(samples.as_ptr().cast()) }));
        let [red_green, blue] = convert(y, cb, cr);
        for (half, out) in [
            (_mm256_castsi256_si128(red_green), _mm256_castsi256_si128(blue)),
            (_mm256_extracti128_si256::<1>(red_green), _mm256_extracti128_si256::<1>(blue)),
        ]
        .into_iter()
        .zip(pixels.as_chunks_mut::<24>().0)
        {
            let bytes = |part: usize| {
                // SAFETY: sixteen bytes are read of arrays that have sixteen.
                let (red_green, blue) =
                    unsafe { (_mm_loadu_si128(RED_GREEN[part].as_ptr().cast()), _mm_loadu_si128(BLUES[part].as_ptr().cast())) };
                _mm_or_si128(_mm_shuffle_epi8(half.0, red_green), _mm_shuffle_epi8(half.1, blue))
            };
            // SAFETY: 16 and 8 bytes are written to an array of 24.
            unsafe {
                _mm_storeu_si128(out.as_mut_ptr().cast(), bytes(0));
                _mm_storel_epi64(out.as_mut_ptr().add(16).cast(), bytes(1));
            }
        }
    }
    ycbcr_to_rgb_portable(lumas.1, blues.1, reds.1, rest);
}

/// Sixteen pixels: in each half eight of red and eight of green, and eight of blue twice.
#[inline]
#[target_feature(enable = "avx2")]
fn convert(y: __m256i, cb: __m256i, cr: __m256i) -> [__m256i; 2] {
    let middle = _mm256_set1_epi16(128);
    let (cb, cr) = (_mm256_sub_epi16(cb, middle), _mm256_sub_epi16(cr, middle));
    let (cb2, cr2) = (_mm256_add_epi16(cb, cb), _mm256_add_epi16(cr, cr));
    let part = |twice: __m256i, factor: i16| {
        let product = _mm256_mulhi_epi16(twice, _mm256_set1_epi16(factor));
        _mm256_srai_epi16::<1>(_mm256_add_epi16(product, _mm256_set1_epi16(1)))
    };
    let red = _mm256_add_epi16(y, _mm256_add_epi16(cr, part(cr2, RED)));
    let blue = _mm256_add_epi16(y, _mm256_add_epi16(cb2, part(cb2, BLUE)));
    let green = |pairs: __m256i| {
        let sum = _mm256_add_epi32(_mm256_madd_epi16(pairs, _mm256_set1_epi32(GREEN)), _mm256_set1_epi32(HALF));
        _mm256_srai_epi32::<16>(sum)
    };
    let greens = _mm256_packs_epi32(green(_mm256_unpacklo_epi16(cb, cr)), green(_mm256_unpackhi_epi16(cb, cr)));
    let green = _mm256_add_epi16(y, _mm256_sub_epi16(greens, cr));
    [_mm256_packus_epi16(red, green), _mm256_packus_epi16(blue, blue)]
}
