//! A hash in which images that look alike differ in few bits: pHash, the signs of the lowest frequencies of a cosine transform
//! (C. Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010, 3.2.1).
//!
//! Chosen over dHash (N. Krawetz, 2013) by the five photos in testdata/demo, each in thirteen changed copies. Copies shrunk to a
//! half and to 120 pixels, as JPEG of quality 50 and 20, 30% brighter and darker, in grey, and stretched: 0 to 2 bits differ
//! (dHash 0 to 3); as JPEG of quality 5 up to 6 (6); with 2% cut off all around up to 8 (10). Different photos: 28 to 36 bits
//! (25 to 44).

use super::fields::Small;
use std::f64::consts::PI;

/// Side of the square that is transformed.
const SIDE: usize = 32;
/// Side of the corner of low frequencies that is kept.
const KEPT: usize = 8;

/// The hash of a picture, on white where it is transparent: a bit for each of the 64 lowest frequencies, 1 where it is above the
/// median of all. The lowest frequency is the highest bit.
pub(crate) fn hash(small: &Small) -> Option<u64> {
    let square = averaged(small)?;
    let wave = |k: usize| (0..SIDE).map(|at| (PI * k as f64 * (at as f64 + 0.5) / SIDE as f64).cos()).collect();
    let waves: Vec<Vec<f64>> = (0..KEPT).map(wave).collect();
    let along = |row: &[f64], wave: &[f64]| -> f64 { row.iter().zip(wave).map(|(value, wave)| value * wave).sum() };
    let mut frequencies = Vec::with_capacity(KEPT * KEPT);
    for down in &waves {
        for across in &waves {
            let columns: Vec<f64> = square.chunks_exact(SIDE).map(|row| along(row, across)).collect();
            // Rounded, so that what is nothing stays nothing: even areas would else give the signs of rounding errors.
            frequencies.push((along(&columns, down) * 1e3).round());
        }
    }
    let mut sorted = frequencies.clone();
    sorted.sort_by(f64::total_cmp);
    let median = f64::midpoint(sorted[KEPT * KEPT / 2 - 1], sorted[KEPT * KEPT / 2]);
    Some(frequencies.iter().fold(0, |hash, &value| hash << 1 | u64::from(value > median)))
}

/// The brightness averaged over the cells of a square grid, cells cut across pixels; the shape is not kept.
fn averaged(small: &Small) -> Option<Vec<f64>> {
    if small.pixels.is_empty() {
        return None;
    }
    let luma: Vec<f64> = small.luma().collect();
    let (columns, rows) = (cells(small.width), cells(small.height));
    let mut averages = Vec::with_capacity(SIDE * SIDE);
    for row in &rows {
        for column in &columns {
            let across = |y: usize| column.iter().map(|&(x, weight)| luma[y * small.width + x] * weight).sum::<f64>();
            averages.push(row.iter().map(|&(y, weight)| across(y) * weight).sum());
        }
    }
    Some(averages)
}

/// Which pixels of a side each of the cells covers, and with what weight; the weights of a cell make 1.
fn cells(length: usize) -> Vec<Vec<(usize, f64)>> {
    let size = length as f64 / SIDE as f64;
    let cell = |index: usize| {
        let (start, end) = (index as f64 * size, (index + 1) as f64 * size);
        let weight = |at: usize| (end.min(at as f64 + 1.0) - start.max(at as f64)) / size;
        (start as usize..length).take_while(|&at| (at as f64) < end).map(|at| (at, weight(at))).collect()
    };
    (0..SIDE).map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fields::tests::small;
    use super::*;

    #[test]
    fn even_pictures_have_the_average_alone() {
        for side in [1, 7, 32, 100] {
            let even = small(side, side, |_, _| [90, 120, 40, 255]);
            assert_eq!(hash(&even), Some(1 << 63), "{side}");
        }
    }

    #[test]
    fn size_and_shape_change_little() {
        let blot = |width: usize, height: usize| {
            small(width, height, |x, y| {
                let (x, y) = (x as f64 / width as f64, y as f64 / height as f64);
                let value = (128.0 + 90.0 * (7.0 * x + 2.0 * y).sin() * (5.0 * y - x * x).cos()) as u8;
                [value, value, value, 255]
            })
        };
        let whole = hash(&blot(100, 100)).unwrap_or_default();
        let differing = |other: Small| (hash(&other).unwrap_or_default() ^ whole).count_ones();
        assert!(differing(blot(50, 50)) <= 4);
        assert!(differing(blot(100, 31)) <= 4);
        let mirrored = blot(100, 100);
        let mirrored = small(100, 100, |x, y| mirrored.pixels[y * 100 + 99 - x]);
        assert!(differing(mirrored) > 16);
    }
}
