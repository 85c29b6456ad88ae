//! The two filters in ordinary arithmetic: the definition of what [`avx2`](super::avx2) computes.

use super::weights::Weights;
use super::{VALUE_BITS, WEIGHT_BITS};

/// What the sums of the first filter are shifted by, and those of the second.
pub(super) const DOWN_SHIFT: u32 = WEIGHT_BITS - VALUE_BITS;
pub(super) const ACROSS_SHIFT: u32 = WEIGHT_BITS + VALUE_BITS;

/// Filters down the columns.
pub(super) fn down(rows: &[&[u8]], weights: &[i16], values: &mut [i16]) {
    let width = rows.iter().map(|row| row.len()).min().unwrap_or(0);
    for (x, value) in values.iter_mut().enumerate().take(width) {
        let sum: i32 = rows.iter().zip(weights).map(|(row, &weight)| i32::from(row[x]) * i32::from(weight)).sum();
        let rounded = (sum + (1 << (DOWN_SHIFT - 1))) >> DOWN_SHIFT;
        *value = rounded.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
    }
}

/// Filters a row across.
pub(super) fn across(row: &[i16], weights: &Weights, samples: &mut [u8]) {
    for (output, sample) in samples.iter_mut().enumerate().take(weights.outputs()) {
        let values = &row[weights.start(output)..];
        let sum: i32 = weights.of(output).iter().zip(values).map(|(&weight, &value)| i32::from(weight) * i32::from(value)).sum();
        *sample = ((sum + (1 << (ACROSS_SHIFT - 1))) >> ACROSS_SHIFT).clamp(0, 255) as u8;
    }
}
