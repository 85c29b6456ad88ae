//! YCbCr to RGB with the constants of JFIF (BT.601, full range), in 16-bit fixed point.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "aarch64")]
mod neon;

/// `value · 2^16`, rounded.
const fn fixed(value: f64) -> i32 {
    (value * 65536.0 + 0.5) as i32
}

const CR_TO_RED: i32 = fixed(1.402);
const CB_TO_BLUE: i32 = fixed(1.772);
const CB_TO_GREEN: i32 = fixed(0.344_14);
const CR_TO_GREEN: i32 = fixed(0.714_14);
const HALF: i32 = 1 << 15;

/// Converts samples of luma and of both chromas, of which there are as many, to a third as many RGB pixels as `rgb` has bytes: to the
/// shortest of them.
pub fn ycbcr_to_rgb(luma: &[u8], blue: &[u8], red: &[u8], rgb: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[allow(unsafe_code)]
        // SAFETY: this processor has AVX2.
        return unsafe { avx2::ycbcr_to_rgb(luma, blue, red, rgb) };
    }
    #[cfg(target_arch = "aarch64")]
    #[allow(unsafe_code)]
    // SAFETY: every processor of this kind has NEON.
    unsafe {
        neon::ycbcr_to_rgb(luma, blue, red, rgb);
    }
    #[cfg(not(target_arch = "aarch64"))]
    ycbcr_to_rgb_portable(luma, blue, red, rgb);
}

/// [`ycbcr_to_rgb`] in ordinary arithmetic.
pub(crate) fn ycbcr_to_rgb_portable(luma: &[u8], blue: &[u8], red: &[u8], rgb: &mut [u8]) {
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

/// Interleaves rows.
pub(crate) fn interleave<const N: usize>(rows: [&[u8]; N], pixels: &mut [u8]) {
    for (x, pixel) in pixels.as_chunks_mut::<N>().0.iter_mut().enumerate() {
        *pixel = rows.map(|row| row[x]);
    }
}

/// Adobe's YCCK: the inks are the complement of what luma and chroma say, black stands as it is.
pub(crate) fn ycck_to_cmyk(rows: [&[u8]; 4], cmyk: &mut [u8]) {
    let mut rgb = [0; 3];
    for (x, pixel) in cmyk.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        let [y, cb, cr, black] = rows.map(|row| row[x]);
        ycbcr_to_rgb(&[y], &[cb], &[cr], &mut rgb);
        *pixel = [255 - rgb[0], 255 - rgb[1], 255 - rgb[2], black];
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
                    ycbcr_to_rgb_portable(&[y], &[cb], &[cr], &mut rgb);
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

    /// Every combination of chroma, with lumas that clamp at either end, in rows of odd lengths.
    #[test]
    fn vector_code_agrees_with_its_twin() {
        let blue: Vec<u8> = (0..=u16::MAX).map(|index| (index >> 8) as u8).collect();
        let red: Vec<u8> = (0..=u16::MAX).map(|index| index as u8).collect();
        for y in [0, 1, 77, 128, 200, 255] {
            for length in [0, 1, 15, 16, 17, 33, 65_536] {
                let luma = vec![y; length];
                let (mut vector, mut portable) = (vec![0; 3 * length], vec![0; 3 * length]);
                ycbcr_to_rgb(&luma, &blue[..length], &red[..length], &mut vector);
                ycbcr_to_rgb_portable(&luma, &blue[..length], &red[..length], &mut portable);
                assert!(vector == portable, "{y} {length}");
            }
        }
    }
}
