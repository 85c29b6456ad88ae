//! What is remembered of images, and the one write that ends a job.

use minilab_model::{
    BucketName, CollectionStatistics, Failure, HeaderFacts, ImageMetadata, ImageRecord, Lease, Notification, ObjectRef,
    SourceVersion, VariantRecord,
};
use std::future::Future;

use crate::store::SourceInfo;

/// Image records and the statistics over them.
///
/// # Contract
/// - [`commit`](Self::commit) is one transaction: record, statistics, notification rows and, where the catalog also
///   keeps the queue, the job's end.
/// - A write for an older version than the recorded one changes nothing and answers [`Commit::Superseded`]. A write for
///   the same version and rule again changes nothing that a reader can see, and tells nobody a second time.
/// - A record of an older version is replaced as a whole, but for variants of other rules: those stay listed until
///   their own rule has run on the new version.
/// - A rule that [skips](RecordChange::Skipped) a version leaves nothing of itself in the record; the last one takes the
///   record with it.
/// - [`statistics`](Self::statistics) costs the same for a million images as for one.
pub trait Catalog: Send + Sync + 'static {
    /// Writes the outcome of one job.
    ///
    /// # Errors
    /// [`CatalogError`] when it could not be written; nothing has changed then.
    fn commit(&self, write: CatalogWrite) -> impl Future<Output = Result<Commit, CatalogError>> + Send;

    /// The record of a source image.
    ///
    /// # Errors
    /// [`CatalogError`] when it cannot be read.
    fn image(&self, source: &ObjectRef) -> impl Future<Output = Result<Option<ImageRecord>, CatalogError>> + Send;

    /// The totals over a bucket's images.
    ///
    /// # Errors
    /// [`CatalogError`] when they cannot be read.
    fn statistics(&self, bucket: &BucketName) -> impl Future<Output = Result<CollectionStatistics, CatalogError>> + Send;
}

/// The outcome of one job.
#[derive(Debug, Clone)]
pub struct CatalogWrite {
    /// The version of the source that the job was about.
    pub source: SourceVersion,
    /// The job's rule.
    pub rule: String,
    /// What it means for the record.
    pub change: RecordChange,
    /// Who is to be told.
    pub notifications: Vec<Notification>,
    /// The worker's right to end the job, where the catalog keeps the queue.
    pub lease: Option<Lease>,
}

/// What a job's outcome means for its image's record.
#[derive(Debug, Clone)]
pub enum RecordChange {
    /// The rule succeeded.
    Processed {
        /// The source object.
        info: SourceInfo,
        /// What its bytes say.
        metadata: Box<ImageMetadata>,
        /// What was made of it.
        variants: Vec<VariantRecord>,
        /// The recipe that it was made by, to know later whether it is current.
        recipe: String,
    },
    /// The rule does not want this version: its size, its content or its metadata is not what the rule asks for. What
    /// the rule made of an older version is gone, and the record of an older version with it.
    Skipped,
    /// The rule failed for good; the job is kept as a dead letter.
    Failed {
        /// The source object, when it could be read.
        info: Option<SourceInfo>,
        /// What was made all the same (copies of what is not an image).
        variants: Vec<VariantRecord>,
        /// Why.
        failure: Failure,
        /// What the source's header said, when it could be read.
        facts: Option<HeaderFacts>,
    },
    /// The source was deleted.
    Removed,
    /// The job is over and leaves no trace: its version was superseded or its rule is gone.
    Dropped,
}

/// How a catalog write ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// Written.
    Applied,
    /// A newer version is recorded; nothing was written but the job's end.
    Superseded,
    /// The lease belongs to somebody else by now; nothing was written at all.
    LeaseLost,
}

/// Why a catalog did not do it. Always worth another try.
#[derive(Debug, thiserror::Error)]
#[error("the catalog is unavailable")]
pub struct CatalogError(#[source] pub Box<dyn std::error::Error + Send + Sync>);
