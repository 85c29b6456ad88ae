use super::StepError;
use crate::alpha::flatten;
use crate::picture::Picture;
use minilab_model::Background;

/// Lays the picture on a colour; it has no alpha afterwards. Grey becomes RGB on a background that is not grey.
pub(super) fn apply(picture: Picture, options: &Background) -> Result<Picture, StepError> {
    Ok(flatten(picture, options.color))
}
