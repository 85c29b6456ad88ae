//! What can go wrong, by what a caller can do about it.

/// Why a JPEG could not be decoded.
///
/// Byte offsets count from the start of the slice that was given to
/// [`Decoder::new`](crate::Decoder::new).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The data does not begin with a start-of-image marker.
    #[error("not a jpeg: no start-of-image marker")]
    NotJpeg,
    /// The data ends before the image does.
    #[error("jpeg ends early at byte {offset}: {what}")]
    Truncated {
        /// Where the data ended.
        offset: usize,
        /// What was being read.
        what: &'static str,
    },
    /// The data breaks a rule of the format.
    #[error("corrupt jpeg at byte {offset}: {what}")]
    Corrupt {
        /// Where the fault was noticed; the cause can lie a little before it.
        offset: usize,
        /// Which rule is broken.
        what: &'static str,
    },
    /// A legal JPEG of a kind that this decoder leaves to others.
    ///
    /// It is returned before the first strip is handed out, so a caller can fall back to
    /// another decoder without undoing anything.
    #[error("unsupported jpeg: {what}")]
    Unsupported {
        /// The feature that is missing.
        what: &'static str,
    },
    /// The image needs more working memory than
    /// [`DecodeOptions::max_buffer_bytes`](crate::DecodeOptions::max_buffer_bytes) allows.
    #[error("jpeg needs {needed_bytes} bytes of buffers, more than the limit of {limit_bytes}")]
    TooLarge {
        /// What the decode would have allocated.
        needed_bytes: u64,
        /// The limit that was set.
        limit_bytes: u64,
    },
}
