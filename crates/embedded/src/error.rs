use minilab_model::{BucketName, ObjectRef};

/// Why the store did not do what was asked. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// The bucket is missing.
    #[error("bucket `{0}` does not exist")]
    NoSuchBucket(BucketName),
    /// The bucket still holds objects.
    #[error("bucket `{0}` is not empty")]
    BucketNotEmpty(BucketName),
    /// The object is missing.
    #[error("object {0} does not exist")]
    NoSuchKey(ObjectRef),
    /// An object would have more tags than it may.
    #[error("{0} would have more than 10 tags")]
    TooManyTags(ObjectRef),
    /// The upload was never begun, or is completed or aborted.
    #[error("multipart upload `{id}` does not exist")]
    NoSuchUpload {
        /// The id asked for.
        id: String,
    },
    /// A part that Complete names is missing, or has another ETag or checksum.
    #[error("part {number} of the upload is missing or differs from what was uploaded")]
    InvalidPart {
        /// The part.
        number: u16,
    },
    /// Part numbers must be 1 to 10,000.
    #[error("part number {number} is not 1 to 10,000")]
    InvalidPartNumber {
        /// The number given.
        number: u16,
    },
    /// The part numbers of a Complete do not rise, or there are none.
    #[error("the parts of an upload must be listed by rising number")]
    InvalidPartOrder,
    /// A part other than the last is too small.
    #[error("part {number} has {size_bytes} bytes; all but the last need at least {minimum_bytes}")]
    EntityTooSmall {
        /// The part.
        number: u16,
        /// Its length in bytes.
        size_bytes: u64,
        /// The least length in bytes.
        minimum_bytes: u64,
    },
    /// A body is longer than allowed.
    #[error("the body exceeds {limit_bytes} bytes")]
    EntityTooLarge {
        /// The most that is allowed, in bytes.
        limit_bytes: u64,
    },
    /// The object does not have the size that was announced.
    #[error("the object has {actual_bytes} bytes, not {expected_bytes}")]
    SizeMismatch {
        /// What was announced.
        expected_bytes: u64,
        /// What it is.
        actual_bytes: u64,
    },
    /// The object does not have the checksum that was announced.
    #[error("the checksum is {actual}, not {expected}")]
    ChecksumMismatch {
        /// What was announced.
        expected: String,
        /// What it is.
        actual: String,
    },
    /// A condition of the request does not hold.
    #[error("a precondition of the request does not hold")]
    PreconditionFailed,
    /// The client's copy is current.
    #[error("the object has not been modified")]
    NotModified,
    /// Too many writes wait already; try again soon.
    #[error("too many writes are waiting")]
    Busy,
    /// The disk is full, or nearly: writes are refused, reads go on.
    #[error("the disk has {free_bytes} bytes left, {reserve_bytes} are kept in reserve")]
    DiskFull {
        /// What is free, in bytes.
        free_bytes: u64,
        /// What is kept free, in bytes.
        reserve_bytes: u64,
    },
    /// The store takes no more writes until it is started again: an fsync or commit failed, so that it can no longer
    /// tell what is on the disk; or it was closed.
    #[error("the store has stopped: {reason}")]
    Stopped {
        /// What happened.
        reason: String,
    },
    /// The data directory holds something that cannot be.
    #[error("the data directory is damaged: {what}; run `minilab fsck`")]
    Corrupt {
        /// What was found.
        what: String,
    },
    /// A file could not be read or written.
    #[error("{what} failed")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The index could not be read or written.
    #[error("the index failed")]
    Sqlite(#[from] rusqlite::Error),
}

impl EmbeddedError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into() }
    }
}
