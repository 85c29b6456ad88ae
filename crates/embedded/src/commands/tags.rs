//! Object tags: part of an object, but not of its version.

use super::bucket;
use crate::Attributes;
use crate::EmbeddedError;
use crate::row::{self, key_bytes, to_json};
use crate::writer::{Command, Transaction};
use minilab_model::{MAX_TAGS, ObjectRef, Sequencer};
use std::collections::BTreeMap;

pub(crate) struct SetTags {
    pub(crate) object: ObjectRef,
    /// Joins the tags with those that this version has; `None` replaces them, whatever the version.
    pub(crate) version: Option<Sequencer>,
    pub(crate) tags: BTreeMap<String, String>,
}

impl Command for SetTags {
    /// Whether the object is at that version.
    type Output = bool;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<bool, EmbeddedError> {
        let bucket_id = bucket::id(transaction.connection(), &self.object.bucket)?;
        let sql = "SELECT sequencer, attributes FROM object WHERE bucket_id = ?1 AND key = ?2";
        let place = (bucket_id, key_bytes(&self.object));
        let found = transaction.first(sql, place, |row| Ok((row::sequencer(row, 0)?, row::json::<Attributes>(row, 1)?)))?;
        let (sequencer, mut attributes) = found.ok_or_else(|| EmbeddedError::NoSuchKey(self.object.clone()))?;
        match self.version {
            Some(version) if version != sequencer => return Ok(false),
            Some(_) => attributes.tags.append(&mut self.tags),
            None => attributes.tags = std::mem::take(&mut self.tags),
        }
        if attributes.tags.len() > MAX_TAGS {
            return Err(EmbeddedError::TooManyTags(self.object.clone()));
        }
        let sql = "UPDATE object SET attributes = ?3 WHERE bucket_id = ?1 AND key = ?2";
        transaction.execute(sql, (bucket_id, key_bytes(&self.object), to_json(&attributes)?))?;
        Ok(true)
    }
}
