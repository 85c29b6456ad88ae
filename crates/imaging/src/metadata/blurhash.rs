//! BlurHash: a picture as a few cosines in some 30 characters, to show before the image is there. Written after the algorithm's
//! description (<https://github.com/woltapp/blurhash/blob/master/Algorithm.md>).

use super::fields::Small;
use crate::light::{light_to_srgb, srgb_to_light};
use std::f64::consts::PI;

const DIGITS: &[u8; 83] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";
/// Cosines along the longer side and along the shorter one.
const LONG: usize = 4;
const SHORT: usize = 3;

/// The hash of a picture, on white where it is transparent, with 4 × 3 components or 3 × 4.
pub(crate) fn hash(small: &Small) -> Option<String> {
    if small.pixels.is_empty() {
        return None;
    }
    let (across, down) = if small.width >= small.height { (LONG, SHORT) } else { (SHORT, LONG) };
    let components = components(small, across, down);
    let (average, rest) = components.split_first()?;
    let mut hash = String::with_capacity(28);
    put(&mut hash, across - 1 + (down - 1) * 9, 1);
    let largest = rest.iter().flatten().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let quantised = (largest * 166.0 - 0.5).floor().clamp(0.0, 82.0);
    put(&mut hash, quantised as usize, 1);
    let [red, green, blue] = average.map(|light| (light_to_srgb(light.clamp(0.0, 1.0)) * 255.0).round() as usize);
    put(&mut hash, red << 16 | green << 8 | blue, 4);
    let scale = (quantised + 1.0) / 166.0;
    for component in rest {
        // The square root spends more steps on small values; 0 to 18, 9 for nothing.
        let step = |value: f64| ((value / scale).abs().sqrt().copysign(value) * 9.0 + 9.5).floor().clamp(0.0, 18.0) as usize;
        let [red, green, blue] = component.map(step);
        put(&mut hash, red * 19 * 19 + green * 19 + blue, 2);
    }
    Some(hash)
}

/// The light of each cosine, red, green and blue; the average first.
fn components(small: &Small, across: usize, down: usize) -> Vec<[f64; 3]> {
    let light: Vec<[f64; 3]> = {
        let table: Vec<f64> = (0..=255_u8).map(|value| srgb_to_light(f64::from(value) / 255.0)).collect();
        small.on_white().map(|pixel| pixel.map(|value| table[usize::from(value)])).collect()
    };
    let waves = |count: usize, length: usize| -> Vec<Vec<f64>> {
        let wave = |k: usize| (0..length).map(|at| (PI * k as f64 * at as f64 / length as f64).cos()).collect();
        (0..count).map(wave).collect()
    };
    let (columns, rows) = (waves(across, small.width), waves(down, small.height));
    let mut components = Vec::with_capacity(across * down);
    for (j, row_wave) in rows.iter().enumerate() {
        for (i, column_wave) in columns.iter().enumerate() {
            let mut sum = [0.0; 3];
            for (row, down) in light.chunks_exact(small.width).zip(row_wave) {
                for (pixel, across) in row.iter().zip(column_wave) {
                    for (sum, value) in sum.iter_mut().zip(pixel) {
                        *sum += value * across * down;
                    }
                }
            }
            let scale = if i == 0 && j == 0 { 1.0 } else { 2.0 };
            components.push(sum.map(|sum| sum * scale / light.len() as f64));
        }
    }
    components
}

/// A number as so many digits of base 83, the highest first.
fn put(hash: &mut String, value: usize, length: u32) {
    for power in (0..length).rev() {
        hash.push(char::from(DIGITS[value / 83_usize.pow(power) % 83]));
    }
}

#[cfg(test)]
mod tests {
    use super::super::fields::tests::small;
    use super::*;

    /// Expected texts computed with the Python package `blurhash` 1.1.5 (halcy), which follows the same description.
    #[test]
    fn it_is_the_hash_that_others_compute() {
        let check = |picture: Small, expected: &str| assert_eq!(hash(&picture).as_deref(), Some(expected));
        check(small(40, 30, |_, _| [255, 255, 255, 255]), "LATSUA_3fQ_3~qj[fQj[fQfQfQfQ");
        check(small(40, 30, |x, y| [x as u8 * 6, y as u8 * 8, 128, 255]), "LqG91]2swxX8l}WWjtf7gJfjfQfj");
        let waves = |x: usize, y: usize| [((x * x * 7 + y * 13) % 256) as u8, (y * y % 256) as u8, (x * y % 256) as u8, 255];
        check(small(20, 31, waves), "TIG@[TxhN.ujWCSRD6WIFNv}F4n_");
    }

    #[test]
    fn what_is_hidden_under_transparency_does_not_show() {
        let hidden = small(8, 8, |_, _| [0, 255, 0, 0]);
        let white = small(8, 8, |_, _| [255; 4]);
        assert_eq!(hash(&hidden), hash(&white));
    }
}
