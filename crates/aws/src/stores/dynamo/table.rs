//! The handle that store and catalog share.

use crate::table;
use aws_sdk_dynamodb::Client;
use minilab_model::{BucketName, Event};
use minilab_pipeline::CatalogError;
use std::sync::Arc;

/// The table: a client and what is configured. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Table {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    client: Client,
    options: TableOptions,
}

/// What is configured of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableOptions {
    /// The table's name. Default [`table::DEFAULT_TABLE`].
    pub name: String,
    /// The partition key, a string. Default [`table::DEFAULT_KEY`].
    pub key: String,
    /// The bucket whose images' items are named by their keys alone.
    pub default_bucket: BucketName,
    /// Over how many items the statistics of a bucket are spread. Default 1. It may be raised, never lowered: what a
    /// higher shard holds would no longer be seen.
    pub shards: u16,
}

impl TableOptions {
    /// The defaults.
    #[must_use]
    pub fn new(default_bucket: BucketName) -> Self {
        Self { name: table::DEFAULT_TABLE.to_owned(), key: table::DEFAULT_KEY.to_owned(), default_bucket, shards: 1 }
    }
}

/// What an event means for the version of its source that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observed {
    /// It is the newest that is known, for the first time or again.
    Current,
    /// A newer event of the same key was there before; this one's jobs are over.
    Superseded,
}

impl Table {
    /// A handle on the table.
    #[must_use]
    pub fn new(client: Client, options: TableOptions) -> Self {
        Self { inner: Arc::new(Inner { client, options }) }
    }

    /// Moves the source's item forward to this event, never back. Called with every event, before its jobs.
    ///
    /// # Errors
    /// [`CatalogError`] when the table cannot be written; the event is then to be tried again.
    pub async fn observe(&self, event: &Event) -> Result<Observed, CatalogError> {
        let _ = (&self.inner.client, &self.inner.options, event);
        Err(CatalogError("not yet".into()))
    }
}
