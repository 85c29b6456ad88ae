use super::StepError;
use crate::picture::Picture;
use minilab_model::Adjust;

/// Brightness, contrast, saturation and hue.
pub(super) fn apply(picture: Picture, options: &Adjust) -> Result<Picture, StepError> {
    let _ = options;
    Ok(picture)
}
