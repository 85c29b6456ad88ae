use super::StepError;
use super::values::{ColorMatrix, map_rgb};
use crate::alpha::expand;
use crate::picture::Picture;
use minilab_model::Sepia;

/// CSS `sepia(1)` (Filter Effects Module Level 1, "Shorthands").
const BROWNS: ColorMatrix = ColorMatrix([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]]);

/// Browns, as CSS `sepia()` gives them. Grey becomes RGB.
pub(super) fn apply(picture: Picture, options: &Sepia) -> Result<Picture, StepError> {
    let amount = options.amount.get();
    if amount == 0.0 {
        return Ok(picture);
    }
    let matrix = ColorMatrix::between(ColorMatrix::IDENTITY, BROWNS, amount);
    Ok(map_rgb(expand(&picture).into_owned(), |color| matrix.apply(color)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::values::tests::{check_both_depths, row};
    use super::*;
    use crate::picture::Layout;
    use minilab_model::Real;

    /// Expected values by the specification's matrix, by hand: 100 × 0.393 + 50 × 0.769 + 200 × 0.189 = 115.55.
    #[test]
    fn browns_are_those_of_css() {
        let sepia = |amount| move |picture| apply(picture, &Sepia { amount: Real::new(amount) }).unwrap();
        check_both_depths(&row(Layout::Rgb, &[100, 50, 200]), Layout::Rgb, &[116, 103, 80], sepia(1.0));
        check_both_depths(&row(Layout::Rgb, &[100, 50, 200]), Layout::Rgb, &[108, 76, 140], sepia(0.5));
        check_both_depths(&row(Layout::Rgba, &[255, 255, 255, 7]), Layout::Rgba, &[255, 255, 239, 7], sepia(1.0));
        check_both_depths(&row(Layout::Grey, &[100]), Layout::Rgb, &[135, 120, 94], sepia(1.0));
        check_both_depths(&row(Layout::GreyAlpha, &[100, 3]), Layout::GreyAlpha, &[100, 3], sepia(0.0));
    }
}
