//! Copying objects: the copy shares the content.

use super::object::{NewObject, announce, current, write};
use super::{body, bucket};
use crate::row::{self, key_bytes};
use crate::writer::{Command, Transaction};
use crate::{Attributes, Checksum, ChecksumType, CopyObject, EmbeddedError, ObjectInfo};
use minilab_model::{EventKind, Sequencer};

pub(crate) struct Copy {
    pub(crate) copy: CopyObject,
    /// The checksum that the copy shall have, computed from this version of the source.
    pub(crate) computed: Option<(Sequencer, Checksum)>,
}

pub(crate) enum Copied {
    /// It is done. Boxed, since the other answer is empty.
    Done(Box<ObjectInfo>),
    /// The source's content must be read for the checksum that was asked for; nothing is changed yet.
    ChecksumNeeded,
}

struct Source {
    sequencer: Sequencer,
    etag: String,
    size_bytes: u64,
    modified_at: minilab_model::Timestamp,
    body_id: i64,
    attributes: Attributes,
    checksum: Option<Checksum>,
    sha256: Option<[u8; 32]>,
}

impl Command for Copy {
    type Output = Copied;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<Copied, EmbeddedError> {
        let copy = &self.copy;
        let source = self.source(transaction)?;
        copy.source_precondition.check_read(&source.etag, source.modified_at).map_err(|error| match error {
            EmbeddedError::NotModified => EmbeddedError::PreconditionFailed,
            other => other,
        })?;
        let bucket_id = bucket::id(transaction.connection(), &copy.destination.bucket)?;
        let replaced = current(transaction.connection(), bucket_id, &copy.destination.key)?;
        copy.precondition
            .check_write(&copy.destination, replaced.as_ref().map(|object| (object.etag.as_str(), object.modified_at)))?;
        let checksum = match (copy.checksum, &source.checksum, &self.computed) {
            (None, kept, _) => kept.clone(),
            (Some(wanted), Some(kept), _) if kept.algorithm == wanted && kept.kind == ChecksumType::FullObject => {
                Some(kept.clone())
            }
            (Some(_), _, Some((version, computed))) if *version == source.sequencer => Some(computed.clone()),
            (Some(_), _, _) => return Ok(Copied::ChecksumNeeded),
        };
        // Shared before the replaced one is let go: they are the same when an object is copied onto itself.
        body::share(transaction, source.body_id)?;
        let tags = copy.tags.clone().unwrap_or_else(|| source.attributes.tags.clone());
        let attributes = Attributes { tags, ..copy.attributes.clone().unwrap_or(source.attributes) };
        let new = NewObject {
            bucket_id,
            object: &copy.destination,
            sequencer: transaction.next_sequencer(),
            etag: source.etag,
            size_bytes: source.size_bytes,
            body_id: source.body_id,
            attributes,
            checksum,
            variant_of: None,
            replaced: replaced.as_ref(),
        };
        let mut info = write(transaction, new)?;
        info.sha256 = source.sha256;
        announce(transaction, &info, EventKind::CreatedCopy, copy.origin.clone())?;
        Ok(Copied::Done(Box::new(info)))
    }
}

impl Copy {
    fn source(&self, transaction: &Transaction<'_>) -> Result<Source, EmbeddedError> {
        let object = &self.copy.source;
        let bucket_id = bucket::id(transaction.connection(), &object.bucket)?;
        let sql = "SELECT object.sequencer, etag, object.size_bytes, modified_ms, body_id, attributes, checksum, body.sha256
                   FROM object JOIN body ON body.id = object.body_id WHERE bucket_id = ?1 AND key = ?2";
        let source = transaction.first(sql, (bucket_id, key_bytes(object)), |row| {
            Ok(Source {
                sequencer: row::sequencer(row, 0)?,
                etag: row.get(1)?,
                size_bytes: row::unsigned(row, 2)?,
                modified_at: row::timestamp(row, 3)?,
                body_id: row.get(4)?,
                attributes: row::json(row, 5)?,
                checksum: row::optional_json(row, 6)?,
                sha256: row.get(7)?,
            })
        })?;
        source.ok_or_else(|| EmbeddedError::NoSuchKey(object.clone()))
    }
}
