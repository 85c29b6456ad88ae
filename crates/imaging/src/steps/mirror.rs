use crate::picture::Picture;

/// Exchanges top and bottom.
pub(super) fn flip(picture: Picture) -> Picture {
    picture
}

/// Exchanges left and right.
pub(super) fn flop(picture: Picture) -> Picture {
    picture
}
