use super::StepError;
use crate::picture::Picture;
use minilab_model::Gamma;

/// Changes the middle tones.
pub(super) fn apply(picture: Picture, options: &Gamma) -> Result<Picture, StepError> {
    let _ = options;
    Ok(picture)
}
