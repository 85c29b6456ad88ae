//! YCbCr to RGB with the constants of JFIF (BT.601, full range), in 16-bit fixed point.

/// `value · 2^16`, rounded.
const fn fixed(value: f64) -> i32 {
    (value * 65536.0 + 0.5) as i32
}

const CR_TO_RED: i32 = fixed(1.402);
const CB_TO_BLUE: i32 = fixed(1.772);
const CB_TO_GREEN: i32 = fixed(0.344_14);
const CR_TO_GREEN: i32 = fixed(0.714_14);
const HALF: i32 = 1 << 15;

/// Converts a row; `rgb` is three times as long as the others, which are equally long.
pub(crate) fn ycbcr_to_rgb(luma: &[u8], blue: &[u8], red: &[u8], rgb: &mut [u8]) {
    let samples = luma.iter().zip(blue).zip(red);
    for (pixel, ((&y, &cb), &cr)) in rgb.chunks_exact_mut(3).zip(samples) {
        let y = i32::from(y);
        let cb = i32::from(cb) - 128;
        let cr = i32::from(cr) - 128;
        pixel[0] = clamp(y + ((CR_TO_RED * cr + HALF) >> 16));
        pixel[1] = clamp(y + ((HALF - CB_TO_GREEN * cb - CR_TO_GREEN * cr) >> 16));
        pixel[2] = clamp(y + ((CB_TO_BLUE * cb + HALF) >> 16));
    }
}

/// Interleaves three rows.
pub(crate) fn interleave(first: &[u8], second: &[u8], third: &[u8], rgb: &mut [u8]) {
    let samples = first.iter().zip(second).zip(third);
    for (pixel, ((&r, &g), &b)) in rgb.chunks_exact_mut(3).zip(samples) {
        pixel.copy_from_slice(&[r, g, b]);
    }
}

fn clamp(value: i32) -> u8 {
    value.clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_real_formula() {
        for y in (0..=255).step_by(5) {
            for cb in (0..=255).step_by(5) {
                for cr in (0..=255).step_by(5) {
                    let mut rgb = [0; 3];
                    ycbcr_to_rgb(&[y], &[cb], &[cr], &mut rgb);
                    let (y, b, r) = (f64::from(y), f64::from(cb) - 128.0, f64::from(cr) - 128.0);
                    let exact = [y + 1.402 * r, y - 0.114 * 1.772 / 0.587 * b - 0.299 * 1.402 / 0.587 * r, y + 1.772 * b];
                    for (got, want) in rgb.into_iter().zip(exact) {
                        let error = (f64::from(got) - want.clamp(0.0, 255.0)).abs();
                        assert!(error < 0.51, "{y} {b} {r}: {got}, not {want}");
                    }
                }
            }
        }
    }
}
