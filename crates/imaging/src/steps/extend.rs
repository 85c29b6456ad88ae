use super::StepError;
use crate::picture::Picture;
use minilab_model::Extend;

/// Adds borders.
pub(super) fn apply(picture: Picture, options: &Extend) -> Result<Picture, StepError> {
    let _ = options;
    Ok(picture)
}
