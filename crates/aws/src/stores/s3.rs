//! Objects on S3. Which version of a source is current stands in the table, since S3 tells the order of writes in events
//! only; whose a destination is stands there, too.

use super::Table;
use aws_sdk_s3::Client;
use bytes::Bytes;
use minilab_model::{ObjectRef, SourceVersion};
use minilab_pipeline::{NewVariant, ObjectStore, SourceInfo, SourceState, StoreError};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// The object store on S3. Cheap to clone.
#[derive(Debug, Clone)]
pub struct S3Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    client: Client,
    table: Table,
    options: S3StoreOptions,
}

/// What is configured of objects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct S3StoreOptions {
    /// The storage class of variants, in S3's spelling. Default: the bucket's own, `STANDARD`.
    pub storage_class: Option<String>,
}

impl S3Store {
    /// A store over this client, whose versions stand in `table`.
    #[must_use]
    pub fn new(client: Client, table: Table, options: S3StoreOptions) -> Self {
        Self { inner: Arc::new(Inner { client, table, options }) }
    }
}

impl ObjectStore for S3Store {
    async fn head(&self, source: &SourceVersion) -> Result<SourceInfo, StoreError> {
        let _ = (&self.inner.client, &self.inner.table, &self.inner.options, source);
        Err(StoreError::Unavailable("not yet".into()))
    }

    async fn read(&self, source: &SourceVersion, range: Range<u64>) -> Result<Bytes, StoreError> {
        let _ = (source, range);
        Err(StoreError::Unavailable("not yet".into()))
    }

    async fn read_current(&self, object: &ObjectRef, max_bytes: u64) -> Result<Option<Bytes>, StoreError> {
        let _ = (object, max_bytes);
        Err(StoreError::Unavailable("not yet".into()))
    }

    async fn replace_variants(
        &self,
        source: &SourceVersion,
        state: SourceState,
        rule: &str,
        variants: Vec<NewVariant>,
    ) -> Result<(), StoreError> {
        let _ = (source, state, rule, variants);
        Err(StoreError::Unavailable("not yet".into()))
    }

    async fn add_tags(&self, source: &SourceVersion, tags: &BTreeMap<String, String>) -> Result<(), StoreError> {
        let _ = (source, tags);
        Err(StoreError::Unavailable("not yet".into()))
    }
}
