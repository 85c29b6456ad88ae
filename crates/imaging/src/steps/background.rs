use super::StepError;
use crate::picture::Picture;
use minilab_model::Background;

/// Lays the picture on a colour.
pub(super) fn apply(picture: Picture, options: &Background) -> Result<Picture, StepError> {
    let _ = options;
    Ok(picture)
}
