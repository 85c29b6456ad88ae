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

/// A delay of at most this is not taken at its word.
const SHORTEST_DELAY: Duration = Duration::from_millis(10);

/// How long a frame is shown that asks for `stated`: as long as it asks for, but 100 ms where that is 10 ms or less. Every
/// browser does so, in GIF, APNG and WebP alike, since many files say 0 and mean "some time".
pub(crate) fn shown_delay(stated: Duration) -> Duration {
    if stated <= SHORTEST_DELAY { Duration::from_millis(100) } else { stated }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_that_cannot_be_meant_are_a_tenth_of_a_second() {
        let shown = |milliseconds| shown_delay(Duration::from_millis(milliseconds)).as_millis();
        assert_eq!([0, 1, 10, 11, 20, 70_000].map(shown), [100, 100, 100, 11, 20, 70_000]);
    }
}
