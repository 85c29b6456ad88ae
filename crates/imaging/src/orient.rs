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

/// Side of the squares in which rows become columns, in pixels: that many rows of the source stay in the nearest cache.
const BLOCK: usize = 32;

fn turned<S: Copy + Default>(samples: &[S], stored: Size, channels: usize, turn: Turn) -> Vec<S> {
    match channels {
        1 => turned_pixels::<S, 1>(samples, stored, turn),
        2 => turned_pixels::<S, 2>(samples, stored, turn),
        3 => turned_pixels::<S, 3>(samples, stored, turn),
        _ => turned_pixels::<S, 4>(samples, stored, turn),
    }
}

fn turned_pixels<S: Copy + Default, const CHANNELS: usize>(samples: &[S], stored: Size, turn: Turn) -> Vec<S> {
    let (pixels, _) = samples.as_chunks::<CHANNELS>();
    let mut output = vec![[S::default(); CHANNELS]; pixels.len()];
    if turn.transpose {
        transpose(pixels, &mut output, stored, turn);
    } else {
        mirror(pixels, &mut output, stored, turn);
    }
    output.into_flattened()
}

fn mirror<P: Copy>(pixels: &[P], output: &mut [P], stored: Size, turn: Turn) {
    let width = stored.width as usize;
    let copy = |(target, source): (&mut [P], &[P])| {
        target.copy_from_slice(source);
        if turn.mirror_x {
            target.reverse();
        }
    };
    let (targets, sources) = (output.chunks_exact_mut(width), pixels.chunks_exact(width));
    if turn.mirror_y { targets.zip(sources.rev()).for_each(copy) } else { targets.zip(sources).for_each(copy) }
}

fn transpose<P: Copy>(pixels: &[P], output: &mut [P], stored: Size, turn: Turn) {
    let (stored_width, width) = (stored.width as usize, stored.height as usize);
    for (block_row, rows) in output.chunks_mut(width * BLOCK).enumerate() {
        for left in (0..width).step_by(BLOCK) {
            let right = width.min(left + BLOCK);
            for (row, targets) in rows.chunks_exact_mut(width).enumerate() {
                let y = block_row * BLOCK + row;
                let stored_x = if turn.mirror_y { stored_width - 1 - y } else { y };
                for (x, target) in (left..right).zip(&mut targets[left..right]) {
                    let stored_y = if turn.mirror_x { width - 1 - x } else { x };
                    *target = pixels[stored_y * stored_width + stored_x];
                }
            }
        }
    }
}

/// A rectangle in continuous pixel coordinates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rect {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Rect {
    /// The same in pixels so many times smaller.
    pub(crate) fn scaled(self, across: f64, down: f64) -> Self {
        Self { x: self.x * across, y: self.y * down, width: self.width * across, height: self.height * down }
    }
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
        fn four_quarter_turns_change_nothing(width in 1_u32..80, height in 1_u32..80, value in prop::sample::select(vec![6_u8, 8])) {
            let samples: Vec<u8> = (0..width * height * 3).map(|index| (index * 7) as u8).collect();
            let picture = Picture::eight(Size { width, height }, Layout::Rgb, samples);
            let turned = (0..4).fold(picture.clone(), |picture, _| upright(picture, orientation(value)));
            prop_assert_eq!(turned, picture);
        }

        /// Each pixel by the definition; sides are longer than the blocks that rows are turned in.
        #[test]
        fn every_pixel_goes_where_it_belongs(width in 1_u32..80, height in 1_u32..80, value in 2_u8..=8, channels in 1_usize..=4) {
            let stored = Size { width, height };
            let samples: Vec<u16> = (0..width * height * channels as u32).map(|index| index as u16).collect();
            let turn = turn(orientation(value));
            let turned = turned(&samples, stored, channels, turn);
            let shown = if turn.transpose { stored.swapped() } else { stored };
            for (index, pixel) in turned.chunks_exact(channels).enumerate() {
                let (x, y) = (index as u32 % shown.width, index as u32 / shown.width);
                let x = if turn.mirror_x { shown.width - 1 - x } else { x };
                let y = if turn.mirror_y { shown.height - 1 - y } else { y };
                let (stored_x, stored_y) = if turn.transpose { (y, x) } else { (x, y) };
                let start = (stored_y * width + stored_x) as usize * channels;
                prop_assert_eq!(pixel, &samples[start..start + channels]);
            }
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
