//! Object tags of a source.

use super::S3Store;
use super::refusal::{Refusal, refusal, unavailable};
use crate::stores::dynamo::{current, superseded};
use aws_sdk_s3::types::{Tag, Tagging};
use minilab_model::SourceVersion;
use minilab_pipeline::{SourceState, StoreError};
use std::collections::BTreeMap;

/// Most tags of an object (Amazon S3, "Categorizing your objects using tags").
const MOST: usize = 10;

impl S3Store {
    /// Tags carry no condition, so the version is asked for just before they are written.
    pub(super) async fn join_tags(&self, version: &SourceVersion, tags: &BTreeMap<String, String>) -> Result<(), StoreError> {
        let object = &version.object;
        let source = current(self.table(), version, SourceState::Present).await?;
        let got = self.client().get_object_tagging().bucket(object.bucket.as_str()).key(object.key.as_str()).send().await;
        let there: BTreeMap<String, String> = match got {
            Ok(got) => got.tag_set.into_iter().map(|tag| (tag.key, tag.value)).collect(),
            Err(error) => return Err(refused(refusal(&error), error, version)),
        };
        let mut joined = there.clone();
        joined.extend(tags.iter().map(|(name, value)| (name.clone(), value.clone())));
        if joined.len() > MOST {
            return Err(StoreError::TooManyTags { object: object.clone() });
        }
        self.head_version(version, &source).await?;
        if joined == there {
            return Ok(());
        }
        let set = joined.into_iter().map(|(name, value)| Tag::builder().key(name).value(value).build());
        let set = set.collect::<Result<Vec<_>, _>>().map_err(unavailable)?;
        let tagging = Tagging::builder().set_tag_set(Some(set)).build().map_err(unavailable)?;
        let put = self.client().put_object_tagging().bucket(object.bucket.as_str()).key(object.key.as_str()).tagging(tagging);
        match put.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(refused(refusal(&error), error, version)),
        }
    }
}

fn refused(refusal: Refusal, error: impl std::error::Error + Send + Sync + 'static, version: &SourceVersion) -> StoreError {
    match refusal {
        Refusal::Missing | Refusal::NoBucket => superseded(version),
        _ => unavailable(error),
    }
}
