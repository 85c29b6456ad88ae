use super::values::luma;
use crate::picture::{Layout, Picture};

/// Takes the colour away: what is left is Rec. 709 luma of the gamma-encoded values, as CSS `grayscale()` has it. The result
/// has a grey layout, with alpha where there was some.
pub(super) fn apply(picture: Picture) -> Picture {
    match picture.layout {
        Layout::Rgb => picture.map_pixels(Layout::Grey, |pixel| [luma(pixel)], |pixel| [luma(pixel)]),
        Layout::Rgba => picture.map_pixels(Layout::GreyAlpha, |pixel| [luma(pixel), pixel[3]], |pixel| [luma(pixel), pixel[3]]),
        Layout::Grey | Layout::GreyAlpha | Layout::Cmyk => picture,
    }
}

#[cfg(test)]
mod tests {
    use super::super::values::tests::{check_both_depths, row};
    use super::*;

    #[test]
    fn luma_is_what_is_left() {
        let colors = row(Layout::Rgb, &[255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 10, 20, 30]);
        check_both_depths(&colors, Layout::Grey, &[54, 182, 18, 255, 19], apply);
        check_both_depths(&row(Layout::Rgba, &[255, 0, 0, 77]), Layout::GreyAlpha, &[54, 77], apply);
        check_both_depths(&row(Layout::GreyAlpha, &[9, 77]), Layout::GreyAlpha, &[9, 77], apply);
    }
}
