//! A hash in which images that look alike differ in few bits.

use super::fields::Small;
use std::f64::consts::PI;

/// Side of the square that is transformed.
const SIDE: usize = 32;
/// Side of the corner of low frequencies that is kept.
const KEPT: usize = 8;

pub(crate) fn hash(small: &Small) -> Option<u64> {
    let square = averaged(small, SIDE, SIDE)?;
    let mut kept = Vec::with_capacity(KEPT * KEPT);
    let wave: Vec<Vec<f64>> =
        (0..=KEPT).map(|k| (0..SIDE).map(|at| (PI * k as f64 * (at as f64 + 0.5) / SIDE as f64).cos()).collect()).collect();
    let half: Vec<Vec<f64>> = square
        .chunks_exact(SIDE)
        .map(|row| wave.iter().map(|wave| row.iter().zip(wave).map(|(value, wave)| value * wave).sum()).collect())
        .collect();
    let first = std::env::var("PH_FIRST").map_or(0, |v| v.parse().unwrap());
    for j in first..KEPT + first {
        for i in first..KEPT + first {
            kept.push(half.iter().zip(&wave[j]).map(|(row, wave)| row[i] * wave).sum::<f64>());
        }
    }
    let mut sorted = kept.clone();
    sorted.sort_by(f64::total_cmp);
    let median = (sorted[31] + sorted[32]) / 2.0;
    Some(kept.iter().fold(0, |hash, &value| hash << 1 | u64::from(value > median)))
}

pub(crate) fn dhash(small: &Small) -> Option<u64> {
    let square = averaged(small, 9, 8)?;
    Some(
        square
            .chunks_exact(9)
            .flat_map(|row| row.windows(2).map(|pair| pair[0] > pair[1]))
            .fold(0, |hash, bit| hash << 1 | u64::from(bit)),
    )
}

/// The brightness averaged over the cells of a grid, cells cut across pixels; the shape is not kept.
fn averaged(small: &Small, width: usize, height: usize) -> Option<Vec<f64>> {
    if small.pixels.is_empty() {
        return None;
    }
    let luma: Vec<f64> = small.luma().collect();
    let (columns, rows) = (cells(small.width, width), cells(small.height, height));
    let mut averages = Vec::with_capacity(width * height);
    for row in &rows {
        for column in &columns {
            let sum: f64 = row
                .iter()
                .map(|&(y, tall)| column.iter().map(|&(x, wide)| luma[y * small.width + x] * wide).sum::<f64>() * tall)
                .sum();
            averages.push(sum);
        }
    }
    Some(averages)
}

/// Which pixels of a side each of so many cells covers, and with what weight; the weights of a cell make 1.
fn cells(length: usize, count: usize) -> Vec<Vec<(usize, f64)>> {
    let size = length as f64 / count as f64;
    let cell = |index: usize| {
        let (start, end) = (index as f64 * size, (index + 1) as f64 * size);
        let weight = |at: usize| (end.min(at as f64 + 1.0) - start.max(at as f64)) / size;
        (start as usize..length).take_while(|&at| (at as f64) < end).map(|at| (at, weight(at))).collect()
    };
    (0..count).map(cell).collect()
}
