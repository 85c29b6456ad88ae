use super::StepError;
use super::crop::cut;
use crate::picture::{Picture, Sample, Samples, Size};
use minilab_model::{Color, Trim};

/// Cuts off the border of one colour that the first frame has.
pub(super) fn apply(frames: Vec<Picture>, options: &Trim) -> Result<Vec<Picture>, StepError> {
    let Some(first) = frames.first() else { return Ok(frames) };
    let content = match &first.samples {
        Samples::Eight(samples) => content(samples, first, options),
        Samples::Sixteen(samples) => content(samples, first, options),
    };
    match content {
        Some((corner, size)) => Ok(frames.into_iter().map(|frame| cut(frame, corner, size)).collect()),
        None => Ok(frames),
    }
}

/// The smallest rectangle with every pixel in it that is not of the border's colour; `None` where all are.
fn content<S: Sample>(samples: &[S], picture: &Picture, options: &Trim) -> Option<((u32, u32), Size)> {
    let channels = picture.layout.channels();
    let border = Border::new(samples.get(..channels)?, options, picture.layout.has_alpha())?;
    let row = picture.size.width as usize * channels;
    let has_content = |row: &[S]| row.chunks_exact(channels).any(|pixel| !border.has(pixel));
    let top = samples.chunks_exact(row).position(has_content)?;
    let bottom = samples.chunks_exact(row).rposition(has_content)?;
    // From the first pixel of content to behind the last.
    let (mut left, mut right) = (picture.size.width as usize, 0);
    for row in samples.chunks_exact(row).take(bottom + 1).skip(top) {
        // Only what could widen the rectangle is looked at.
        let before = row.chunks_exact(channels).take(left).position(|pixel| !border.has(pixel));
        left = before.unwrap_or(left);
        let last = row.chunks_exact(channels).skip(right).rposition(|pixel| !border.has(pixel));
        right = last.map_or(right, |last| right + last + 1);
    }
    let size = Size { width: right.saturating_sub(left) as u32, height: (bottom + 1 - top) as u32 };
    Some(((left as u32, top as u32), size))
}

/// The border's colour, and how far a pixel may be from it.
struct Border {
    /// Colour multiplied by alpha, alpha multiplied by the full value, so that what is clear has no colour.
    pixel: [u64; 4],
    has_alpha: bool,
    distance: u64,
}

impl Border {
    /// `None` where no pixel of the image can have the colour: a grey one and red.
    fn new<S: Sample>(corner: &[S], options: &Trim, has_alpha: bool) -> Option<Self> {
        // 255 divides 65,535.
        let unit = S::MAX / 255;
        let full = S::MAX * S::MAX;
        let pixel = match options.background {
            None => weighed(corner, has_alpha),
            Some(Color { red, green, blue }) => match (corner, [red, green, blue].map(|value| u64::from(value) * unit * S::MAX)) {
                ([_, _, _, ..], [red, green, blue]) => [red, green, blue, full],
                (_, [red, green, blue]) if red == green && green == blue => [red, full, full, full],
                _ => return None,
            },
        };
        Some(Self { pixel, has_alpha, distance: u64::from(options.threshold) * unit * S::MAX })
    }

    fn has<S: Sample>(&self, pixel: &[S]) -> bool {
        let channels = pixel.len();
        let pixel = weighed(pixel, self.has_alpha);
        pixel.iter().zip(&self.pixel).take(channels).all(|(value, border)| value.abs_diff(*border) <= self.distance)
    }
}

fn weighed<S: Sample>(pixel: &[S], has_alpha: bool) -> [u64; 4] {
    let alpha = match pixel.last() {
        Some(alpha) if has_alpha => alpha.to_u64(),
        _ => S::MAX,
    };
    let mut weighed = [0; 4];
    for (weighed, sample) in weighed.iter_mut().zip(pixel) {
        *weighed = sample.to_u64() * alpha;
    }
    if has_alpha && let Some(last) = weighed.get_mut(pixel.len() - 1) {
        *last = alpha * S::MAX;
    }
    weighed
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::picture::Layout;
    use proptest::prelude::*;

    fn picture(width: u32, layout: Layout, samples: &[u8]) -> Picture {
        let height = samples.len() as u32 / layout.channels() as u32 / width;
        Picture::eight(Size { width, height }, layout, samples.to_vec())
    }

    fn check(picture: Picture, options: &Trim, width: u32, expected: &[u8]) {
        let found = apply(vec![picture], options).unwrap().remove(0);
        assert_eq!((found.size.width, &found.samples), (width, &Samples::Eight(expected.to_vec())), "{options:?}");
    }

    #[test]
    fn borders_go_within_the_threshold() {
        let framed = picture(4, Layout::Grey, &[9, 9, 9, 9, 9, 50, 9, 9, 9, 18, 60, 9, 9, 9, 9, 9]);
        check(framed.clone(), &Trim::default(), 2, &[50, 9, 18, 60]);
        check(framed.clone(), &Trim { threshold: 41, background: None }, 1, &[60]);
        check(framed.clone(), &Trim { threshold: 8, background: None }, 2, &[50, 9, 18, 60]);
        let white = Trim { background: Some(Color::WHITE), ..Trim::default() };
        check(framed.clone(), &white, 4, &[9, 9, 9, 9, 9, 50, 9, 9, 9, 18, 60, 9, 9, 9, 9, 9]);
        let red = Trim { background: Some(Color { red: 9, green: 0, blue: 0 }), threshold: 0 };
        check(framed, &red, 4, &[9, 9, 9, 9, 9, 50, 9, 9, 9, 18, 60, 9, 9, 9, 9, 9]);
        check(picture(3, Layout::Grey, &[255, 200, 255]), &white, 1, &[200]);
    }

    #[test]
    fn an_image_of_one_colour_stays() {
        check(picture(2, Layout::Grey, &[7, 8, 9, 10]), &Trim::default(), 2, &[7, 8, 9, 10]);
        check(picture(1, Layout::Rgb, &[7, 8, 9]), &Trim::default(), 1, &[7, 8, 9]);
    }

    #[test]
    fn what_is_clear_has_no_colour() {
        let clear = picture(3, Layout::GreyAlpha, &[0, 0, 5, 255, 255, 0]);
        check(clear, &Trim::default(), 1, &[5, 255]);
    }

    #[test]
    fn the_first_frame_decides() {
        let frames = vec![picture(3, Layout::Grey, &[0, 99, 0]), picture(3, Layout::Grey, &[55, 66, 77])];
        let trimmed = apply(frames, &Trim::default()).unwrap();
        assert_eq!(trimmed[1].samples, Samples::Eight(vec![66]));
        assert_eq!(trimmed[0].size, trimmed[1].size);
    }

    proptest! {
        /// A rectangle that differs in two opposite corners is found, in both depths.
        #[test]
        fn a_rectangle_is_found(
            image in (1_u32..40, 1_u32..40), first in (0_u32..40, 0_u32..40), second in (0_u32..40, 0_u32..40),
            layout in prop::sample::select(vec![Layout::Grey, Layout::GreyAlpha, Layout::Rgb, Layout::Rgba]), deep: bool,
        ) {
            let size = Size { width: image.0, height: image.1 };
            let corners = [first, second].map(|(x, y)| (x % size.width, y % size.height));
            // With a border all round, so that the left upper pixel is of it.
            let (width, height) = (size.width as usize + 2, size.height as usize + 2);
            let mut samples = vec![200_u8; width * height * layout.channels()];
            for (x, y) in corners {
                samples[((y as usize + 1) * width + x as usize + 1) * layout.channels()] = 100;
            }
            let samples = match deep {
                true => Samples::Sixteen(samples.iter().map(|&value| u16::from(value) * 257).collect()),
                false => Samples::Eight(samples),
            };
            let size = Size { width: width as u32, height: height as u32 };
            let found = apply(vec![Picture { size, layout, samples }], &Trim::default()).unwrap().remove(0);
            let expected = |one: u32, other: u32| one.abs_diff(other) + 1;
            prop_assert_eq!(found.size.width, expected(corners[0].0, corners[1].0));
            prop_assert_eq!(found.size.height, expected(corners[0].1, corners[1].1));
        }
    }
}
