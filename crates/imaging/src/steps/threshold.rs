use super::StepError;
use crate::picture::Picture;
use minilab_model::Threshold;

/// Black and white without shades.
pub(super) fn apply(picture: Picture, options: &Threshold) -> Result<Picture, StepError> {
    let _ = options;
    Ok(picture)
}
