use crate::picture::Picture;

/// Turns each channel into its opposite.
pub(super) fn apply(picture: Picture) -> Picture {
    picture
}
