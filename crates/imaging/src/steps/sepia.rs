use super::StepError;
use crate::picture::Picture;
use minilab_model::Sepia;

/// Browns.
pub(super) fn apply(picture: Picture, options: &Sepia) -> Result<Picture, StepError> {
    let _ = options;
    Ok(picture)
}
