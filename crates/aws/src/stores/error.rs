//! Why the table did not do it, and for how long it is tried.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use minilab_pipeline::{CatalogError, StoreError};
use std::time::Duration;

/// Why the table did not do it. Always worth another try.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TableError {
    /// The service refused or did not answer.
    #[error("the table could not be reached or refused")]
    Service(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Others kept changing the same items.
    #[error("{what} was changed by others each time; more statistics shards or fewer workers at once help")]
    Contended {
        /// What they changed.
        what: String,
    },
    /// An item does not hold what it must.
    #[error("the item `{key}` holds no usable `{attribute}`")]
    Corrupt {
        /// The item's key.
        key: String,
        /// The attribute.
        attribute: &'static str,
    },
    /// A version is asked for whose event was never observed.
    #[error("no event of {object} was observed; observe the event before its jobs")]
    Unobserved {
        /// The source.
        object: String,
    },
    /// The system gave no random bits.
    #[error("no random bits: {0}")]
    Random(String),
}

impl<E: std::error::Error + Send + Sync + 'static, R: std::fmt::Debug + Send + Sync + 'static> From<SdkError<E, R>> for TableError {
    fn from(error: SdkError<E, R>) -> Self {
        Self::Service(Box::new(error))
    }
}

impl From<aws_sdk_dynamodb::error::BuildError> for TableError {
    fn from(error: aws_sdk_dynamodb::error::BuildError) -> Self {
        Self::Service(Box::new(error))
    }
}

impl From<TableError> for CatalogError {
    fn from(error: TableError) -> Self {
        Self(Box::new(error))
    }
}

impl From<TableError> for StoreError {
    fn from(error: TableError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

/// Codes of refusals that go by: another write was under way, or there were too many at once.
const PASSING: [&str; 6] = [
    "TransactionConflictException",
    "TransactionInProgressException",
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "InternalServerError",
];

/// Whether the same request may succeed in a moment.
pub(crate) fn passes<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    error.code().is_some_and(|code| PASSING.contains(&code))
}

/// Tries at one write, with growing random waits between: some eight seconds in all.
#[derive(Debug, Default)]
pub(crate) struct Tries {
    made: u32,
}

impl Tries {
    /// How often a write is tried.
    const MOST: u32 = 14;
    /// The bound of the first wait; each further one is twice as long.
    const FIRST_MS: u64 = 20;
    /// The bound of the longest.
    const LONGEST_MS: u64 = 2_000;

    /// Waits before the next try, evenly drawn from zero to the bound ("full jitter"), so that those who met do not meet
    /// again.
    ///
    /// # Errors
    /// [`TableError::Contended`] when there were enough.
    pub async fn wait(&mut self, what: impl Into<String>) -> Result<(), TableError> {
        self.made += 1;
        if self.made >= Self::MOST {
            return Err(TableError::Contended { what: what.into() });
        }
        let draw = getrandom::u64().map_err(|error| TableError::Random(error.to_string()))?;
        tokio::time::sleep(Duration::from_millis(draw % (Self::bound_ms(self.made) + 1))).await;
        Ok(())
    }

    /// The bound of the wait after so many tries.
    fn bound_ms(made: u32) -> u64 {
        (Self::FIRST_MS << made.min(10)).min(Self::LONGEST_MS)
    }
}

/// 128 random bits in hex.
pub(crate) fn random_name() -> Result<String, TableError> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).map_err(|error| TableError::Random(error.to_string()))?;
    Ok(hex::encode(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let bounds: Vec<u64> = (1..Tries::MOST).map(Tries::bound_ms).collect();
        assert!(bounds.is_sorted() && bounds.last() == Some(&Tries::LONGEST_MS));
        // Each is half its bound on average.
        assert!((5_000..10_000).contains(&(bounds.iter().sum::<u64>() / 2)), "{bounds:?}");
    }
}
