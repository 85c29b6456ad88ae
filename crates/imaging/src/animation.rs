//! Moving pictures.

use crate::picture::Picture;
use std::time::Duration;

/// Bytes a pixel of a frame.
pub(crate) const ANIMATION_CHANNELS: u64 = 4;

/// One frame: the whole canvas as it is shown, and for how long.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    pub picture: Picture,
    pub delay: Duration,
}

/// Frames of one size and layout, at least one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Animation {
    pub frames: Vec<Frame>,
    /// How often it is played; `None`: for ever.
    pub plays: Option<u32>,
}
