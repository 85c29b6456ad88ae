//! Objects on S3. Which version of a source is current stands in the table, since S3 tells the order of writes in events
//! only; whose a destination is stands there, too.

mod object;
mod read;
mod refusal;
mod replace;
mod tags;

use super::Table;
use aws_sdk_s3::Client;
use bytes::Bytes;
use minilab_model::{BucketName, ObjectRef, SourceVersion};
use minilab_pipeline::{NewVariant, ObjectStore, SourceInfo, SourceState, StoreError};
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// The object store on S3. Cheap to clone.
///
/// Beyond the contract of [`ObjectStore`]:
/// - [`replace_variants`](ObjectStore::replace_variants) cannot be atomic. While it runs, a reader can see the new set and
///   leftovers of the old one; when it dies, the next attempt goes on from a note in the table. All refusals are found
///   before anything is written, but for what somebody puts in the way while it runs.
/// - [`add_tags`](ObjectStore::add_tags) reads and writes all tags, so that of two at the same moment one may be lost.
/// - A copy of a source of more than 5 GiB is refused by S3.
#[derive(Debug, Clone)]
pub struct S3Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    client: Client,
    table: Table,
    options: S3StoreOptions,
    /// Buckets that were seen to be there.
    buckets: Mutex<HashSet<BucketName>>,
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
        Self { inner: Arc::new(Inner { client, table, options, buckets: Mutex::default() }) }
    }

    fn client(&self) -> &Client {
        &self.inner.client
    }

    fn table(&self) -> &Table {
        &self.inner.table
    }
}

impl ObjectStore for S3Store {
    async fn head(&self, source: &SourceVersion) -> Result<SourceInfo, StoreError> {
        self.source_info(source).await
    }

    async fn read(&self, source: &SourceVersion, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.read_range(source, range).await
    }

    async fn open(&self, source: &SourceVersion, bytes: u64) -> Result<(SourceInfo, Bytes), StoreError> {
        self.open_version(source, bytes).await
    }

    async fn hash(&self, source: &SourceVersion) -> Result<String, StoreError> {
        self.hash_whole(source).await
    }

    async fn read_current(&self, object: &ObjectRef, max_bytes: u64) -> Result<Option<Bytes>, StoreError> {
        self.read_whole(object, max_bytes).await
    }

    async fn replace_variants(
        &self,
        source: &SourceVersion,
        state: SourceState,
        rule: &str,
        variants: Vec<NewVariant>,
    ) -> Result<(), StoreError> {
        self.replace(replace::Replacement { source, state, rule }, variants).await
    }

    async fn add_tags(&self, source: &SourceVersion, tags: &BTreeMap<String, String>) -> Result<(), StoreError> {
        self.join_tags(source, tags).await
    }
}
