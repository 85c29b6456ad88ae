//! The store's handle.

use crate::*;
use minilab_model::*;
use minilab_pipeline::{Catalog, CatalogError, CatalogWrite, Commit, NewVariant, ObjectStore, SourceInfo, SourceState, StoreError};
use std::ops::Range;
use std::time::Duration;

/// The store. Cheap to clone.
#[derive(Clone)]
pub struct Embedded {}

fn later() -> EmbeddedError {
    EmbeddedError::Stopped { reason: "not written yet".to_owned() }
}

#[allow(missing_docs, clippy::missing_errors_doc, unused_variables)]
impl Embedded {
    pub fn open(options: OpenOptions) -> Result<Self, OpenError> {
        Ok(Self {})
    }
    pub fn set_planner(&self, planner: Planner) {}
    pub async fn close(&self) {}
    pub fn health(&self) -> Health {
        Health::Ready
    }
    pub fn write_body(&self, options: BodyOptions) -> BodyWriter {
        BodyWriter {}
    }
    pub fn job_arrivals(&self) -> tokio::sync::watch::Receiver<u64> {
        tokio::sync::watch::channel(0).1
    }
    pub fn notification_arrivals(&self) -> tokio::sync::watch::Receiver<u64> {
        tokio::sync::watch::channel(0).1
    }
    pub async fn create_bucket(&self, bucket: &BucketName) -> Result<bool, EmbeddedError> {
        Err(later())
    }
    pub async fn delete_bucket(&self, bucket: &BucketName) -> Result<(), EmbeddedError> {
        Err(later())
    }
    pub async fn bucket(&self, bucket: &BucketName) -> Result<BucketInfo, EmbeddedError> {
        Err(later())
    }
    pub async fn buckets(&self) -> Result<Vec<BucketInfo>, EmbeddedError> {
        Err(later())
    }
    pub async fn put_object(&self, put: PutObject) -> Result<ObjectInfo, EmbeddedError> {
        Err(later())
    }
    pub async fn object(&self, object: &ObjectRef) -> Result<ObjectInfo, EmbeddedError> {
        Err(later())
    }
    pub async fn open_object(&self, object: &ObjectRef) -> Result<(ObjectInfo, BodyReader), EmbeddedError> {
        Err(later())
    }
    pub async fn copy_object(&self, copy: CopyObject) -> Result<ObjectInfo, EmbeddedError> {
        Err(later())
    }
    pub async fn delete_object(
        &self,
        object: &ObjectRef,
        precondition: Precondition,
        request_id: Option<String>,
    ) -> Result<bool, EmbeddedError> {
        Err(later())
    }
    pub async fn delete_objects(
        &self,
        bucket: &BucketName,
        keys: Vec<ObjectKey>,
        request_id: Option<String>,
    ) -> Result<Vec<bool>, EmbeddedError> {
        Err(later())
    }
    pub async fn list_objects(&self, query: ListQuery) -> Result<ListPage, EmbeddedError> {
        Err(later())
    }
    pub async fn create_upload(
        &self,
        object: &ObjectRef,
        attributes: Attributes,
        checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
    ) -> Result<UploadId, EmbeddedError> {
        Err(later())
    }
    pub async fn put_part(
        &self,
        object: &ObjectRef,
        id: &UploadId,
        number: u16,
        body: StagedBody,
    ) -> Result<PartInfo, EmbeddedError> {
        Err(later())
    }
    pub async fn upload(&self, object: &ObjectRef, id: &UploadId) -> Result<UploadInfo, EmbeddedError> {
        Err(later())
    }
    pub async fn list_parts(&self, object: &ObjectRef, id: &UploadId, after: u16, max: usize) -> Result<PartPage, EmbeddedError> {
        Err(later())
    }
    pub async fn list_uploads(&self, query: UploadQuery) -> Result<UploadPage, EmbeddedError> {
        Err(later())
    }
    pub async fn complete_upload(&self, complete: CompleteUpload) -> Result<ObjectInfo, EmbeddedError> {
        Err(later())
    }
    pub async fn abort_upload(&self, object: &ObjectRef, id: &UploadId) -> Result<(), EmbeddedError> {
        Err(later())
    }
    pub async fn enqueue(&self, jobs: Vec<Job>) -> Result<usize, EmbeddedError> {
        Err(later())
    }
    pub async fn claim(&self, max: usize, lease: Duration) -> Result<Vec<LeasedJob>, EmbeddedError> {
        Err(later())
    }
    pub async fn heartbeat(&self, leases: &[Lease], lease: Duration) -> Result<Vec<Lease>, EmbeddedError> {
        Err(later())
    }
    pub async fn retry_later(&self, lease: Lease, attempt: Attempt, delay: Duration) -> Result<bool, EmbeddedError> {
        Err(later())
    }
    pub async fn release(&self, lease: Lease) -> Result<bool, EmbeddedError> {
        Err(later())
    }
    pub async fn next_due(&self) -> Result<Option<Timestamp>, EmbeddedError> {
        Err(later())
    }
    pub async fn queue_counts(&self) -> Result<QueueCounts, EmbeddedError> {
        Err(later())
    }
    pub async fn jobs(&self, filter: JobFilter) -> Result<Vec<JobInfo>, EmbeddedError> {
        Err(later())
    }
    pub async fn retry_job(&self, id: i64) -> Result<bool, EmbeddedError> {
        Err(later())
    }
    pub async fn discard_job(&self, id: i64) -> Result<bool, EmbeddedError> {
        Err(later())
    }
    pub async fn pending_job(&self, source: &ObjectRef) -> Result<Option<Event>, EmbeddedError> {
        Err(later())
    }
    pub async fn recent_images(&self, bucket: &BucketName, limit: usize) -> Result<Vec<ImageRecord>, EmbeddedError> {
        Err(later())
    }
    pub async fn notifications(&self, max: usize) -> Result<Vec<PendingNotification>, EmbeddedError> {
        Err(later())
    }
    pub async fn finish_notification(&self, id: i64) -> Result<(), EmbeddedError> {
        Err(later())
    }
    pub async fn fail_notification(&self, id: i64, error: String, retry_at: Option<Timestamp>) -> Result<(), EmbeddedError> {
        Err(later())
    }
    pub async fn next_notification_due(&self) -> Result<Option<Timestamp>, EmbeddedError> {
        Err(later())
    }
}

#[allow(unused_variables)]
impl ObjectStore for Embedded {
    async fn head(&self, source: &SourceVersion) -> Result<SourceInfo, StoreError> {
        Err(StoreError::Unavailable(Box::new(later())))
    }
    async fn read(&self, source: &SourceVersion, range: Range<u64>) -> Result<bytes::Bytes, StoreError> {
        Err(StoreError::Unavailable(Box::new(later())))
    }
    async fn replace_variants(
        &self,
        source: &SourceVersion,
        state: SourceState,
        rule: &str,
        variants: Vec<NewVariant>,
    ) -> Result<(), StoreError> {
        Err(StoreError::Unavailable(Box::new(later())))
    }
}

#[allow(unused_variables)]
impl Catalog for Embedded {
    async fn commit(&self, write: CatalogWrite) -> Result<Commit, CatalogError> {
        Err(CatalogError(Box::new(later())))
    }
    async fn image(&self, source: &ObjectRef) -> Result<Option<ImageRecord>, CatalogError> {
        Err(CatalogError(Box::new(later())))
    }
    async fn statistics(&self, bucket: &BucketName) -> Result<CollectionStatistics, CatalogError> {
        Err(CatalogError(Box::new(later())))
    }
}
