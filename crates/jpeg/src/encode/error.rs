//! What can go wrong while encoding: always the caller's arguments, never the pixels.

/// Why a JPEG could not be encoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A side has no pixels.
    #[error("a jpeg of {width}×{height} pixels has nothing in it: give it a pixel a side at least")]
    Empty {
        /// Pixels across.
        width: u16,
        /// Pixels down.
        height: u16,
    },
    /// Neither grey nor Y′CbCr.
    #[error("a jpeg of {components} components: only 1 (grey) and 3 (colour) are encoded")]
    Components {
        /// How many were asked for.
        components: u8,
    },
    /// A quantiser step that baseline files cannot hold.
    #[error("quantiser step {step} at place {place}: baseline jpeg takes 1 to 255")]
    Step {
        /// Its place in the table, row by row.
        place: usize,
        /// The step.
        step: u16,
    },
    /// The marker of [`Encoder::segment`](crate::Encoder::segment) stands for no segment of an application's or comment.
    #[error("marker 0x{marker:02x}: only application segments (0xe0 to 0xef) and comments (0xfe) are written")]
    Marker {
        /// The second byte of the marker.
        marker: u8,
    },
    /// The data of a segment does not fit its 16-bit length.
    #[error("segment of {length} bytes: it holds 65,533 at most, split it")]
    SegmentTooLong {
        /// Bytes of data.
        length: usize,
    },
    /// A segment after rows of pixels.
    #[error("segment after the first rows: write it before them")]
    SegmentTooLate,
    /// Rows that do not fit: their number, their length, or the number of planes.
    #[error("rows of pixels: {what}")]
    Rows {
        /// Which rule is broken.
        what: &'static str,
    },
    /// The image was finished before its last row.
    #[error("jpeg finished after {given} of {height} rows: give it all of them")]
    MissingRows {
        /// Rows that were given.
        given: usize,
        /// Rows that the image has.
        height: u16,
    },
}
