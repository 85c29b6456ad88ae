//! Turning pictures upright (EXIF orientation 1 to 8).

use crate::picture::{Picture, Samples, Size};
use minilab_model::Orientation;

/// Where the upright picture's pixel comes from, as the three things that an orientation does, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Turn {
    /// Rows become columns.
    transpose: bool,
    /// Then left and right change places.
    mirror_x: bool,
    /// Then top and bottom change places.
    mirror_y: bool,
}

fn turn(orientation: Orientation) -> Turn {
    let (transpose, mirror_x, mirror_y) = match orientation.value() {
        2 => (false, true, false),
        3 => (false, true, true),
        4 => (false, false, true),
        5 => (true, false, false),
        6 => (true, true, false),
        7 => (true, true, true),
        8 => (true, false, true),
        _ => (false, false, false),
    };
    Turn { transpose, mirror_x, mirror_y }
}

/// Makes a stored picture upright.
pub(crate) fn upright(picture: Picture, orientation: Orientation) -> Picture {
    if orientation == Orientation::UPRIGHT {
        return picture;
    }
    let size = if orientation.swaps_sides() { picture.size.swapped() } else { picture.size };
    let channels = picture.layout.channels();
    let samples = match &picture.samples {
        Samples::Eight(samples) => Samples::Eight(turned(samples, picture.size, channels, turn(orientation))),
        Samples::Sixteen(samples) => Samples::Sixteen(turned(samples, picture.size, channels, turn(orientation))),
    };
    Picture { size, layout: picture.layout, samples }
}

fn turned<S: Copy>(samples: &[S], stored: Size, channels: usize, turn: Turn) -> Vec<S> {
    let (width, height) = (stored.width as usize, stored.height as usize);
    let (out_width, out_height) = if turn.transpose { (height, width) } else { (width, height) };
    let mut output = Vec::with_capacity(samples.len());
    for y in 0..out_height {
        let y = if turn.mirror_y { out_height - 1 - y } else { y };
        for x in 0..out_width {
            let x = if turn.mirror_x { out_width - 1 - x } else { x };
            let (stored_x, stored_y) = if turn.transpose { (y, x) } else { (x, y) };
            let start = (stored_y * width + stored_x) * channels;
            output.extend_from_slice(&samples[start..start + channels]);
        }
    }
    output
}

/// A rectangle in continuous pixel coordinates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rect {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// Where a part of the upright image lies in the stored one. `upright_width` and `upright_height` are of the whole image.
pub(crate) fn to_stored(part: Rect, orientation: Orientation, upright_width: f64, upright_height: f64) -> Rect {
    let turn = turn(orientation);
    let x = if turn.mirror_x { upright_width - part.x - part.width } else { part.x };
    let y = if turn.mirror_y { upright_height - part.y - part.height } else { part.y };
    if turn.transpose { Rect { x: y, y: x, width: part.height, height: part.width } } else { Rect { x, y, ..part } }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::picture::Layout;
    use proptest::prelude::*;

    fn grey(width: u32, samples: &[u8]) -> Picture {
        let height = samples.len() as u32 / width;
        Picture::eight(Size { width, height }, Layout::Grey, samples.to_vec())
    }

    fn orientation(value: u8) -> Orientation {
        value.try_into().unwrap()
    }

    #[test]
    fn each_orientation_makes_the_same_picture_upright() {
        // Upright it reads 1 2 3 / 4 5 6. The stored forms follow from CIPA DC-008's table of row 0 and column 0.
        let upright_picture = grey(3, &[1, 2, 3, 4, 5, 6]);
        let check = |value, stored: Picture| assert_eq!(upright(stored, orientation(value)), upright_picture, "{value}");
        check(1, grey(3, &[1, 2, 3, 4, 5, 6]));
        check(2, grey(3, &[3, 2, 1, 6, 5, 4]));
        check(3, grey(3, &[6, 5, 4, 3, 2, 1]));
        check(4, grey(3, &[4, 5, 6, 1, 2, 3]));
        check(5, grey(2, &[1, 4, 2, 5, 3, 6]));
        check(6, grey(2, &[3, 6, 2, 5, 1, 4]));
        check(7, grey(2, &[6, 3, 5, 2, 4, 1]));
        check(8, grey(2, &[4, 1, 5, 2, 6, 3]));
    }

    proptest! {
        #[test]
        fn four_quarter_turns_change_nothing(width in 1_u32..20, height in 1_u32..20, value in prop::sample::select(vec![6_u8, 8])) {
            let samples: Vec<u8> = (0..width * height * 3).map(|index| (index * 7) as u8).collect();
            let picture = Picture::eight(Size { width, height }, Layout::Rgb, samples);
            let turned = (0..4).fold(picture.clone(), |picture, _| upright(picture, orientation(value)));
            prop_assert_eq!(turned, picture);
        }

        #[test]
        fn a_mirror_undoes_itself(value in prop::sample::select(vec![2_u8, 3, 4, 5, 7])) {
            let picture = grey(3, &[1, 2, 3, 4, 5, 6]);
            prop_assert_eq!(upright(upright(picture.clone(), orientation(value)), orientation(value)), picture);
        }

        /// One pixel is found where the turned picture shows it.
        #[test]
        fn parts_are_mapped_as_pixels_are(value in 1_u8..=8, x in 0_u32..5, y in 0_u32..3) {
            let orientation = orientation(value);
            let (width, height) = (5.0, 3.0);
            let stored_size = if orientation.swaps_sides() { (3, 5) } else { (5, 3) };
            let stored = grey(stored_size.0, &(0..15).collect::<Vec<u8>>());
            let part = Rect { x: f64::from(x), y: f64::from(y), width: 1.0, height: 1.0 };
            let found = to_stored(part, orientation, width, height);
            let stored_index = found.y as usize * stored_size.0 as usize + found.x as usize;
            let upright_picture = upright(stored, orientation);
            let Samples::Eight(samples) = &upright_picture.samples else { unreachable!() };
            prop_assert_eq!(usize::from(samples[(y * 5 + x) as usize]), stored_index);
        }
    }
}
