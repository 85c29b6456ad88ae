//! Which version of a source is the newest: asked with every event, before its jobs.

use crate::stores::{Observed, Table};
use aws_sdk_s3::Client;
use aws_sdk_s3::error::DisplayErrorContext;
use minilab_model::Event;
use minilab_pipeline::{CatalogError, StoreError};
use std::future::Future;

/// Why it could not be said which version is the newest. Always worth another try.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// The table could not be written.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The object could not be asked for.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ObserveError> for minilab_pipeline::JobError {
    fn from(error: ObserveError) -> Self {
        match error {
            ObserveError::Catalog(error) => Self::Catalog(error),
            ObserveError::Store(error) => Self::Store(error),
        }
    }
}

/// Moves forward what is known of a source.
pub trait Observe: Send + Sync + 'static {
    /// Notes the event; whether it is the newest of its source.
    ///
    /// # Errors
    /// [`ObserveError`] when that cannot be said now.
    fn observe(&self, event: &Event) -> impl Future<Output = Result<bool, ObserveError>> + Send;
}

/// The table, and S3 where a removal is told.
#[derive(Debug, Clone)]
pub struct S3Observer {
    table: Table,
    s3: Client,
}

impl S3Observer {
    /// Over this table and client.
    #[must_use]
    pub fn new(table: Table, s3: Client) -> Self {
        Self { table, s3 }
    }

    /// Whether an object of this name is there now. Without the right to list, S3 says 403 of what is not there.
    async fn is_there(&self, event: &Event) -> Result<bool, StoreError> {
        let head = self.s3.head_object().bucket(event.bucket.as_str()).key(event.key.as_str()).send().await;
        match head {
            Ok(_) => Ok(true),
            Err(error) => match error.raw_response().map(|response| response.status().as_u16()) {
                Some(403..=405) => Ok(false),
                _ => Err(StoreError::Unavailable(DisplayErrorContext(error).to_string().into())),
            },
        }
    }
}

impl Observe for S3Observer {
    async fn observe(&self, event: &Event) -> Result<bool, ObserveError> {
        // In a bucket with versions, an older version can be deleted under one that stays; and what was deleted may be there
        // again, which its own event tells.
        if !event.kind.is_created() && self.is_there(event).await? {
            return Ok(false);
        }
        Ok(self.table.observe(event).await? == Observed::Current)
    }
}
