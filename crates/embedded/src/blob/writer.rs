use crate::{Checksum, ChecksumAlgorithm, EmbeddedError};
use bytes::Bytes;

/// How a body is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyOptions {
    /// Most bytes; a longer body is [`EmbeddedError::EntityTooLarge`].
    pub max_bytes: u64,
    /// The checksum to compute, beside MD5 and SHA-256.
    pub checksum: Option<ChecksumAlgorithm>,
}

/// Takes in a body piece by piece with bounded memory. Dropping it removes what was written.
#[derive(Debug)]
pub struct BodyWriter {}

/// A body that is durable but belongs to no object yet. Dropping it removes it.
#[derive(Debug)]
pub struct StagedBody {
    pub(crate) size_bytes: u64,
    pub(crate) md5: [u8; 16],
    pub(crate) sha256: [u8; 32],
    pub(crate) checksum: Option<Checksum>,
}

impl BodyWriter {
    /// Takes in the next piece.
    ///
    /// # Errors
    /// [`EmbeddedError::EntityTooLarge`], [`EmbeddedError::DiskFull`], [`EmbeddedError::Stopped`].
    pub async fn write(&mut self, piece: Bytes) -> Result<(), EmbeddedError> {
        let _ = piece;
        Err(EmbeddedError::Stopped { reason: "not written yet".to_owned() })
    }

    /// Ends the body and makes it durable.
    ///
    /// # Errors
    /// [`EmbeddedError::DiskFull`], [`EmbeddedError::Stopped`].
    pub async fn finish(self) -> Result<StagedBody, EmbeddedError> {
        Err(EmbeddedError::Stopped { reason: "not written yet".to_owned() })
    }
}

impl StagedBody {
    /// Length in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// MD5 of the content.
    #[must_use]
    pub fn md5(&self) -> [u8; 16] {
        self.md5
    }

    /// The ETag that a single-part object with this content has: MD5 in hex.
    #[must_use]
    pub fn etag(&self) -> String {
        hex::encode(self.md5)
    }

    /// SHA-256 of the content.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// The checksum that [`BodyOptions`] asked for.
    #[must_use]
    pub fn checksum(&self) -> Option<&Checksum> {
        self.checksum.as_ref()
    }
}
