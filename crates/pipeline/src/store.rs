//! Where objects live, as far as the flow needs to know; and the stage that puts variants there.

use crate::error::JobError;
use bytes::Bytes;
use minilab_imaging::{ENGINE_VERSION, Output};
use minilab_model::{
    FailureCause, Format, ImageMetadata, ObjectRef, Provenance, Rule, Sequencer, SourceVersion, TemplateFields, Timestamp,
    VariantRecord, VariantSpec,
};
use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Range;

/// Sources are read from here, variants written to it.
///
/// # Contract
/// - A [`SourceVersion`] names one write of an object. Every call about a version fails with
///   [`StoreError::Superseded`] when the object has been written again since, or is gone although the version says it
///   was written ([`SourceState::Present`]). So an older job can never overwrite what a newer one made.
/// - [`replace_variants`](Self::replace_variants) is atomic: a reader sees the former set or the new one. It may become
///   durable only with the catalog write that follows, since until then its job is not done and would run again.
/// - A call that fails has changed nothing that a reader can see.
pub trait ObjectStore: Send + Sync + 'static {
    /// What is known of the source without reading it.
    ///
    /// # Errors
    /// [`StoreError::Superseded`] when this version is no longer the current one.
    fn head(&self, source: &SourceVersion) -> impl Future<Output = Result<SourceInfo, StoreError>> + Send;

    /// The bytes of the source in `range`, which is cut to its length.
    ///
    /// # Errors
    /// [`StoreError::Superseded`] when this version is no longer the current one.
    fn read(&self, source: &SourceVersion, range: Range<u64>) -> impl Future<Output = Result<Bytes, StoreError>> + Send;

    /// What is known of the source, and its first `bytes`: [`head`](Self::head) and [`read`](Self::read) in one, for stores where each
    /// call takes time.
    ///
    /// # Errors
    /// [`StoreError::Superseded`] when this version is no longer the current one.
    fn open(&self, source: &SourceVersion, bytes: u64) -> impl Future<Output = Result<(SourceInfo, Bytes), StoreError>> + Send {
        async move {
            let info = self.head(source).await?;
            let first = self.read(source, 0..bytes.min(info.size_bytes)).await?;
            Ok((info, first))
        }
    }

    /// SHA-256 of the source in hex, for when [`head`](Self::head) has not said it and the source was not read whole anyhow.
    /// It may cost as much as reading it. Empty where a store cannot say it within its bounds.
    ///
    /// # Errors
    /// [`StoreError::Superseded`] when this version is no longer the current one.
    fn hash(&self, source: &SourceVersion) -> impl Future<Output = Result<String, StoreError>> + Send;

    /// An object as it is now, whole; `None` when there is none of this name, or it is larger than `max_bytes`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the store cannot say.
    fn read_current(&self, object: &ObjectRef, max_bytes: u64) -> impl Future<Output = Result<Option<Bytes>, StoreError>> + Send;

    /// Makes `variants` the ones that exist for this rule and source: they are written, and whatever an earlier version
    /// of the source left for the rule is removed, unless a variant of the same key has just replaced it.
    ///
    /// Two sources whose names give one destination key share it (`a.jpg` and `a.png` under a template of `{stem}`): the
    /// one that was written later has it, whichever job comes last. The other's variant is left out, which is no error.
    ///
    /// `state` says whether the source must be there at that version or must be gone.
    ///
    /// # Errors
    /// [`StoreError::Superseded`] when the source is newer, or not in `state`; [`StoreError::NoSuchBucket`] for a
    /// destination that is missing; [`StoreError::Occupied`] when a destination key holds an object that no rule has
    /// made: what somebody put there is never overwritten. Nothing is changed then.
    fn replace_variants(
        &self,
        source: &SourceVersion,
        state: SourceState,
        rule: &str,
        variants: Vec<NewVariant>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Gives the source these object tags, beside those it has; one of the same name is replaced.
    ///
    /// # Errors
    /// [`StoreError::Superseded`] when this version is no longer the current one.
    fn add_tags(
        &self,
        source: &SourceVersion,
        tags: &BTreeMap<String, String>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// What the flow needs to know of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceInfo {
    /// Length in bytes.
    pub size_bytes: u64,
    /// ETag without quotes.
    pub etag: String,
    /// SHA-256 of the content in hex; empty where the store does not know it without reading everything. Whoever reads the
    /// source whole fills it in, else [`ObjectStore::hash`] tells it.
    pub sha256: String,
    /// The media type stated at upload.
    pub content_type: Option<String>,
    /// User metadata, names in lower case and without the `x-amz-meta-` prefix.
    pub user_metadata: BTreeMap<String, String>,
    /// When it was written.
    pub created_at: Timestamp,
}

/// Whether a source version is expected to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceState {
    /// The version is the object's current one.
    Present,
    /// The version is a removal, and nothing was written since.
    Gone,
}

/// A variant to be written.
#[derive(Debug, Clone)]
pub struct NewVariant {
    /// Where it goes.
    pub destination: ObjectRef,
    /// Its content.
    pub body: VariantBody,
    /// Its media type.
    pub content_type: String,
    /// Where it comes from; stored as user metadata.
    pub provenance: Provenance,
}

/// The content of a variant.
#[derive(Debug, Clone)]
pub enum VariantBody {
    /// These bytes.
    Bytes(Bytes),
    /// The source's own, untouched.
    CopyOfSource,
}

/// Why a store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The source was written or deleted after the version in question.
    #[error("{object} is no longer at version {sequencer}")]
    Superseded {
        /// The source.
        object: ObjectRef,
        /// The version asked for.
        sequencer: Sequencer,
    },
    /// A destination bucket is missing.
    #[error("bucket `{bucket}` does not exist")]
    NoSuchBucket {
        /// Its name.
        bucket: String,
    },
    /// A destination is taken by an object that somebody put there.
    #[error(
        "{object} is in the way: it was not made by a rule, so it is not overwritten; delete it, or let the rule write elsewhere"
    )]
    Occupied {
        /// The destination.
        object: ObjectRef,
    },
    /// The source would have more object tags than it may.
    #[error("{object} would have more than 10 tags; the rule cannot add its own")]
    TooManyTags {
        /// The source.
        object: ObjectRef,
    },
    /// The store cannot do it now: disk full, database busy, network down.
    #[error("the object store is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// What kind of failure it is. A superseded version is none: its job is simply over.
    #[must_use]
    pub fn cause(&self) -> FailureCause {
        match self {
            Self::Occupied { .. } => FailureCause::Occupied,
            Self::NoSuchBucket { .. } => FailureCause::NoSuchBucket,
            Self::TooManyTags { .. } => FailureCause::OverLimit,
            Self::Superseded { .. } | Self::Unavailable(_) => FailureCause::Unavailable,
        }
    }
}

/// What is to be written of a source, and what the catalog will say of it. Both in the order of the rule.
#[derive(Debug, Default)]
pub struct Prints {
    /// For the object store.
    pub variants: Vec<NewVariant>,
    /// For the catalog.
    pub records: Vec<VariantRecord>,
}

/// Names the rendered variants and the copies of a rule, and gives them their provenance.
///
/// `metadata` is `None` for a source that is no image: then only the copies are named.
///
/// # Errors
/// [`JobError::Key`] when a template expands to no valid key.
pub fn name_variants(
    rule: &Rule,
    source: &ObjectRef,
    info: &SourceInfo,
    metadata: Option<&ImageMetadata>,
    outputs: Vec<Output>,
) -> Result<Prints, JobError> {
    let provenance =
        Provenance { source: source.clone(), rule: rule.name.clone(), recipe: rule.recipe(&info.etag, ENGINE_VERSION) };
    let mut prints = Prints::default();
    let mut add = |spec: &VariantSpec, shape: Option<(Format, u32, u32)>, size_bytes: u64, body: VariantBody| {
        let fields = TemplateFields {
            source: &source.key,
            etag: &info.etag,
            variant: &spec.name,
            format: shape.map(|(format, ..)| format),
            width: shape.map(|(_, width, _)| width),
            height: shape.map(|(.., height)| height),
        };
        let key = spec.key.expand(&fields, spec.format).map_err(|error| JobError::Key { variant: spec.name.clone(), error })?;
        let bucket = rule.destination(spec).clone();
        let stated = || info.content_type.clone().unwrap_or_else(|| "application/octet-stream".to_owned());
        prints.variants.push(NewVariant {
            destination: ObjectRef::new(bucket.clone(), key.clone()),
            body,
            content_type: fields.format.map_or_else(stated, |format| format.content_type().to_owned()),
            provenance: provenance.clone(),
        });
        prints.records.push(VariantRecord {
            name: spec.name.clone(),
            rule: rule.name.clone(),
            bucket,
            key,
            format: fields.format,
            width: fields.width,
            height: fields.height,
            size_bytes,
        });
        Ok::<_, JobError>(())
    };
    let mut outputs = outputs.into_iter();
    for spec in &rule.variants {
        if spec.is_copy() {
            let shape = metadata.map(|metadata| (metadata.format, metadata.width, metadata.height));
            add(spec, shape, info.size_bytes, VariantBody::CopyOfSource)?;
        } else if let Some(output) = outputs.next() {
            let shape = Some((output.format, output.width, output.height));
            add(spec, shape, output.bytes.len() as u64, VariantBody::Bytes(output.bytes.into()))?;
        }
    }
    Ok(prints)
}
