use crate::catalog::CatalogError;
use crate::render::RenderFailure;
use crate::store::StoreError;
use minilab_model::{FailureCause, FailureKind, HeaderFacts, NameError, ObjectRef, error_chain};

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
        error: RenderFailure,
        /// What its header says, when that could be read.
        facts: Option<Box<HeaderFacts>>,
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
    /// All attempts are used up, and of the last one nothing was heard.
    #[error("nothing was heard of the last of {attempts} attempts at {source_object}; it may be what ends the process")]
    Abandoned {
        /// The source.
        source_object: ObjectRef,
        /// How many attempts there were.
        attempts: u32,
    },
    /// The object store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl JobError {
    /// Whether trying again can help.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.cause().kind()
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn cause(&self) -> FailureCause {
        match self {
            Self::Image { error, .. } => error.cause,
            Self::Key { .. } => FailureCause::Key,
            Self::Abandoned { .. } => FailureCause::LeaseExpired,
            Self::Store(error) => error.cause(),
            Self::Catalog(_) => FailureCause::Unavailable,
        }
    }

    /// What the source's header said, when it could be read.
    #[must_use]
    pub fn facts(&self) -> Option<&HeaderFacts> {
        match self {
            Self::Image { facts, .. } => facts.as_deref(),
            _ => None,
        }
    }

    /// The error and its chain as one sentence.
    #[must_use]
    pub fn chain(&self) -> String {
        error_chain(self)
    }
}
