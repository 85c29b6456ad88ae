//! Single writes at a destination, each under a condition on what is there.

use super::S3Store;
use super::read::{bare, condition, quoted};
use super::refusal::{Refusal, refusal, unavailable};
use crate::stores::dynamo::Source;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{MetadataDirective, StorageClass, TaggingDirective};
use bytes::Bytes;
use md5::{Digest as _, Md5};
use minilab_model::{BucketName, ObjectRef, Provenance, SourceVersion};
use minilab_pipeline::{NewVariant, StoreError, VariantBody};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::HashMap;

/// What stands in a copy source as it is; everything else is percent-encoded.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// Most bytes of user metadata, names and values together (Amazon S3, "User-defined object metadata").
const METADATA_BYTES: usize = 2048;

/// An object that stands at a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct There {
    /// ETag without quotes.
    pub etag: String,
    content_type: Option<String>,
    metadata: HashMap<String, String>,
}

impl There {
    /// Whether it says of itself that a rule has made it.
    pub fn is_marked(&self) -> bool {
        Provenance::is_marked(self.metadata.keys().map(String::as_str))
    }

    /// Whether it is what `variant`, whose content has this ETag, would write. An ETag that is no MD5 (another encryption, a
    /// multipart object) says nothing: then it is written again.
    fn is(&self, variant: &NewVariant, etag: Option<&str>) -> bool {
        etag == Some(self.etag.as_str())
            && self.content_type.as_ref() == Some(&variant.content_type)
            && self.metadata == metadata(variant)
    }
}

/// The ETag that S3 gives a variant where it encrypts with its own keys; `None` when the source does not say its own.
pub(super) fn expected_etag(variant: &NewVariant, source: &Source) -> Option<String> {
    match &variant.body {
        VariantBody::Bytes(bytes) => Some(hex::encode(Md5::digest(bytes))),
        VariantBody::CopyOfSource => source.present.as_ref().map(|present| present.etag.clone()).filter(|etag| !etag.is_empty()),
    }
}

/// How a write under a condition ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Written {
    /// It is there, with this ETag.
    Done(String),
    /// Something else was there than expected.
    Changed,
}

impl S3Store {
    /// What stands at a destination. Without the right to list the bucket, S3 forbids to look at what is missing.
    pub(super) async fn look(&self, destination: &ObjectRef) -> Result<Option<There>, StoreError> {
        let head = self.client().head_object().bucket(destination.bucket.as_str()).key(destination.key.as_str());
        match head.send().await {
            Ok(head) => Ok(Some(There {
                etag: bare(head.e_tag().unwrap_or_default()).to_owned(),
                content_type: head.content_type,
                metadata: head.metadata.unwrap_or_default(),
            })),
            Err(error) => match refusal(&error) {
                Refusal::Missing | Refusal::Forbidden | Refusal::NoBucket => Ok(None),
                _ => Err(unavailable(error)),
            },
        }
    }

    /// Whether a bucket is there. One that was there once is not asked for again.
    pub(super) async fn check_bucket(&self, bucket: &BucketName) -> Result<(), StoreError> {
        let known = |store: &Self| store.inner.buckets.lock().map(|known| known.contains(bucket)).unwrap_or(false);
        if known(self) {
            return Ok(());
        }
        if let Err(error) = self.client().head_bucket().bucket(bucket.as_str()).send().await {
            match refusal(&error) {
                Refusal::Missing | Refusal::NoBucket => return Err(no_bucket(bucket)),
                // It is there, but may not be listed.
                Refusal::Forbidden => {}
                _ => return Err(unavailable(error)),
            }
        }
        if let Ok(mut known) = self.inner.buckets.lock() {
            known.insert(bucket.clone());
        }
        Ok(())
    }

    /// Writes a variant, whose content has this ETag, where `there` stands, or nothing.
    pub(super) async fn write(
        &self,
        variant: &NewVariant,
        etag: Option<&str>,
        there: Option<&There>,
        version: &SourceVersion,
        source: &Source,
    ) -> Result<Written, StoreError> {
        if let Some(there) = there
            && there.is(variant, etag)
        {
            return Ok(Written::Done(there.etag.clone()));
        }
        match &variant.body {
            VariantBody::Bytes(bytes) => self.put(variant, bytes.clone(), there).await,
            VariantBody::CopyOfSource => self.copy(variant, there, version, source).await,
        }
    }

    async fn put(&self, variant: &NewVariant, bytes: Bytes, there: Option<&There>) -> Result<Written, StoreError> {
        let (if_match, if_none_match) = conditions(there);
        let request = self
            .client()
            .put_object()
            .bucket(variant.destination.bucket.as_str())
            .key(variant.destination.key.as_str())
            .set_if_match(if_match)
            .set_if_none_match(if_none_match)
            .content_type(&variant.content_type)
            .set_metadata(Some(metadata(variant)))
            .set_storage_class(self.storage_class())
            .body(ByteStream::from(bytes));
        match request.send().await {
            Ok(put) => Ok(Written::Done(bare(put.e_tag().unwrap_or_default()).to_owned())),
            Err(error) => match refusal(&error) {
                Refusal::NoBucket => Err(no_bucket(&variant.destination.bucket)),
                // With `If-Match`, a key that is free by now is missing.
                Refusal::Changed | Refusal::Missing => Ok(Written::Changed),
                _ => Err(unavailable(error)),
            },
        }
    }

    async fn copy(
        &self,
        variant: &NewVariant,
        there: Option<&There>,
        version: &SourceVersion,
        source: &Source,
    ) -> Result<Written, StoreError> {
        let (if_match, if_none_match) = conditions(there);
        let request = self
            .client()
            .copy_object()
            .copy_source(copy_source(&version.object))
            .set_copy_source_if_match(condition(source))
            .bucket(variant.destination.bucket.as_str())
            .key(variant.destination.key.as_str())
            .set_if_match(if_match)
            .set_if_none_match(if_none_match)
            .content_type(&variant.content_type)
            .metadata_directive(MetadataDirective::Replace)
            .tagging_directive(TaggingDirective::Replace)
            .set_metadata(Some(metadata(variant)))
            .set_storage_class(self.storage_class());
        match request.send().await {
            Ok(copied) => {
                let etag = copied.copy_object_result.and_then(|result| result.e_tag).unwrap_or_default();
                Ok(Written::Done(bare(&etag).to_owned()))
            }
            Err(error) => match refusal(&error) {
                Refusal::NoBucket => Err(no_bucket(&variant.destination.bucket)),
                // Either end may have changed. A source that has is superseded.
                Refusal::Changed | Refusal::Missing => {
                    self.head_version(version, source).await?;
                    Ok(Written::Changed)
                }
                _ => Err(unavailable(error)),
            },
        }
    }

    /// Deletes what stands at a destination, if it still has this ETag; `false` when it has not. It ends well before the
    /// destination can be claimed by another.
    pub(super) async fn delete(&self, destination: &ObjectRef, etag: &str) -> Result<bool, StoreError> {
        let request =
            self.client().delete_object().bucket(destination.bucket.as_str()).key(destination.key.as_str()).if_match(quoted(etag));
        let bound = self.table().deletion();
        match tokio::time::timeout(bound, request.send()).await {
            Err(_) => Err(unavailable(format!("{destination} could not be deleted within {} s", bound.as_secs_f32()))),
            Ok(Ok(_)) => Ok(true),
            Ok(Err(error)) => match refusal(&error) {
                Refusal::Missing | Refusal::NoBucket => Ok(true),
                Refusal::Changed => Ok(false),
                _ => Err(unavailable(error)),
            },
        }
    }

    fn storage_class(&self) -> Option<StorageClass> {
        self.inner.options.storage_class.as_deref().map(StorageClass::from)
    }
}

fn no_bucket(bucket: &BucketName) -> StoreError {
    StoreError::NoSuchBucket { bucket: bucket.as_str().to_owned() }
}

/// `If-Match` on what is there, or `If-None-Match: *` for a free key.
fn conditions(there: Option<&There>) -> (Option<String>, Option<String>) {
    match there {
        Some(there) => (Some(quoted(&there.etag)), None),
        None => (None, Some("*".to_owned())),
    }
}

fn copy_source(object: &ObjectRef) -> String {
    format!("{}/{}", object.bucket, utf8_percent_encode(object.key.as_str(), PLAIN))
}

/// The provenance, as S3 takes it: a source whose percent-encoded name is too long is cut. The marks are what counts.
fn metadata(variant: &NewVariant) -> HashMap<String, String> {
    let mut pairs = variant.provenance.to_user_metadata();
    let total: usize = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
    if let Some(surplus) = total.checked_sub(METADATA_BYTES)
        && let Some((_, longest)) = pairs.iter_mut().max_by_key(|(_, value)| value.len())
    {
        let mut cut = longest.len().saturating_sub(surplus);
        // Not within a `%C3`.
        while longest.as_bytes().get(cut.saturating_sub(2)..cut).is_some_and(|end| end.contains(&b'%')) {
            cut -= 1;
        }
        longest.truncate(cut);
    }
    pairs.into_iter().collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn copy_sources_are_percent_encoded() {
        let check = |object: &str, expected: &str| assert_eq!(copy_source(&object.parse().unwrap()), expected);
        check("photos/in/a b+c%.jpg", "photos/in/a%20b%2Bc%25.jpg");
        check("photos/ä?#&=.jpg", "photos/%C3%A4%3F%23%26%3D.jpg");
        check("photos/../x", "photos/../x");
    }

    #[test]
    fn metadata_fit_and_keep_their_marks() {
        for key in ["a".to_owned(), "x".repeat(1024), "ä".repeat(512), "🖼".repeat(256)] {
            let source: ObjectRef = format!("photos/{key}").parse().unwrap();
            let variant = NewVariant {
                destination: source.clone(),
                body: VariantBody::CopyOfSource,
                content_type: String::new(),
                provenance: Provenance { source, rule: "rule".to_owned(), recipe: "00".repeat(32) },
            };
            let metadata = metadata(&variant);
            let total: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
            assert!(total <= METADATA_BYTES, "{total}");
            let source = &metadata["minilab-source"];
            assert!(percent_encoding::percent_decode_str(source).all(|byte| byte != b'%'), "{source}");
            assert_eq!(metadata["minilab-rule"], "rule");
        }
    }
}
