use super::StepError;
use super::values::{ColorMatrix, from_unit, map_by_table};
use crate::picture::{Picture, Sample, Samples};
use minilab_model::Adjust;

/// Brightness, contrast, saturation and hue as CSS `brightness() contrast() saturate() hue-rotate()` in this order (Filter
/// Effects Module Level 1). One pass: the first two by a table, the others by matrices; in between values are cut off at 0 and
/// 1, as they are between CSS filters, but not rounded.
pub(super) fn apply(mut picture: Picture, options: &Adjust) -> Result<Picture, StepError> {
    let (brightness, contrast) = (options.brightness.get(), options.contrast.get());
    let curve = |value: f64| ((value * brightness).min(1.0) * contrast + 0.5 - 0.5 * contrast).clamp(0.0, 1.0);
    // Each row of the matrices adds up to 1, so grey stays as it is.
    let (saturation, hue) = (options.saturation.get(), options.hue.get());
    if picture.layout.channels() < 3 || (saturation == 1.0 && hue == 0.0) {
        return Ok(map_by_table(picture, curve));
    }
    let matrices = (saturate(saturation), rotate_hue(hue));
    let channels = picture.layout.channels();
    match &mut picture.samples {
        Samples::Eight(samples) => run(samples, channels, curve, matrices),
        Samples::Sixteen(samples) => run(samples, channels, curve, matrices),
    }
    Ok(picture)
}

fn run<S: Sample>(samples: &mut [S], channels: usize, curve: impl Fn(f64) -> f64, (saturation, hue): (ColorMatrix, ColorMatrix)) {
    let table: Vec<f32> = (0..=S::MAX).map(|level| curve(level as f64 / S::MAX as f64) as f32).collect();
    for pixel in samples.chunks_exact_mut(channels) {
        let color = [0, 1, 2].map(|channel| table[pixel[channel].to_u64() as usize]);
        let changed = hue.apply(saturation.apply(color));
        for (sample, value) in pixel.iter_mut().zip(changed) {
            *sample = from_unit(value);
        }
    }
}

/// Grey of the same luma; the weights as rounded in the specification.
const GREY: ColorMatrix = ColorMatrix([[0.213, 0.715, 0.072]; 3]);

fn saturate(factor: f64) -> ColorMatrix {
    ColorMatrix::between(GREY, ColorMatrix::IDENTITY, factor)
}

fn rotate_hue(degrees: f64) -> ColorMatrix {
    const SINES: [[f64; 3]; 3] = [[-0.213, -0.715, 0.928], [0.143, 0.140, -0.283], [-0.787, 0.715, 0.072]];
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let mut matrix = saturate(cosine);
    for (row, sines) in matrix.0.iter_mut().zip(SINES) {
        for (entry, part) in row.iter_mut().zip(sines) {
            *entry += (sine * part) as f32;
        }
    }
    matrix
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::values::tests::{check_both_depths, row};
    use super::*;
    use crate::picture::Layout;
    use minilab_model::Real;

    /// Brightness, contrast, saturation, hue.
    fn check(values: [f64; 4], before: [u8; 3], after: [u8; 3]) {
        let [brightness, contrast, saturation, hue] = values.map(Real::new);
        let options = Adjust { brightness, contrast, saturation, hue };
        let change = |picture| apply(picture, &options).unwrap();
        check_both_depths(&row(Layout::Rgb, &before), Layout::Rgb, &after, change);
        let with_alpha = |[red, green, blue]: [u8; 3]| [red, green, blue, 99];
        check_both_depths(&row(Layout::Rgba, &with_alpha(before)), Layout::Rgba, &with_alpha(after), change);
    }

    #[test]
    fn each_part_is_css_filter_of_its_name() {
        check([1.0, 1.0, 1.0, 0.0], [10, 100, 200], [10, 100, 200]);
        check([1.5, 1.0, 1.0, 0.0], [10, 100, 200], [15, 150, 255]);
        check([0.0, 1.0, 1.0, 0.0], [10, 100, 200], [0, 0, 0]);
        // (v - 127.5) × 3 + 127.5.
        check([1.0, 3.0, 1.0, 0.0], [10, 100, 150], [0, 45, 195]);
        check([1.0, 0.0, 1.0, 0.0], [10, 100, 200], [128, 128, 128]);
        // 0.213 × 10 + 0.715 × 100 + 0.072 × 200 = 88.03.
        check([1.0, 1.0, 0.0, 0.0], [10, 100, 200], [88, 88, 88]);
        // Twice as far from grey, 97.18; on its other side.
        check([1.0, 1.0, 2.0, 0.0], [80, 100, 120], [63, 103, 143]);
        check([1.0, 1.0, 1.0, 180.0], [80, 100, 120], [114, 94, 74]);
        check([1.0, 1.0, 1.0, 360.0], [80, 100, 120], [80, 100, 120]);
        check([1.0, 1.0, 1.0, -90.0], [255, 0, 0], [109, 18, 255]);
    }

    #[test]
    fn the_order_is_brightness_contrast_saturation_hue() {
        // 60, 120, 240 × 0.5, then twice as far from the middle: 0, 0, 112.5; then grey of 0.072 × 112.5.
        check([0.5, 2.0, 0.0, 0.0], [60, 120, 240], [8, 8, 8]);
        // Red cannot be more saturated, and is cut off before its hue turns: 0.356 × 255 of green.
        check([1.0, 1.0, 3.0, 90.0], [255, 0, 0], [0, 91, 0]);
    }

    #[test]
    fn grey_stays_grey() {
        let [brightness, hue] = [2.0, 77.0].map(Real::new);
        let options = Adjust { brightness, hue, saturation: Real::new(3.0), ..Adjust::default() };
        let change = |picture| apply(picture, &options).unwrap();
        check_both_depths(&row(Layout::GreyAlpha, &[30, 5, 200, 6]), Layout::GreyAlpha, &[60, 5, 255, 6], change);
    }
}
