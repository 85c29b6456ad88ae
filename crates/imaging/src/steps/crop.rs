use super::{StepError, saliency};
use crate::picture::{Picture, Samples, Size};
use minilab_model::Crop;

/// What a crop keeps of an image, as x, y and size; `None` where it takes pixels to know, or where nothing is left.
pub(crate) fn region(image: Size, crop: &Crop) -> Option<(u32, u32, Size)> {
    let size = Size { width: crop.width.min(image.width), height: crop.height.min(image.height) };
    let spare = (image.width - size.width, image.height - size.height);
    match (crop.x, crop.y, crop.gravity.position()) {
        (Some(x), Some(y), _) => {
            let left = |start: u32, side: u32| side.checked_sub(start).filter(|&left| left > 0);
            let width = size.width.min(left(x, image.width)?);
            let height = size.height.min(left(y, image.height)?);
            Some((x, y, Size { width, height }))
        }
        // Halves go up, as where `cover` cuts.
        (_, _, Some((across, down))) => {
            let share = |position: f64, spare: u32| (position * f64::from(spare)).ceil() as u32;
            Some((share(across, spare.0), share(down, spare.1), size))
        }
        _ => None,
    }
}

/// The size that a crop leaves of an image; its own where nothing would be left.
pub(super) fn kept_size(image: Size, crop: &Crop) -> Size {
    match region(image, crop) {
        Some((_, _, size)) => size,
        None => Size { width: crop.width.min(image.width), height: crop.height.min(image.height) },
    }
}

/// Cuts every frame to the same rectangle; where a gravity takes pixels to know, to the one that the first frame gives.
pub(super) fn apply(frames: Vec<Picture>, options: &Crop) -> Result<Vec<Picture>, StepError> {
    let Some(image) = frames.first().map(|frame| frame.size) else { return Ok(frames) };
    match (region(image, options), options.x, options.y) {
        (Some((x, y, size)), ..) => Ok(frames.into_iter().map(|frame| cut(frame, (x, y), size)).collect()),
        (None, Some(x), Some(y)) => Err(StepError::Impossible(format!(
            "its corner at x {x}, y {y} lies outside the image, which has {} × {} pixels",
            image.width, image.height
        ))),
        (None, ..) => Ok(saliency::cut(frames, kept_size(image, options), options.gravity)),
    }
}

/// The rectangle of `size` whose left upper corner is at `corner`; what of it lies outside is left out.
pub(super) fn cut(picture: Picture, corner: (u32, u32), size: Size) -> Picture {
    let (x, y) = (corner.0.min(picture.size.width), corner.1.min(picture.size.height));
    let size = Size { width: size.width.min(picture.size.width - x), height: size.height.min(picture.size.height - y) };
    if size == picture.size {
        return picture;
    }
    let place = (x as usize, y as usize);
    let samples = match &picture.samples {
        Samples::Eight(samples) => Samples::Eight(cut_rows(samples, &picture, place, size)),
        Samples::Sixteen(samples) => Samples::Sixteen(cut_rows(samples, &picture, place, size)),
    };
    Picture { size, layout: picture.layout, samples }
}

fn cut_rows<S: Copy>(samples: &[S], picture: &Picture, (x, y): (usize, usize), size: Size) -> Vec<S> {
    let channels = picture.layout.channels();
    let (row, kept) = (picture.size.width as usize * channels, size.width as usize * channels);
    let mut output = Vec::with_capacity(kept * size.height as usize);
    if kept > 0 {
        for row in samples.chunks_exact(row).skip(y).take(size.height as usize) {
            output.extend_from_slice(&row[x * channels..][..kept]);
        }
    }
    output
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::picture::Layout;
    use minilab_model::Gravity;
    use proptest::prelude::*;

    /// Pixels of a 4 × 3 picture that read 0 to 11.
    fn check(options: &Crop, width: u32, expected: &[u8]) {
        let picture = Picture::eight(Size { width: 4, height: 3 }, Layout::Grey, (0..12).collect());
        let frames = apply(vec![picture.clone(), picture], options).unwrap();
        assert_eq!(frames.len(), 2);
        for frame in frames {
            assert_eq!((frame.size.width, &frame.samples), (width, &Samples::Eight(expected.to_vec())), "{options:?}");
        }
    }

    fn at(x: u32, y: u32, width: u32, height: u32) -> Crop {
        Crop { width, height, x: Some(x), y: Some(y), gravity: Gravity::Center }
    }

    fn by(gravity: Gravity, width: u32, height: u32) -> Crop {
        Crop { width, height, x: None, y: None, gravity }
    }

    #[test]
    fn a_rectangle_is_kept() {
        check(&at(1, 1, 2, 2), 2, &[5, 6, 9, 10]);
        check(&at(3, 2, 9, 9), 1, &[11]);
        check(&at(0, 0, 4, 3), 4, &(0..12).collect::<Vec<u8>>());
        check(&by(Gravity::Center, 2, 1), 2, &[5, 6]);
        check(&by(Gravity::Center, 3, 2), 3, &[5, 6, 7, 9, 10, 11]);
        check(&by(Gravity::NorthEast, 2, 2), 2, &[2, 3, 6, 7]);
        check(&by(Gravity::South, 2, 1), 2, &[9, 10]);
        check(&by(Gravity::West, 1, 9), 1, &[0, 4, 8]);
    }

    #[test]
    fn sixteen_bits_and_channels_move_together() {
        let size = Size { width: 2, height: 1 };
        let picture = Picture { size, layout: Layout::GreyAlpha, samples: Samples::Sixteen(vec![1, 2, 3, 4]) };
        let cut = apply(vec![picture], &at(1, 0, 1, 1)).unwrap().remove(0);
        assert_eq!(cut.samples, Samples::Sixteen(vec![3, 4]));
    }

    #[test]
    fn a_corner_outside_is_refused_by_name() {
        let picture = Picture::eight(Size { width: 4, height: 3 }, Layout::Grey, (0..12).collect());
        for crop in [at(4, 0, 1, 1), at(0, 3, 1, 1)] {
            let Err(StepError::Impossible(detail)) = apply(vec![picture.clone()], &crop) else { unreachable!("{crop:?}") };
            assert!(detail.contains("4 × 3"), "{detail}");
        }
    }

    proptest! {
        #[test]
        fn the_region_lies_inside_the_image(
            image in (1_u32..400, 1_u32..400), size in (1_u32..500, 1_u32..500), corner in prop::option::of((0_u32..500, 0_u32..500)),
        ) {
            let crop = match corner {
                Some((x, y)) => at(x, y, size.0, size.1),
                None => by(Gravity::SouthEast, size.0, size.1),
            };
            let image = Size { width: image.0, height: image.1 };
            match region(image, &crop) {
                Some((x, y, kept)) => {
                    prop_assert!(kept.width >= 1 && kept.height >= 1);
                    prop_assert!(x + kept.width <= image.width && y + kept.height <= image.height);
                    prop_assert!(kept.width <= size.0 && kept.height <= size.1);
                }
                None => prop_assert!(corner.is_some_and(|(x, y)| x >= image.width || y >= image.height)),
            }
        }
    }
}
