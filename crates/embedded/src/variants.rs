//! Sources and variants, as the flow sees them.

use crate::commands::catalog::source_info;
use crate::commands::tags::SetTags;
use crate::commands::variants::{RecordSha256, ReplaceVariants, Replaced, StagedVariant};
use crate::{Attributes, BodyReader, Embedded, EmbeddedError, ObjectInfo, StagedBody};
use bytes::Bytes;
use minilab_model::{ObjectRef, SourceVersion};
use minilab_pipeline::{NewVariant, ObjectStore, SourceInfo, SourceState, StoreError, VariantBody};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;

impl ObjectStore for Embedded {
    async fn head(&self, source: &SourceVersion) -> Result<SourceInfo, StoreError> {
        let info = self.object(&source.object).await.map_err(|error| refusal(error, source))?;
        check_version(&info, source)?;
        let mut known = source_info(&info);
        if info.sha256.is_none() {
            known.sha256 = hex::encode(self.hash_whole(source).await?);
        }
        Ok(known)
    }

    async fn read(&self, source: &SourceVersion, range: Range<u64>) -> Result<Bytes, StoreError> {
        let reader = self.open_version(source).await?;
        reader.read(range).await.map_err(|error| unavailable(EmbeddedError::io(format!("reading {}", source.object))(error)))
    }

    async fn hash(&self, source: &SourceVersion) -> Result<String, StoreError> {
        self.head(source).await.map(|info| info.sha256)
    }

    async fn read_current(&self, object: &ObjectRef, max_bytes: u64) -> Result<Option<Bytes>, StoreError> {
        let (info, reader) = match self.open_object(object).await {
            Ok(opened) => opened,
            Err(EmbeddedError::NoSuchBucket(_) | EmbeddedError::NoSuchKey { .. }) => return Ok(None),
            Err(error) => return Err(unavailable(error)),
        };
        if info.size_bytes > max_bytes {
            return Ok(None);
        }
        let read = reader.read(0..info.size_bytes).await;
        read.map(Some).map_err(|error| unavailable(EmbeddedError::io(format!("reading {object}"))(error)))
    }

    async fn replace_variants(
        &self,
        source: &SourceVersion,
        state: SourceState,
        rule: &str,
        variants: Vec<NewVariant>,
    ) -> Result<(), StoreError> {
        let variants = self.stage(variants).await.map_err(unavailable)?;
        let command = ReplaceVariants { source: source.clone(), state, rule: rule.to_owned(), variants };
        match self.write_own(command).await {
            Ok(Replaced::Done) => Ok(()),
            Ok(Replaced::Superseded) => Err(superseded(source)),
            Ok(Replaced::Occupied(object)) => Err(StoreError::Occupied { object }),
            Err(EmbeddedError::NoSuchBucket(bucket)) => Err(StoreError::NoSuchBucket { bucket: bucket.as_str().to_owned() }),
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn add_tags(&self, source: &SourceVersion, tags: &BTreeMap<String, String>) -> Result<(), StoreError> {
        let command = SetTags { object: source.object.clone(), version: Some(source.sequencer), tags: tags.clone() };
        match self.write_own(command).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(superseded(source)),
            Err(EmbeddedError::TooManyTags(object)) => Err(StoreError::TooManyTags { object }),
            Err(error) => Err(refusal(error, source)),
        }
    }
}

impl Embedded {
    async fn open_version(&self, source: &SourceVersion) -> Result<BodyReader, StoreError> {
        let (info, reader) = self.open_object(&source.object).await.map_err(|error| refusal(error, source))?;
        check_version(&info, source)?;
        Ok(reader)
    }

    /// Reads a multipart object once as a whole to know its hash, and remembers it.
    async fn hash_whole(&self, source: &SourceVersion) -> Result<[u8; 32], StoreError> {
        let reader = self.open_version(source).await?;
        let hash = move || {
            let mut hash = Sha256::new();
            reader.for_each_piece(|piece| hash.update(piece)).map(|()| hash.finalize().into())
        };
        let hashed = tokio::task::spawn_blocking(hash).await.map_err(io::Error::other).flatten();
        let sha256: [u8; 32] =
            hashed.map_err(|error| unavailable(EmbeddedError::io(format!("reading {}", source.object))(error)))?;
        self.write_own(RecordSha256 { source: source.clone(), sha256 }).await.map_err(unavailable)?;
        Ok(sha256)
    }

    /// Makes the variants' contents durable, one after the other: they are small, and the disk is one.
    async fn stage(&self, variants: Vec<NewVariant>) -> Result<Vec<StagedVariant>, EmbeddedError> {
        let inner = Arc::clone(&self.inner);
        let stage = move || {
            let stage_one = |variant: NewVariant| {
                let NewVariant { destination, body, content_type, provenance } = variant;
                let body = match body {
                    VariantBody::CopyOfSource => None,
                    VariantBody::Bytes(bytes) => {
                        Some(StagedBody::from_bytes(&inner.blobs, &inner.disk, inner.limits.inline_bytes, bytes)?)
                    }
                };
                let user = provenance.to_user_metadata().into_iter().collect();
                let attributes = Attributes { content_type: Some(content_type), user, ..Attributes::default() };
                Ok(StagedVariant { destination, attributes, body })
            };
            variants.into_iter().map(stage_one).collect()
        };
        let staged = tokio::task::spawn_blocking(stage).await;
        staged.map_err(|error| EmbeddedError::io("staging variants")(io::Error::other(error)))?
    }
}

fn check_version(info: &ObjectInfo, source: &SourceVersion) -> Result<(), StoreError> {
    match info.sequencer == source.sequencer {
        true => Ok(()),
        false => Err(superseded(source)),
    }
}

fn refusal(error: EmbeddedError, source: &SourceVersion) -> StoreError {
    match error {
        EmbeddedError::NoSuchKey(_) | EmbeddedError::NoSuchBucket(_) => superseded(source),
        other => unavailable(other),
    }
}

fn superseded(source: &SourceVersion) -> StoreError {
    StoreError::Superseded { object: source.object.clone(), sequencer: source.sequencer }
}

fn unavailable(error: EmbeddedError) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}
