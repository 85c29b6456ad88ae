use super::StepError;
use super::values::map_by_table;
use crate::picture::Picture;
use minilab_model::Gamma;

/// Changes the middle tones of every channel but alpha: `output = input ^ (1 / value)` of the gamma-encoded values.
pub(super) fn apply(picture: Picture, options: &Gamma) -> Result<Picture, StepError> {
    let exponent = 1.0 / options.value.get();
    Ok(map_by_table(picture, |value| value.powf(exponent)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::values::tests::{check_both_depths, row};
    use super::*;
    use crate::picture::Layout;
    use minilab_model::Real;

    #[test]
    fn black_and_white_stay() {
        let gamma = |value| move |picture| apply(picture, &Gamma { value: Real::new(value) }).unwrap();
        // √(64 / 255) × 255 = 127.7.
        check_both_depths(&row(Layout::Rgb, &[0, 64, 255]), Layout::Rgb, &[0, 128, 255], gamma(2.0));
        check_both_depths(&row(Layout::GreyAlpha, &[128, 64]), Layout::GreyAlpha, &[64, 64], gamma(0.5));
        check_both_depths(&row(Layout::Rgba, &[1, 2, 3, 4]), Layout::Rgba, &[1, 2, 3, 4], gamma(1.0));
    }
}
