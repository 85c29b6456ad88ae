//! The transforms in AVX2.
//!
//! A pass multiplies 16-bit pairs and adds the products in 32 bits (`vpmaddwd`). The sums that the fixed-point algorithm forms first are
//! multiplied out into its constants, which is exact, since nothing is rounded on the way. Between the passes values are kept in 16
//! bits: that is exact while the coefficients of no column add up to more than [`LARGEST_SUM`]. Those of no honest file do; the others
//! go to the portable twin.
//!
//! A register of a pass holds pairs of frequencies `k` and `k + 4` of the eight columns or rows: that order needs the fewest shuffles.

use super::odd::{A, B, C, D, E};
use super::{Block, COLUMNS, CONST_BITS, Quant, ROWS, fixed, portable};
use std::arch::x86_64::*;

/// What the dequantised coefficients of a column may add up to without their signs: no factor of a pass is above 5.55, and
/// 5.55 · 5,900 is less than 2^15.
const LARGEST_SUM: i16 = 5900;

/// A pair of factors for every pair of values: the first for the lower frequency.
#[inline]
#[target_feature(enable = "avx2")]
fn pair(first: i32, second: i32) -> __m256i {
    _mm256_set1_epi32(first & 0xFFFF | second << 16)
}

/// Coefficients in the order of a pass: pairs of the rows 0 and 4, 1 and 5, 2 and 6, 3 and 7, columns 0 to 3 in the lower half.
struct Pairs([__m256i; 4]);

/// Dequantises the block and clears it. `None`, with the block as it was, if the values are too large.
#[inline]
#[target_feature(enable = "avx2")]
#[allow(unsafe_code)]
fn dequantise(block: &mut Block, quant: &Quant) -> Option<Pairs> {
    let values = block.0.as_mut_ptr().cast::<__m256i>();
    let steps = quant.0.as_ptr().cast::<__m256i>();
    // SAFETY: both are 64 values of 16 bits, aligned to 32 bytes: four registers.
    let rows: [__m256i; 4] = std::array::from_fn(|index| unsafe {
        _mm256_mullo_epi16(_mm256_load_si256(values.add(index)), _mm256_load_si256(steps.add(index)))
    });
    let sizes = rows.map(|row| _mm256_abs_epi16(row));
    let sum = _mm256_adds_epu16(_mm256_adds_epu16(sizes[0], sizes[1]), _mm256_adds_epu16(sizes[2], sizes[3]));
    let sum = _mm_adds_epu16(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum));
    let excess = _mm_subs_epu16(sum, _mm_set1_epi16(LARGEST_SUM));
    if _mm_testz_si128(excess, excess) == 0 {
        return None;
    }
    for index in 0..4 {
        // SAFETY: as above.
        unsafe { _mm256_store_si256(values.add(index), _mm256_setzero_si256()) };
    }
    // The halves of two rows, columns 0 to 3 below.
    let [r01, r23, r45, r67] = rows.map(|row| _mm256_permute4x64_epi64::<0b11_01_10_00>(row));
    Some(Pairs([
        _mm256_unpacklo_epi16(r01, r45),
        _mm256_unpackhi_epi16(r01, r45),
        _mm256_unpacklo_epi16(r23, r67),
        _mm256_unpackhi_epi16(r23, r67),
    ]))
}

/// Eight frequencies to eight samples.
#[inline]
#[target_feature(enable = "avx2")]
fn pass_8<const SHIFT: i32>(Pairs([f04, f15, f26, f37]): Pairs) -> [__m256i; 8] {
    let one = 1 << CONST_BITS;
    let half = _mm256_set1_epi32(1 << (SHIFT - 1));
    let t0 = _mm256_add_epi32(_mm256_madd_epi16(f04, pair(one, one)), half);
    let t1 = _mm256_add_epi32(_mm256_madd_epi16(f04, pair(one, -one)), half);
    const Z: i32 = fixed(0.541_196_1);
    let t2 = _mm256_madd_epi16(f26, pair(Z, Z - fixed(1.847_759_065)));
    let t3 = _mm256_madd_epi16(f26, pair(Z + fixed(0.765_366_865), Z));
    let evens = [_mm256_add_epi32(t0, t3), _mm256_add_epi32(t1, t2), _mm256_sub_epi32(t1, t2), _mm256_sub_epi32(t0, t3)];
    let odd = |f1: i32, f3: i32, f5: i32, f7: i32| {
        _mm256_add_epi32(_mm256_madd_epi16(f15, pair(f1, f5)), _mm256_madd_epi16(f37, pair(f3, f7)))
    };
    let odds = [
        odd(fixed(1.501_321_11) + A + D + E, E, D + E, A + E),
        odd(E, fixed(3.072_711_026) + B + C + E, B + E, C + E),
        odd(D + E, B + E, fixed(2.053_119_869) + B + D + E, E),
        odd(A + E, C + E, E, fixed(0.298_631_336) + A + C + E),
    ];
    let sum = |k: usize| _mm256_srai_epi32::<SHIFT>(_mm256_add_epi32(evens[k], odds[k]));
    let difference = |k: usize| _mm256_srai_epi32::<SHIFT>(_mm256_sub_epi32(evens[k], odds[k]));
    [sum(0), sum(1), sum(2), sum(3), difference(3), difference(2), difference(1), difference(0)]
}

/// Rows of 32-bit values, columns 0 to 3 in the lower half, as the pairs of the next pass.
#[inline]
#[target_feature(enable = "avx2")]
fn turned(rows: [__m256i; 8]) -> Pairs {
    // A row and the fourth after it, as the four pairs of columns `k` and `k + 4`.
    let interleave = |first: [__m256i; 2], second: [__m256i; 2]| {
        let upper = _mm256_packs_epi32(first[0], first[1]);
        let lower = _mm256_packs_epi32(second[0], second[1]);
        let left = _mm256_permute2x128_si256::<0x20>(upper, lower);
        let right = _mm256_permute2x128_si256::<0x31>(upper, lower);
        [_mm256_unpacklo_epi16(left, right), _mm256_unpackhi_epi16(left, right)]
    };
    let [r0, r1, r2, r3, r4, r5, r6, r7] = rows;
    let [r04, r15] = interleave([r0, r1], [r4, r5]);
    let [r26, r37] = interleave([r2, r3], [r6, r7]);
    let (a, b) = (_mm256_unpacklo_epi32(r04, r15), _mm256_unpackhi_epi32(r04, r15));
    let (c, d) = (_mm256_unpacklo_epi32(r26, r37), _mm256_unpackhi_epi32(r26, r37));
    Pairs([_mm256_unpacklo_epi64(a, c), _mm256_unpackhi_epi64(a, c), _mm256_unpacklo_epi64(b, d), _mm256_unpackhi_epi64(b, d)])
}

/// Where the bytes of four columns of four rows go to stand row by row.
#[inline]
#[target_feature(enable = "avx2")]
fn by_rows() -> __m128i {
    _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)
}

/// To eight samples a side.
#[target_feature(enable = "avx2")]
#[allow(unsafe_code)]
pub(super) fn inverse_8(block: &mut Block, quant: &Quant, samples: &mut [u8], stride: usize) {
    let Some(pairs) = dequantise(block, quant) else {
        return portable::inverse_8(block, quant, samples, stride);
    };
    let columns = pass_8::<{ ROWS as i32 }>(turned(pass_8::<{ COLUMNS as i32 }>(pairs)));
    let middle = _mm256_set1_epi16(128);
    let bytes = |columns: &[__m256i]| {
        let first = _mm256_adds_epi16(_mm256_packs_epi32(columns[0], columns[1]), middle);
        let second = _mm256_adds_epi16(_mm256_packs_epi32(columns[2], columns[3]), middle);
        _mm256_shuffle_epi8(_mm256_packus_epi16(first, second), _mm256_broadcastsi128_si256(by_rows()))
    };
    let (left, right) = (bytes(&columns[..4]), bytes(&columns[4..]));
    // Two rows in each half: 0 and 1 with 4 and 5, 2 and 3 with 6 and 7.
    let outer = _mm256_unpacklo_epi32(left, right);
    let inner = _mm256_unpackhi_epi32(left, right);
    let pairs = [
        _mm256_castsi256_si128(outer),
        _mm256_castsi256_si128(inner),
        _mm256_extracti128_si256::<1>(outer),
        _mm256_extracti128_si256::<1>(inner),
    ];
    assert!(samples.len() >= 7 * stride + 8, "the block lies in the plane");
    for (index, pair) in pairs.into_iter().enumerate() {
        // SAFETY: eight bytes from the front of each of eight rows lie in the samples, which was just seen.
        unsafe {
            let row = samples.as_mut_ptr().add(2 * index * stride);
            _mm_storel_epi64(row.cast(), pair);
            _mm_storeh_pd(row.add(stride).cast(), _mm_castsi128_pd(pair));
        }
    }
}

/// Frequencies 0, 1, 2, 3, 5, 6 and 7 to four samples; those of 4 count nothing.
#[inline]
#[target_feature(enable = "avx2")]
fn pass_4<const SHIFT: i32>(Pairs([f04, f15, f26, f37]): Pairs) -> [__m256i; 4] {
    let half = _mm256_set1_epi32(1 << (SHIFT - 1));
    let t0 = _mm256_add_epi32(_mm256_madd_epi16(f04, pair(2 << CONST_BITS, 0)), half);
    let t2 = _mm256_madd_epi16(f26, pair(fixed(1.847_759_065), -fixed(0.765_366_865)));
    let (e0, e1) = (_mm256_add_epi32(t0, t2), _mm256_sub_epi32(t0, t2));
    let o0 = _mm256_add_epi32(
        _mm256_madd_epi16(f15, pair(fixed(2.562_915_447), -fixed(0.601_344_887))),
        _mm256_madd_epi16(f37, pair(fixed(0.899_976_223), -fixed(0.509_795_579))),
    );
    let o1 = _mm256_add_epi32(
        _mm256_madd_epi16(f15, pair(fixed(1.061_594_337), fixed(1.451_774_981))),
        _mm256_madd_epi16(f37, pair(-fixed(2.172_734_803), -fixed(0.211_164_243))),
    );
    [_mm256_add_epi32(e0, o0), _mm256_add_epi32(e1, o1), _mm256_sub_epi32(e1, o1), _mm256_sub_epi32(e0, o0)]
        .map(|sum| _mm256_srai_epi32::<SHIFT>(sum))
}

/// The row pairs of one register of two rows, columns 0 to 3 in the lower half: the first row's pairs and the second's.
#[inline]
#[target_feature(enable = "avx2")]
fn row_pairs(two_rows: __m256i) -> (__m128i, __m128i) {
    let (left, right) = (_mm256_castsi256_si128(two_rows), _mm256_extracti128_si256::<1>(two_rows));
    (_mm_unpacklo_epi16(left, right), _mm_unpackhi_epi16(left, right))
}

/// To four samples a side.
#[target_feature(enable = "avx2")]
pub(super) fn inverse_4(block: &mut Block, quant: &Quant, samples: &mut [u8], stride: usize) {
    let Some(pairs) = dequantise(block, quant) else {
        return portable::inverse_4(block, quant, samples, stride);
    };
    let rows = pass_4::<{ COLUMNS as i32 + 1 }>(pairs);
    let (r0, r1) = row_pairs(_mm256_packs_epi32(rows[0], rows[1]));
    let (r2, r3) = row_pairs(_mm256_packs_epi32(rows[2], rows[3]));
    let (a, b) = (_mm_unpacklo_epi32(r0, r1), _mm_unpackhi_epi32(r0, r1));
    let (c, d) = (_mm_unpacklo_epi32(r2, r3), _mm_unpackhi_epi32(r2, r3));
    let turned = [_mm_unpacklo_epi64(a, c), _mm_unpackhi_epi64(a, c), _mm_unpacklo_epi64(b, d), _mm_unpackhi_epi64(b, d)];
    // The upper halves are not looked at.
    let columns = pass_4::<{ ROWS as i32 + 1 }>(Pairs(turned.map(|pairs| _mm256_castsi128_si256(pairs))));
    let [c0, c1, c2, c3] = columns.map(|column| _mm256_castsi256_si128(column));
    let middle = _mm_set1_epi16(128);
    let first = _mm_adds_epi16(_mm_packs_epi32(c0, c1), middle);
    let second = _mm_adds_epi16(_mm_packs_epi32(c2, c3), middle);
    let bytes = _mm_shuffle_epi8(_mm_packus_epi16(first, second), by_rows());
    let words = [
        _mm_extract_epi32::<0>(bytes),
        _mm_extract_epi32::<1>(bytes),
        _mm_extract_epi32::<2>(bytes),
        _mm_extract_epi32::<3>(bytes),
    ];
    for (line, word) in samples.chunks_mut(stride).zip(words) {
        if let Some(line) = line.first_chunk_mut() {
            *line = word.to_le_bytes();
        }
    }
}

/// To two samples a side.
#[target_feature(enable = "avx2")]
pub(super) fn inverse_2(block: &mut Block, quant: &Quant, samples: &mut [u8], stride: usize) {
    // Of the frequencies 0, 1, 3, 5 and 7.
    const ODD: [i32; 4] = [fixed(3.624_509_785), -fixed(1.272_758_58), fixed(0.850_430_095), -fixed(0.720_959_822)];
    let Some(Pairs([f04, f15, _, f37])) = dequantise(block, quant) else {
        return portable::inverse_2(block, quant, samples, stride);
    };
    // The factor of frequency 0 is 2^15: half of it, twice.
    let half = _mm256_set1_epi32(1 << (COLUMNS + 1));
    let even = _mm256_add_epi32(_mm256_slli_epi32::<1>(_mm256_madd_epi16(f04, pair(2 << CONST_BITS, 0))), half);
    let odd = _mm256_add_epi32(_mm256_madd_epi16(f15, pair(ODD[0], ODD[2])), _mm256_madd_epi16(f37, pair(ODD[1], ODD[3])));
    let sum = _mm256_srai_epi32::<{ COLUMNS as i32 + 2 }>(_mm256_add_epi32(even, odd));
    let difference = _mm256_srai_epi32::<{ COLUMNS as i32 + 2 }>(_mm256_sub_epi32(even, odd));
    let (r0, r1) = row_pairs(_mm256_packs_epi32(sum, difference));
    // A row: frequency 0; 1 and 5; nothing; 3 and 7.
    let word = |first: i32, second: i32| first & 0xFFFF | second << 16;
    let factors = _mm_setr_epi32(word(2 << CONST_BITS, 0), word(ODD[0], ODD[2]), 0, word(ODD[1], ODD[3]));
    let (m0, m1) = (_mm_madd_epi16(r0, factors), _mm_madd_epi16(r1, factors));
    // Both rows in one: the odd parts of rows 0 and 1, and the even ones.
    let (low, high) = (_mm_unpacklo_epi32(m0, m1), _mm_unpackhi_epi32(m0, m1));
    let half = _mm_set1_epi32(1 << (ROWS + 1));
    let even = _mm_add_epi32(_mm_slli_epi32::<1>(low), half);
    let odd = _mm_add_epi32(_mm_unpackhi_epi64(low, low), _mm_unpackhi_epi64(high, high));
    let sides = _mm_unpacklo_epi32(_mm_add_epi32(even, odd), _mm_sub_epi32(even, odd));
    let values = _mm_srai_epi32::<{ ROWS as i32 + 2 }>(sides);
    let values = _mm_adds_epi16(_mm_packs_epi32(values, values), _mm_set1_epi16(128));
    let [a, b, c, d] = _mm_cvtsi128_si32(_mm_packus_epi16(values, values)).to_le_bytes();
    for (line, pair) in samples.chunks_mut(stride).zip([[a, b], [c, d]]) {
        if let Some(line) = line.first_chunk_mut() {
            *line = pair;
        }
    }
}
