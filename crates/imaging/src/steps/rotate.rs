use super::float::Float;
use super::gaussian::catmull_rom;
use super::{StepError, fill};
use crate::error::ImageError;
use crate::orient::upright;
use crate::picture::{Deadline, Layout, Picture, Samples, Size};
use minilab_model::{Color, Orientation, Rotate};

/// A frame that is this much too small, in pixels, is not enlarged: it comes of rounding.
const SLACK: f64 = 1e-6;

/// The frame that an image is in when it is turned: whole pixels, large enough for all of it.
pub(super) fn rotated_size(image: Size, degrees: f64) -> Size {
    if let Some(orientation) = quarter_turn(degrees) {
        return if orientation.swaps_sides() { image.swapped() } else { image };
    }
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let (width, height) = (f64::from(image.width), f64::from(image.height));
    let side = |along: f64, across: f64| ((along.abs() + across.abs() - SLACK).ceil() as u32).max(1);
    Size { width: side(width * cosine, height * sine), height: side(width * sine, height * cosine) }
}

/// Turns clockwise. Quarter turns move pixels; other angles interpolate with Catmull and Rom's cubic, weighted by alpha. The
/// pixels that the image's edge goes through are covered in part.
pub(super) fn apply(picture: Picture, options: &Rotate, deadline: Deadline) -> Result<Picture, StepError> {
    let degrees = options.degrees.get();
    if let Some(orientation) = quarter_turn(degrees) {
        return Ok(upright(picture, orientation));
    }
    let picture = fill::ready(picture, options.background);
    let size = rotated_size(picture.size, degrees);
    let turn = Turn::new(picture.size, size, degrees);
    let samples = match &picture.samples {
        Samples::Eight(samples) => turned(samples, picture.layout, &turn, options.background, deadline).map(Samples::Eight),
        Samples::Sixteen(samples) => turned(samples, picture.layout, &turn, options.background, deadline).map(Samples::Sixteen),
    };
    Ok(Picture { size, layout: picture.layout, samples: samples.map_err(StepError::Image)? })
}

/// The EXIF orientation that turns by the same angle, where one does.
fn quarter_turn(degrees: f64) -> Option<Orientation> {
    let turned = degrees.rem_euclid(360.0);
    let value = [(0.0, 1), (90.0, 6), (180.0, 3), (270.0, 8)].into_iter().find(|&(angle, _)| angle == turned)?.1;
    Orientation::try_from(value).ok()
}

/// From places in the turned frame to places in the image. Places are continuous: a pixel's middle lies at a half.
struct Turn {
    image: Size,
    frame: Size,
    sine: f64,
    cosine: f64,
}

impl Turn {
    fn new(image: Size, frame: Size, degrees: f64) -> Self {
        let (sine, cosine) = degrees.to_radians().sin_cos();
        Self { image, frame, sine, cosine }
    }

    /// Where in the image the middle of the first pixel of a row lies. Each further pixel lies by the cosine further to the
    /// right, and by the sine higher.
    fn row_start(&self, y: usize) -> (f64, f64) {
        let (x, y) = (0.5 - f64::from(self.frame.width) / 2.0, y as f64 + 0.5 - f64::from(self.frame.height) / 2.0);
        let across = x * self.cosine + y * self.sine + f64::from(self.image.width) / 2.0;
        let down = y * self.cosine - x * self.sine + f64::from(self.image.height) / 2.0;
        (across, down)
    }

    /// The pixels of a row that the image can cover, beginning and end.
    fn covered(&self, start: (f64, f64)) -> (usize, usize) {
        let (mut first, mut end) = (0.0, f64::from(self.frame.width));
        for (start, step, length) in [(start.0, self.cosine, self.image.width), (start.1, -self.sine, self.image.height)] {
            // Half a pixel outside the image nothing of it is left. Not 0: those angles are quarter turns.
            let one = (-0.5 - start) / step;
            let other = (f64::from(length) + 0.5 - start) / step;
            first = one.min(other).floor().max(first);
            end = (one.max(other).ceil() + 1.0).min(end);
        }
        // Negative numbers become 0.
        (first as usize, end as usize)
    }
}

/// How much of a pixel at `place` lies on a side of `length` pixels, 0 to 1.
fn coverage(place: f64, length: u32) -> f64 {
    (place.min(f64::from(length) - place) + 0.5).clamp(0.0, 1.0)
}

fn turned<S: Float>(
    samples: &[S],
    layout: Layout,
    turn: &Turn,
    background: Option<Color>,
    deadline: Deadline,
) -> Result<Vec<S>, ImageError> {
    match layout {
        Layout::Grey => turned_pixels::<S, 1, false>(samples, turn, fill::pixel(layout, background), deadline),
        Layout::GreyAlpha => turned_pixels::<S, 2, true>(samples, turn, fill::pixel(layout, background), deadline),
        Layout::Rgb => turned_pixels::<S, 3, false>(samples, turn, fill::pixel(layout, background), deadline),
        Layout::Rgba => turned_pixels::<S, 4, true>(samples, turn, fill::pixel(layout, background), deadline),
        Layout::Cmyk => turned_pixels::<S, 4, false>(samples, turn, fill::pixel(layout, background), deadline),
    }
}

fn turned_pixels<S: Float, const N: usize, const ALPHA: bool>(
    samples: &[S],
    turn: &Turn,
    background: [S; 4],
    deadline: Deadline,
) -> Result<Vec<S>, ImageError> {
    let image = Neighbours::<S, N> {
        pixels: samples.as_chunks::<N>().0,
        width: turn.image.width as usize,
        height: turn.image.height as usize,
    };
    let corner: [S; N] = std::array::from_fn(|channel| background[channel]);
    let background = corner.map(S::to_f32);
    let row_length = turn.frame.width as usize * N;
    let mut output = Vec::with_capacity(row_length * turn.frame.height as usize);
    for y in 0..turn.frame.height as usize {
        deadline.check()?;
        let row_start = output.len();
        output.extend(corner.iter().copied().cycle().take(row_length));
        let start = turn.row_start(y);
        let (first, end) = turn.covered(start);
        let row = output[row_start..].as_chunks_mut::<N>().0;
        for (x, output) in row.iter_mut().enumerate().take(end).skip(first) {
            let (across, down) = (start.0 + x as f64 * turn.cosine, start.1 - x as f64 * turn.sine);
            let covered = coverage(across, turn.image.width) * coverage(down, turn.image.height);
            if covered > 0.0 {
                let pixel = image.at::<ALPHA>(across, down);
                let pixel = if covered < 1.0 { over::<S, N, ALPHA>(pixel, covered as f32, background) } else { pixel };
                *output = pixel.map(S::from_f32);
            }
        }
    }
    Ok(output)
}

/// A pixel of which so much is covered, on the background. Alpha is straight.
fn over<S: Float, const N: usize, const ALPHA: bool>(pixel: [f32; N], covered: f32, background: [f32; N]) -> [f32; N] {
    let (weight, background_weight) = match ALPHA {
        true => (pixel[N - 1] * covered, background[N - 1] * (1.0 - covered)),
        false => (covered, 1.0 - covered),
    };
    let sum = weight + background_weight;
    if sum <= 0.0 {
        return [0.0; N];
    }
    let mut mixed: [f32; N] =
        std::array::from_fn(|channel| (pixel[channel] * weight + background[channel] * background_weight) / sum);
    if ALPHA {
        mixed[N - 1] = sum;
    }
    mixed
}

/// An image to be interpolated. Beyond its edges the nearest pixel goes on.
struct Neighbours<'a, S, const N: usize> {
    pixels: &'a [[S; N]],
    width: usize,
    height: usize,
}

impl<S: Float, const N: usize> Neighbours<'_, S, N> {
    /// The value at a place that is at most half a pixel outside.
    fn at<const ALPHA: bool>(&self, across: f64, down: f64) -> [f32; N] {
        let (left, fraction_x) = before(across);
        let (top, fraction_y) = before(down);
        let (weights_x, weights_y) = (catmull_rom(fraction_x), catmull_rom(fraction_y));
        let inside = left >= 1 && top >= 1 && left as usize + 3 <= self.width && top as usize + 3 <= self.height;
        let mut sums = [0.0; N];
        for (index, weight_y) in (-1..).zip(weights_y) {
            let y = (top + index).clamp(0, self.height as i64 - 1) as usize;
            let row = &self.pixels[y * self.width..][..self.width];
            let pixels = match row.get(left as usize - usize::from(inside)..).and_then(|row| row.first_chunk::<4>()) {
                Some(pixels) if inside => *pixels,
                _ => [-1, 0, 1, 2].map(|index| row[(left + index).clamp(0, self.width as i64 - 1) as usize]),
            };
            add::<S, N, ALPHA>(&mut sums, &pixels, weights_x.map(|weight_x| weight_x * weight_y));
        }
        if ALPHA {
            // Sums of colour are weighted by alpha.
            let alpha = sums[N - 1];
            let factor = if alpha > 0.0 { 1.0 / alpha } else { 0.0 };
            sums = sums.map(|sum| sum * factor);
            sums[N - 1] = alpha;
        }
        sums.map(|value| value.clamp(0.0, S::FULL))
    }
}

/// The pixel whose middle is the last before a place, and how far behind it the place is, 0 to 1.
fn before(place: f64) -> (i64, f32) {
    // Shifted up, so that cutting the fraction off rounds down.
    let shifted = place + 1.5;
    let whole = shifted as i64;
    (whole - 2, (shifted - whole as f64) as f32)
}

/// Adds weighted pixels to sums; with alpha, of colour multiplied by it.
fn add<S: Float, const N: usize, const ALPHA: bool>(sums: &mut [f32; N], pixels: &[[S; N]; 4], weights: [f32; 4]) {
    for (pixel, mut weight) in pixels.iter().zip(weights) {
        let mut values = pixel.map(S::to_f32);
        if ALPHA {
            weight *= values[N - 1];
            values[N - 1] = 1.0;
        }
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += weight * value;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use minilab_model::Real;
    use proptest::prelude::*;

    fn rotate(picture: Picture, degrees: f64, background: Option<Color>) -> Picture {
        let options = Rotate { degrees: Real::try_from(degrees).unwrap(), background };
        let size = rotated_size(picture.size, degrees);
        let turned = apply(picture, &options, Deadline::default()).unwrap();
        assert_eq!(turned.size, size, "the plan says another size at {degrees}");
        turned
    }

    fn samples(picture: &Picture) -> &[u8] {
        let Samples::Eight(samples) = &picture.samples else { unreachable!() };
        samples
    }

    #[test]
    fn quarter_turns_move_pixels_clockwise() {
        let picture = Picture::eight(Size { width: 3, height: 2 }, Layout::Grey, vec![1, 2, 3, 4, 5, 6]);
        let check = |degrees, width, expected: &[u8]| {
            let turned = rotate(picture.clone(), degrees, None);
            assert_eq!((turned.size.width, samples(&turned), turned.layout), (width, expected, Layout::Grey), "{degrees}");
        };
        check(0.0, 3, &[1, 2, 3, 4, 5, 6]);
        check(90.0, 2, &[4, 1, 5, 2, 6, 3]);
        check(-270.0, 2, &[4, 1, 5, 2, 6, 3]);
        check(180.0, 3, &[6, 5, 4, 3, 2, 1]);
        check(-90.0, 2, &[3, 6, 2, 5, 1, 4]);
        check(360.0, 3, &[1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn the_frame_holds_the_image() {
        let check = |size: (u32, u32), degrees, expected: (u32, u32)| {
            let found = rotated_size(Size { width: size.0, height: size.1 }, degrees);
            assert_eq!((found.width, found.height), expected, "{size:?} {degrees}");
        };
        check((100, 100), 45.0, (142, 142));
        check((100, 50), 30.0, (112, 94));
        check((100, 50), -150.0, (112, 94));
        check((4, 3), 1e-9, (4, 3));
        check((1, 1), 45.0, (2, 2));
    }

    /// A ramp of brightness is turned with the image: the value at a turned place is the ramp's.
    #[test]
    fn the_image_turns_about_its_middle() {
        let (width, height) = (81_u32, 61_u32);
        let ramp: Vec<u8> = (0..height).flat_map(|y| (0..width).map(move |x| (x + 2 * y) as u8)).collect();
        let picture = Picture::eight(Size { width, height }, Layout::Grey, ramp);
        for degrees in [1.0_f64, 30.0, 45.0, 100.0, 200.0, -77.5] {
            let turned = rotate(picture.clone(), degrees, Some(Color::WHITE));
            let (sine, cosine) = degrees.to_radians().sin_cos();
            for (x, y) in [(40, 30), (25, 20), (60, 40), (45, 12)] {
                let (from_x, from_y) = (f64::from(x) - 40.0, f64::from(y) - 30.0);
                let place = |turned: f64, side: u32| turned + f64::from(side) / 2.0 - 0.5;
                let to_x = place(from_x * cosine - from_y * sine, turned.size.width);
                let to_y = place(from_x * sine + from_y * cosine, turned.size.height);
                let (near_x, near_y) = (to_x.round(), to_y.round());
                let found = samples(&turned)[near_y as usize * turned.size.width as usize + near_x as usize];
                // The ramp at the pixel that was found, from how far it is off.
                let (off_x, off_y) = (near_x - to_x, near_y - to_y);
                let expected = f64::from(x + 2 * y) + (off_x * cosine + off_y * sine) + 2.0 * (off_y * cosine - off_x * sine);
                assert!((f64::from(found) - expected).abs() < 0.6, "{degrees} {x} {y}: {found} {expected}");
            }
        }
    }

    #[test]
    fn corners_show_the_background_and_edges_are_smooth() {
        let red = Color { red: 200, green: 0, blue: 0 };
        let grey = Picture::eight(Size { width: 20, height: 20 }, Layout::Grey, vec![100; 400]);
        let turned = rotate(grey.clone(), 45.0, Some(red));
        assert_eq!((turned.layout, &samples(&turned)[..3]), (Layout::Rgb, &[200, 0, 0][..]));
        let clear = rotate(grey, 10.0, None);
        assert_eq!((clear.layout, &samples(&clear)[..2]), (Layout::GreyAlpha, &[0, 0][..]));
        let shades = samples(&clear).chunks_exact(2).filter(|pixel| (1..255).contains(&pixel[1])).count();
        assert!(shades > 40, "{shades}");
        assert!(samples(&clear).chunks_exact(2).all(|pixel| pixel[1] == 0 || pixel[0] == 100));
        // As much is covered as there was.
        let sum: f64 = samples(&clear).chunks_exact(2).map(|pixel| f64::from(pixel[1]) / 255.0).sum();
        assert!((sum - 400.0).abs() < 2.0, "{sum}");
    }

    #[test]
    fn what_is_clear_has_no_say_in_colour() {
        let pixels: Vec<u8> = (0..900).flat_map(|index| if index % 30 < 15 { [0, 255, 0, 0] } else { [0, 0, 200, 255] }).collect();
        let picture = Picture::eight(Size { width: 30, height: 30 }, Layout::Rgba, pixels);
        let turned = rotate(picture.clone(), 33.0, None);
        assert!(samples(&turned).chunks_exact(4).all(|pixel| pixel[3] == 0 || pixel[..3] == [0, 0, 200]));
        // New corners are opaque, the image stays as clear as it was.
        let turned = rotate(picture, 33.0, Some(Color::WHITE));
        assert_eq!(&samples(&turned)[..4], [255; 4]);
        assert!(samples(&turned).chunks_exact(4).any(|pixel| pixel[3] == 0));
        assert!(samples(&turned).chunks_exact(4).all(|pixel| pixel[3] == 0 || pixel[2] >= 199), "green shows");
    }

    proptest! {
        #[test]
        fn four_quarter_turns_change_nothing(width in 1_u32..20, height in 1_u32..20, degrees in prop::sample::select(vec![90.0, -90.0])) {
            let picture = Picture::eight(
                Size { width, height }, Layout::Rgb, (0..width * height * 3).map(|index| (index * 7) as u8).collect(),
            );
            let turned = (0..4).fold(picture.clone(), |picture, _| rotate(picture, degrees, None));
            prop_assert_eq!(turned, picture);
        }

        #[test]
        fn any_angle_and_shape_works(
            width in 1_u32..40, height in 1_u32..40, degrees in -360.0_f64..360.0, deep: bool,
            layout in prop::sample::select(vec![Layout::Grey, Layout::GreyAlpha, Layout::Rgb, Layout::Rgba]),
            background in prop::sample::select(vec![None, Some(Color { red: 255, green: 0, blue: 9 })]),
        ) {
            let size = Size { width, height };
            let samples: Vec<u8> = (0..size.pixels() as usize * layout.channels()).map(|index| (index * 37) as u8).collect();
            let eight = rotate(Picture::eight(size, layout, samples.clone()), degrees, background);
            if deep {
                let wide = Samples::Sixteen(samples.iter().map(|&value| u16::from(value) * 257).collect());
                let deep = rotate(Picture { size, layout, samples: wide }, degrees, background);
                prop_assert_eq!((eight.size, eight.layout), (deep.size, deep.layout));
                let (Samples::Eight(eight), Samples::Sixteen(deep)) = (&eight.samples, &deep.samples) else { unreachable!() };
                for (eight, deep) in eight.iter().zip(deep) {
                    prop_assert!((f64::from(*eight) - f64::from(*deep) / 257.0).abs() <= 0.51);
                }
            }
        }

        /// Nearly no turn is nearly no change.
        #[test]
        fn a_tiny_turn_changes_nothing(degrees in -1e-7_f64..1e-7) {
            let picture = Picture::eight(Size { width: 17, height: 13 }, Layout::Rgb, (0..17 * 13 * 3).map(|index| (index * 7) as u8).collect());
            prop_assert_eq!(rotate(picture.clone(), degrees, Some(Color::WHITE)), picture);
        }
    }
}
