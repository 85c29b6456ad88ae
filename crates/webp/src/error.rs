/// Why a file could not be read or written. Messages are parts of a sentence about the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file, or a part of it, ends too early.
    #[error("{part} ends after {available} of {expected} bytes")]
    Truncated {
        /// What ends: "it", "chunk ALPH".
        part: String,
        /// How many bytes of it are there.
        available: usize,
        /// How many it says to have.
        expected: usize,
        /// Where the bytes end, from the start of the file.
        offset: usize,
    },
    /// It breaks the rules of the format.
    #[error("{what}")]
    Corrupt {
        /// What is wrong, naming the part: "chunk VP8: its header is wrong".
        what: String,
        /// Where, in bytes from the start of the file, when known.
        offset: Option<usize>,
    },
    /// It cannot be written: too large, or not what was announced.
    #[error("{what}")]
    Unwritable {
        /// What is wrong.
        what: String,
    },
    /// libwebp could not get the memory that it needs.
    #[error("there is not enough memory for it")]
    OutOfMemory,
}

impl Error {
    /// Where it is in the file, in bytes from its start, when known.
    #[must_use]
    pub const fn offset(&self) -> Option<usize> {
        match self {
            Self::Truncated { offset, .. } => Some(*offset),
            Self::Corrupt { offset, .. } => *offset,
            Self::Unwritable { .. } | Self::OutOfMemory => None,
        }
    }

    pub(crate) fn corrupt(what: impl Into<String>, offset: usize) -> Self {
        Self::Corrupt { what: what.into(), offset: Some(offset) }
    }

    pub(crate) fn unwritable(what: impl Into<String>) -> Self {
        Self::Unwritable { what: what.into() }
    }
}
