use crate::catalog::CatalogError;
use crate::store::StoreError;
use minilab_imaging::ImageError;
use minilab_model::{FailureKind, NameError, ObjectRef};

/// Why a job did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The image cannot be processed.
    #[error("{source_object} cannot be processed")]
    Image {
        /// The source.
        source_object: ObjectRef,
        /// What is wrong with it.
        #[source]
        error: ImageError,
    },
    /// A variant has no valid key.
    #[error("variant `{variant}` has no valid key")]
    Key {
        /// The variant.
        variant: String,
        /// What is wrong with it.
        #[source]
        error: NameError,
    },
    /// The object store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The image work ended without an answer: a decoder panicked.
    #[error("the image work on {source_object} panicked: {message}")]
    Panicked {
        /// The source.
        source_object: ObjectRef,
        /// The panic's message.
        message: String,
    },
}

impl JobError {
    /// Whether trying again can help.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Image { error, .. } => error.kind(),
            Self::Key { .. } => FailureKind::Permanent,
            Self::Store(error) => error.kind(),
            Self::Catalog(_) | Self::Panicked { .. } => FailureKind::Retryable,
        }
    }

    /// The error and its chain as one sentence.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(source) = next {
            text.push_str(": ");
            text.push_str(&source.to_string());
            next = source.source();
        }
        text
    }
}
