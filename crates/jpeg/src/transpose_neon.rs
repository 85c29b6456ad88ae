//! Rows for columns in NEON: what the transforms of both directions share.

use std::arch::aarch64::*;

/// Rows for columns: the first half of all values interleaved with the second, three times.
#[target_feature(enable = "neon")]
#[inline]
pub(crate) fn transposed(mut rows: [int16x8_t; 8]) -> [int16x8_t; 8] {
    for _ in 0..3 {
        let [a, b, c, d, e, f, g, h] = rows;
        rows = [
            vzip1q_s16(a, e),
            vzip2q_s16(a, e),
            vzip1q_s16(b, f),
            vzip2q_s16(b, f),
            vzip1q_s16(c, g),
            vzip2q_s16(c, g),
            vzip1q_s16(d, h),
            vzip2q_s16(d, h),
        ];
    }
    rows
}
