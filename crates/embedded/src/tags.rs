//! Object tags.

use crate::commands::tags::SetTags;
use crate::{Embedded, EmbeddedError};
use minilab_model::ObjectRef;
use std::collections::BTreeMap;

impl Embedded {
    /// Replaces the tags of an object, which stays the same version. What it is tagged with is read with the object
    /// ([`Attributes::tags`](crate::Attributes)).
    ///
    /// # Errors
    /// [`EmbeddedError::NoSuchBucket`], [`EmbeddedError::NoSuchKey`], [`EmbeddedError::TooManyTags`], and those of every
    /// write.
    pub async fn set_tags(&self, object: &ObjectRef, tags: BTreeMap<String, String>) -> Result<(), EmbeddedError> {
        self.write(SetTags { object: object.clone(), version: None, tags }).await.map(drop)
    }
}
