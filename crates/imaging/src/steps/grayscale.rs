use crate::picture::Picture;

/// Takes the colour away.
pub(super) fn apply(picture: Picture) -> Picture {
    picture
}
