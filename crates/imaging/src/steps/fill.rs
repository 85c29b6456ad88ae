//! What new area shows: a colour, or nothing.

use crate::alpha::{expand, with_alpha};
use crate::picture::{Layout, Picture, Sample};
use minilab_model::Color;

/// The picture in a layout that can hold the background beside it: with alpha where there is none, in RGB where it is a
/// colour.
pub(super) fn ready(picture: Picture, background: Option<Color>) -> Picture {
    match (picture.layout, background) {
        (_, None) => with_alpha(picture),
        (Layout::Grey | Layout::GreyAlpha, Some(color)) if !is_grey(color) => expand(&picture).into_owned(),
        (_, Some(_)) => picture,
    }
}

/// A pixel of the background in a layout that [`ready`] gave: the first [`Layout::channels`] count. Clear without a colour.
pub(super) fn pixel<S: Sample>(layout: Layout, background: Option<Color>) -> [S; 4] {
    let Some(Color { red, green, blue }) = background else { return [S::default(); 4] };
    // 255 divides 65,535.
    let [red, green, blue] = [red, green, blue].map(|value| S::from_u64(u64::from(value) * (S::MAX / 255)));
    let full = S::from_u64(S::MAX);
    match layout {
        Layout::Grey | Layout::GreyAlpha => [red, full, full, full],
        Layout::Rgb | Layout::Rgba => [red, green, blue, full],
        // Inks; converted to sRGB long before any step.
        Layout::Cmyk => [S::default(); 4],
    }
}

fn is_grey(color: Color) -> bool {
    color.red == color.green && color.green == color.blue
}
