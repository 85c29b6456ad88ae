//! The transform with AVX2: a block in each half of a vector of 16 values, a row in each vector.
//!
//! Constants of the paper's figure are added up until every result is a sum of two products, which is what `vpmaddwd` computes; the
//! sums are exact, so the order of additions does not matter, and only the roundings are where [`super::fdct`] has them. Nothing
//! overflows 16 bits before a product: the samples are -128 to 127, a pass makes a sum of eight of them at most.

#![allow(unsafe_code)]

use super::fdct::*;
use std::arch::x86_64::*;

/// The right to use AVX2 and the bit instructions that came with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    /// If this machine has it.
    pub fn detect() -> Option<Self> {
        let has_all = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt");
        has_all.then_some(Self(()))
    }
}

impl Transform for Avx2 {
    #[inline(always)]
    fn pair(self, first: &[u8], second: &[u8], stride: usize, quantizer: &Quantizer, pair: &mut Pair) {
        let needed = stride.saturating_mul(7).saturating_add(8);
        assert!(first.len() >= needed && second.len() >= needed, "samples of whole blocks");
        // SAFETY: `self` is made by `detect` alone, so the instructions are there; the slices reach to the end of the last row.
        unsafe { transform(first.as_ptr(), second.as_ptr(), stride, quantizer, pair) }
    }
}

/// # Safety
/// Eight bytes can be read at each of eight addresses from `first` and from `second`, `stride` apart.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn transform(first: *const u8, second: *const u8, stride: usize, quantizer: &Quantizer, pair: &mut Pair) {
    let middle = _mm256_set1_epi16(128);
    let mut rows = [middle; 8];
    for (row, samples) in rows.iter_mut().enumerate() {
        // SAFETY: the caller's promise, for row 0 to 7.
        let both = unsafe {
            let left = _mm_loadl_epi64(first.add(row * stride).cast());
            let right = _mm_loadl_epi64(second.add(row * stride).cast());
            _mm_unpacklo_epi64(left, right)
        };
        *samples = _mm256_sub_epi16(_mm256_cvtepu8_epi16(both), middle);
    }
    let rows = pass::<{ BITS - EXTRA_BITS }>(transposed(rows));
    let rows = pass::<{ BITS + EXTRA_BITS }>(transposed(rows));
    let rows = quantized(rows, quantizer);
    for (row, values) in rows.into_iter().zip(&mut pair.wide) {
        // SAFETY: a row of `wide` is 32 bytes.
        unsafe { _mm256_storeu_si256((&raw mut *values).cast(), row) };
    }
    let zero = _mm256_setzero_si256();
    let parts = zigzag(rows);
    // From quarters of both blocks to halves of each.
    let halves = [
        [_mm256_permute2x128_si256::<0x20>(parts[0], parts[1]), _mm256_permute2x128_si256::<0x20>(parts[2], parts[3])],
        [_mm256_permute2x128_si256::<0x31>(parts[0], parts[1]), _mm256_permute2x128_si256::<0x31>(parts[2], parts[3])],
    ];
    for (block, [low, high]) in halves.into_iter().enumerate() {
        let small = &raw mut pair.small[block];
        // SAFETY: the coefficients of a block are 64 bytes.
        unsafe {
            _mm256_storeu_si256(small.cast(), low);
            _mm256_storeu_si256(small.cast::<__m256i>().add(1), high);
        }
        let zeros = |values| _mm256_movemask_epi8(_mm256_cmpeq_epi8(values, zero)) as u32;
        pair.nonzero[block] = !(u64::from(zeros(high)) << 32 | u64::from(zeros(low)));
    }
}

/// Rows for columns, in each half.
#[target_feature(enable = "avx2")]
#[inline]
fn transposed(r: [__m256i; 8]) -> [__m256i; 8] {
    let a = [
        _mm256_unpacklo_epi16(r[0], r[1]),
        _mm256_unpackhi_epi16(r[0], r[1]),
        _mm256_unpacklo_epi16(r[2], r[3]),
        _mm256_unpackhi_epi16(r[2], r[3]),
        _mm256_unpacklo_epi16(r[4], r[5]),
        _mm256_unpackhi_epi16(r[4], r[5]),
        _mm256_unpacklo_epi16(r[6], r[7]),
        _mm256_unpackhi_epi16(r[6], r[7]),
    ];
    let b = [
        _mm256_unpacklo_epi32(a[0], a[2]),
        _mm256_unpackhi_epi32(a[0], a[2]),
        _mm256_unpacklo_epi32(a[1], a[3]),
        _mm256_unpackhi_epi32(a[1], a[3]),
        _mm256_unpacklo_epi32(a[4], a[6]),
        _mm256_unpackhi_epi32(a[4], a[6]),
        _mm256_unpacklo_epi32(a[5], a[7]),
        _mm256_unpackhi_epi32(a[5], a[7]),
    ];
    [
        _mm256_unpacklo_epi64(b[0], b[4]),
        _mm256_unpackhi_epi64(b[0], b[4]),
        _mm256_unpacklo_epi64(b[1], b[5]),
        _mm256_unpackhi_epi64(b[1], b[5]),
        _mm256_unpacklo_epi64(b[2], b[6]),
        _mm256_unpackhi_epi64(b[2], b[6]),
        _mm256_unpacklo_epi64(b[3], b[7]),
        _mm256_unpackhi_epi64(b[3], b[7]),
    ]
}

/// One dimension of each column; products lose `SHIFT` bits.
#[target_feature(enable = "avx2")]
#[inline]
fn pass<const SHIFT: i32>(d: [__m256i; 8]) -> [__m256i; 8] {
    let sums =
        [_mm256_add_epi16(d[0], d[7]), _mm256_add_epi16(d[1], d[6]), _mm256_add_epi16(d[2], d[5]), _mm256_add_epi16(d[3], d[4])];
    let t7 = _mm256_sub_epi16(d[0], d[7]);
    let t6 = _mm256_sub_epi16(d[1], d[6]);
    let t5 = _mm256_sub_epi16(d[2], d[5]);
    let t4 = _mm256_sub_epi16(d[3], d[4]);
    let outer = _mm256_add_epi16(sums[0], sums[3]);
    let outer_difference = _mm256_sub_epi16(sums[0], sums[3]);
    let inner = _mm256_add_epi16(sums[1], sums[2]);
    let inner_difference = _mm256_sub_epi16(sums[1], sums[2]);

    let even = interleaved(outer_difference, inner_difference);
    let z = interleaved(_mm256_add_epi16(t4, t6), _mm256_add_epi16(t5, t7));
    let rounding = _mm256_set1_epi32(1 << (SHIFT - 1));
    let z3 = products(z, F1_175 - F1_961, F1_175).map(|half| _mm256_add_epi32(half, rounding));
    let z4 = products(z, F1_175, F1_175 - F0_390).map(|half| _mm256_add_epi32(half, rounding));
    let t47 = interleaved(t4, t7);
    let t56 = interleaved(t5, t6);
    let rounding = [rounding; 2];
    [
        scaled::<SHIFT>(_mm256_add_epi16(outer, inner)),
        shifted::<SHIFT>(products(t47, -F0_899, F1_501 - F0_899), z4),
        shifted::<SHIFT>(products(even, F0_541 + F0_765, F0_541), rounding),
        shifted::<SHIFT>(products(t56, -F2_562, F3_072 - F2_562), z3),
        scaled::<SHIFT>(_mm256_sub_epi16(outer, inner)),
        shifted::<SHIFT>(products(t56, F2_053 - F2_562, -F2_562), z4),
        shifted::<SHIFT>(products(even, F0_541, F0_541 - F1_847), rounding),
        shifted::<SHIFT>(products(t47, F0_298 - F0_899, -F0_899), z3),
    ]
}

/// What needs no product: two bits more in the first pass, two bits less, rounded, in the second.
#[target_feature(enable = "avx2")]
#[inline]
fn scaled<const SHIFT: i32>(sum: __m256i) -> __m256i {
    if SHIFT < BITS {
        return _mm256_slli_epi16::<EXTRA_BITS>(sum);
    }
    _mm256_srai_epi16::<EXTRA_BITS>(_mm256_add_epi16(sum, _mm256_set1_epi16(1 << (EXTRA_BITS - 1))))
}

/// Values of `first` and `second` in turn: the lower ones of each half, the upper ones.
#[target_feature(enable = "avx2")]
#[inline]
fn interleaved(first: __m256i, second: __m256i) -> [__m256i; 2] {
    [_mm256_unpacklo_epi16(first, second), _mm256_unpackhi_epi16(first, second)]
}

/// `first` times one factor plus `second` times the other.
#[target_feature(enable = "avx2")]
#[inline]
fn products(values: [__m256i; 2], first: i32, second: i32) -> [__m256i; 2] {
    let factors = _mm256_set1_epi32(second << 16 | first & 0xffff);
    values.map(|half| _mm256_madd_epi16(half, factors))
}

/// The sum without its last bits, as 16-bit values again.
#[target_feature(enable = "avx2")]
#[inline]
fn shifted<const SHIFT: i32>(values: [__m256i; 2], others: [__m256i; 2]) -> __m256i {
    let low = _mm256_srai_epi32::<SHIFT>(_mm256_add_epi32(values[0], others[0]));
    let high = _mm256_srai_epi32::<SHIFT>(_mm256_add_epi32(values[1], others[1]));
    _mm256_packs_epi32(low, high)
}

#[target_feature(enable = "avx2")]
#[inline]
fn quantized(rows: [__m256i; 8], quantizer: &Quantizer) -> [__m256i; 8] {
    let mut result = rows;
    let tables = quantizer.half.as_chunks::<8>().0.iter().zip(quantizer.multiplier.as_chunks::<8>().0);
    let tables = tables.zip(quantizer.scale.as_chunks::<8>().0);
    for (row, ((half, multiplier), scale)) in result.iter_mut().zip(tables) {
        // SAFETY: eight values of 16 bits each.
        let [half, multiplier, scale] = unsafe {
            [
                _mm_loadu_si128(half.as_ptr().cast()),
                _mm_loadu_si128(multiplier.as_ptr().cast()),
                _mm_loadu_si128(scale.as_ptr().cast()),
            ]
        };
        let magnitude = _mm256_add_epi16(_mm256_abs_epi16(*row), _mm256_broadcastsi128_si256(half));
        let product = _mm256_mulhi_epu16(magnitude, _mm256_broadcastsi128_si256(multiplier));
        let quotient = _mm256_mulhi_epu16(product, _mm256_broadcastsi128_si256(scale));
        *row = _mm256_sign_epi16(quotient, *row);
    }
    result
}

/// For each quarter of the zigzag order, which bytes to take from each quarter of a block: a place, or 0x80 for none.
const ORDER: [[[u8; 16]; 4]; 4] = {
    let mut order = [[[0x80; 16]; 4]; 4];
    let mut at = 0;
    while at < 64 {
        let place = ZIGZAG[at] as usize;
        order[at / 16][place / 16][at % 16] = (place % 16) as u8;
        at += 1;
    }
    order
};

/// Quarters of the zigzag order, as bytes, of both blocks.
#[target_feature(enable = "avx2")]
#[inline]
fn zigzag(rows: [__m256i; 8]) -> [__m256i; 4] {
    let quarters = [
        _mm256_packs_epi16(rows[0], rows[1]),
        _mm256_packs_epi16(rows[2], rows[3]),
        _mm256_packs_epi16(rows[4], rows[5]),
        _mm256_packs_epi16(rows[6], rows[7]),
    ];
    [
        _mm256_or_si256(taken::<0, 0>(quarters[0]), _mm256_or_si256(taken::<0, 1>(quarters[1]), taken::<0, 2>(quarters[2]))),
        _mm256_or_si256(
            _mm256_or_si256(taken::<1, 0>(quarters[0]), taken::<1, 1>(quarters[1])),
            _mm256_or_si256(taken::<1, 2>(quarters[2]), taken::<1, 3>(quarters[3])),
        ),
        _mm256_or_si256(
            _mm256_or_si256(taken::<2, 0>(quarters[0]), taken::<2, 1>(quarters[1])),
            _mm256_or_si256(taken::<2, 2>(quarters[2]), taken::<2, 3>(quarters[3])),
        ),
        _mm256_or_si256(taken::<3, 1>(quarters[1]), _mm256_or_si256(taken::<3, 2>(quarters[2]), taken::<3, 3>(quarters[3]))),
    ]
}

/// The bytes of a quarter of the block that belong into a quarter of the order.
#[target_feature(enable = "avx2")]
#[inline]
fn taken<const TO: usize, const FROM: usize>(bytes: __m256i) -> __m256i {
    const { assert!(TO < 4 && FROM < 4) };
    // SAFETY: sixteen bytes of a constant.
    let order = unsafe { _mm_loadu_si128(ORDER[TO][FROM].as_ptr().cast()) };
    _mm256_shuffle_epi8(bytes, _mm256_broadcastsi128_si256(order))
}

#[cfg(test)]
mod tests {
    use super::super::fdct::tests::hard_blocks;
    use super::*;

    #[test]
    fn agrees_with_plain_rust() {
        let Some(avx2) = Avx2::detect() else { return };
        for (index, samples) in hard_blocks().iter().enumerate() {
            let step = [1, 1, 2, 3, 7, 16, 100, 255][index % 8];
            let quantizer = Quantizer::new(&std::array::from_fn(|place| if index % 3 == 0 { step } else { 1 + place as u16 * 4 }));
            let (mut expected, mut got) = (Pair::default(), Pair::default());
            Portable.pair(samples, &samples[8..], 16, &quantizer, &mut expected);
            avx2.pair(samples, &samples[8..], 16, &quantizer, &mut got);
            assert_eq!(got, expected, "block {index}");
        }
    }
}
