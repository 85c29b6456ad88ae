//! RGB to Y′CbCr (BT.601, full range, as in JFIF) and chroma at half size, both with libjpeg's rounding (`jccolor.c`, `jcsample.c`).

/// One over 65,536 is the unit. Luma's factors add up to one, those of chroma to nothing.
pub(super) const LUMA: [i32; 3] = [19595, 38470, 7471];
pub(super) const BLUE: [i32; 3] = [-11059, -21709, 32768];
pub(super) const RED: [i32; 3] = [32768, -27439, -5329];
/// Half a unit, for rounding.
pub(super) const LUMA_OFFSET: i32 = 1 << 15;
/// The middle of the range and a little less than half, so that full blue and red do not become 256.
pub(super) const CHROMA_OFFSET: i32 = (128 << 16) + (1 << 15) - 1;

/// Converts a row of pixels into three rows of as many samples.
pub(super) fn convert_row(pixels: &[u8], luma: &mut [u8], blue: &mut [u8], red: &mut [u8]) {
    let samples = luma.iter_mut().zip(blue).zip(red);
    for (&pixel, ((y, cb), cr)) in pixels.as_chunks::<3>().0.iter().zip(samples) {
        let sum = |factors: [i32; 3], offset| {
            let products = pixel.iter().zip(factors).map(|(&value, factor)| i32::from(value) * factor);
            ((products.sum::<i32>() + offset) >> 16) as u8
        };
        *y = sum(LUMA, LUMA_OFFSET);
        *cb = sum(BLUE, CHROMA_OFFSET);
        *cr = sum(RED, CHROMA_OFFSET);
    }
}

/// The means of 2×2 samples of two rows. Those that lie halfway between two values become the lower and the upper one in turn.
pub(super) fn halve_rows(upper: &[u8], lower: &[u8], half: &mut [u8]) {
    let cells = upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0);
    for (index, (mean, (upper, lower))) in half.iter_mut().zip(cells).enumerate() {
        let sum: u16 = upper.iter().chain(lower).map(|&sample| u16::from(sample)).sum();
        *mean = ((sum + 1 + (index as u16 & 1)) >> 2) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(pixel: [u8; 3]) -> [u8; 3] {
        let mut samples = [[0]; 3];
        let [y, cb, cr] = &mut samples;
        convert_row(&pixel, y, cb, cr);
        samples.map(|[sample]| sample)
    }

    #[test]
    fn known_colours() {
        let check = |pixel, expected| assert_eq!(converted(pixel), expected, "{pixel:?}");
        check([0, 0, 0], [0, 128, 128]);
        check([255, 255, 255], [255, 128, 128]);
        check([255, 0, 0], [76, 85, 255]);
        check([0, 255, 0], [150, 44, 21]);
        check([0, 0, 255], [29, 255, 107]);
        check([200, 100, 50], [124, 86, 182]);
    }

    #[test]
    fn agrees_with_the_real_formula() {
        for index in 0..32 * 32 * 32 {
            let pixel = [index, index / 32, index / 1024].map(|value| (value % 32 * 255 / 31) as u8);
            let [r, g, b] = pixel.map(f64::from);
            let y = 0.299 * r + 0.587 * g + 0.114 * b;
            let exact = [y, 128.0 + (b - y) / 1.772, 128.0 + (r - y) / 1.402];
            for (got, exact) in converted(pixel).into_iter().zip(exact) {
                assert!((f64::from(got) - exact).abs() < 0.51, "{pixel:?}: {got} for {exact}");
            }
        }
    }

    #[test]
    fn means_between_two_values_go_both_ways() {
        let mut half = [0; 4];
        halve_rows(&[1, 1, 1, 1, 3, 0, 0, 255], &[2, 2, 2, 2, 0, 0, 255, 255], &mut half);
        assert_eq!(half, [1, 2, 1, 191]);
    }
}
