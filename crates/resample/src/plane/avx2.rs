//! The two filters in AVX2: sixteen products at once, added in pairs (`vpmaddwd`).

use super::LANES;
use super::portable::{ACROSS_SHIFT, DOWN_SHIFT};
use super::weights::{OUTPUTS, Weights};
use std::arch::x86_64::*;

/// Filters down the columns. There is an even number of rows, and they are padded to whole lanes.
#[target_feature(enable = "avx2")]
#[allow(unsafe_code)]
pub(super) fn down(rows: &[&[u8]], weights: &[i16], values: &mut [i16]) {
    let half = _mm256_set1_epi32(1 << (DOWN_SHIFT - 1));
    let width = rows.iter().map(|row| row.len()).min().unwrap_or(0);
    for (values, x) in values.as_chunks_mut::<LANES>().0.iter_mut().zip((0..width).step_by(LANES)) {
        let (mut low, mut high) = (half, half);
        for (rows, weights) in rows.as_chunks::<2>().0.iter().zip(weights.as_chunks::<2>().0) {
            let [upper, lower] = rows.map(|row| {
                let samples: &[u8] = &row[x..x + LANES];
                // SAFETY: sixteen samples are read of a slice that has sixteen.
                unsafe { _mm_loadu_si128(samples.as_ptr().cast()) }
            });
            let pair = _mm256_set1_epi32(i32::from(weights[0]) & 0xFFFF | i32::from(weights[1]) << 16);
            let wide = |pairs| _mm256_madd_epi16(_mm256_cvtepu8_epi16(pairs), pair);
            low = _mm256_add_epi32(low, wide(_mm_unpacklo_epi8(upper, lower)));
            high = _mm256_add_epi32(high, wide(_mm_unpackhi_epi8(upper, lower)));
        }
        let (low, high) = (_mm256_srai_epi32::<{ DOWN_SHIFT as i32 }>(low), _mm256_srai_epi32::<{ DOWN_SHIFT as i32 }>(high));
        // Packing takes the halves by turns.
        let packed = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(low, high));
        // SAFETY: sixteen values are written to an array of sixteen.
        unsafe { _mm256_storeu_si256(values.as_mut_ptr().cast(), packed) };
    }
}

/// Filters a row across.
#[target_feature(enable = "avx2")]
#[allow(unsafe_code)]
pub(super) fn across(row: &[i16], weights: &Weights, samples: &mut [u8]) {
    assert!(row.len() >= weights.reach(), "a row has room for every weight");
    let half = _mm256_set1_epi32(1 << (ACROSS_SHIFT - 1));
    for (group, samples) in weights.groups().zip(samples.as_chunks_mut::<OUTPUTS>().0) {
        let mut sums = [_mm256_setzero_si256(); OUTPUTS];
        for (step, weights) in group.values.as_chunks::<{ OUTPUTS * LANES }>().0.iter().enumerate() {
            for (index, sum) in sums.iter_mut().enumerate() {
                // SAFETY: an output reads no further than `reach`, and the weights are an array of sixteen for each of eight outputs.
                let (values, weights) = unsafe {
                    let values = row.as_ptr().add(group.starts[index] as usize + step * LANES);
                    (_mm256_loadu_si256(values.cast()), _mm256_loadu_si256(weights.as_ptr().add(index * LANES).cast()))
                };
                let products = _mm256_madd_epi16(values, weights);
                *sum = _mm256_add_epi32(*sum, products);
            }
        }
        let [a, b, c, d, e, f, g, h] = sums;
        let left = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
        let right = _mm256_hadd_epi32(_mm256_hadd_epi32(e, f), _mm256_hadd_epi32(g, h));
        let totals =
            _mm256_add_epi32(_mm256_permute2x128_si256::<0x20>(left, right), _mm256_permute2x128_si256::<0x31>(left, right));
        let shifted = _mm256_srai_epi32::<{ ACROSS_SHIFT as i32 }>(_mm256_add_epi32(totals, half));
        let packed = _mm_packs_epi32(_mm256_castsi256_si128(shifted), _mm256_extracti128_si256::<1>(shifted));
        *samples = _mm_cvtsi128_si64(_mm_packus_epi16(packed, packed)).to_le_bytes();
    }
}
