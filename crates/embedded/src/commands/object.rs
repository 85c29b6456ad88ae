//! Writing and deleting objects.

use super::{body, bucket, event, notification};
use crate::row::{self, key_bytes, to_json};
use crate::writer::{Command, Transaction};
use crate::{Attributes, Checksum, EmbeddedError, ObjectInfo, Origin, Precondition, PutObject, StagedBody};
use minilab_model::{BucketName, Event, EventKind, ObjectKey, ObjectRef, Provenance, Sequencer, SourceVersion, Timestamp};
use rusqlite::{Connection, params};

/// What stands at a key now.
pub(crate) struct Current {
    pub(crate) sequencer: Sequencer,
    pub(crate) etag: String,
    pub(crate) modified_at: Timestamp,
    pub(crate) body_id: i64,
    /// It is marked as a variant: nothing that happens to it starts a job.
    pub(crate) provenance: bool,
}

/// What is to stand at a key.
pub(crate) struct NewObject<'a> {
    pub(crate) bucket_id: i64,
    pub(crate) object: &'a ObjectRef,
    pub(crate) sequencer: Sequencer,
    pub(crate) etag: String,
    pub(crate) size_bytes: u64,
    /// The content; the row counts this object among those that refer to it already.
    pub(crate) body_id: i64,
    pub(crate) attributes: Attributes,
    pub(crate) checksum: Option<Checksum>,
    /// What it is a variant of, and by which rule.
    pub(crate) variant_of: Option<(&'a SourceVersion, &'a str)>,
    /// What stood there before.
    pub(crate) replaced: Option<&'a Current>,
}

pub(crate) fn current(connection: &Connection, bucket_id: i64, key: &ObjectKey) -> Result<Option<Current>, EmbeddedError> {
    let sql = "SELECT sequencer, etag, modified_ms, body_id, provenance FROM object WHERE bucket_id = ?1 AND key = ?2";
    row::first(connection, sql, (bucket_id, key.as_str().as_bytes()), |row| {
        Ok(Current {
            sequencer: row::sequencer(row, 0)?,
            etag: row.get(1)?,
            modified_at: row::timestamp(row, 2)?,
            body_id: row.get(3)?,
            provenance: row.get(4)?,
        })
    })
}

/// Puts an object in its place, and lets go of the content that stood there. The answer lacks hash and parts.
pub(crate) fn write(transaction: &mut Transaction<'_>, new: NewObject<'_>) -> Result<ObjectInfo, EmbeddedError> {
    let NewObject { bucket_id, object, sequencer, etag, size_bytes, body_id, attributes, checksum, variant_of, replaced } = new;
    let provenance = Provenance::is_marked(attributes.user.keys().map(String::as_str));
    let checksum_json = checksum.as_ref().map(to_json).transpose()?;
    let sql = "INSERT INTO object (bucket_id, key, sequencer, etag, size_bytes, modified_ms, body_id, attributes, checksum,
                   provenance, source_bucket, source_key, source_rule, source_sequencer)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
               ON CONFLICT (bucket_id, key) DO UPDATE SET sequencer = ?3, etag = ?4, size_bytes = ?5, modified_ms = ?6,
                   body_id = ?7, attributes = ?8, checksum = ?9, provenance = ?10, source_bucket = ?11, source_key = ?12,
                   source_rule = ?13, source_sequencer = ?14";
    let parameters = params![
        bucket_id,
        key_bytes(object),
        sequencer.0 as i64,
        etag,
        size_bytes as i64,
        transaction.now.as_millis(),
        body_id,
        to_json(&attributes)?,
        checksum_json,
        provenance,
        variant_of.map(|(source, _)| source.object.bucket.as_str()),
        variant_of.map(|(source, _)| key_bytes(&source.object)),
        variant_of.map(|(_, rule)| rule),
        variant_of.map(|(source, _)| source.sequencer.0 as i64),
    ];
    transaction.execute(sql, parameters)?;
    match replaced {
        Some(replaced) => body::release(transaction, replaced.body_id)?,
        None => drop(
            transaction
                .execute("DELETE FROM removal WHERE bucket = ?1 AND key = ?2", (object.bucket.as_str(), key_bytes(object)))?,
        ),
    }
    Ok(ObjectInfo {
        object: object.clone(),
        sequencer,
        etag,
        size_bytes,
        sha256: None,
        modified_at: transaction.now,
        attributes,
        checksum,
        parts: None,
        provenance,
    })
}

/// Tells of a new object: whom the bucket's configuration names, and the rules, unless it is marked as a variant.
pub(crate) fn announce(
    transaction: &mut Transaction<'_>,
    info: &ObjectInfo,
    kind: EventKind,
    origin: Origin,
) -> Result<(), EmbeddedError> {
    let event = created(info, kind, origin);
    notification::tell(transaction, &event)?;
    if info.provenance { Ok(()) } else { event::emit(transaction, &event) }
}

/// The event of a new object.
pub(crate) fn created(info: &ObjectInfo, kind: EventKind, origin: Origin) -> Event {
    Event {
        kind,
        bucket: info.object.bucket.clone(),
        key: info.object.key.clone(),
        sequencer: info.sequencer,
        etag: info.etag.clone(),
        size_bytes: info.size_bytes,
        time: info.modified_at,
        request_id: origin.request_id,
        requester: origin.requester,
    }
}

/// The event of an object that is gone.
pub(crate) fn removed(object: ObjectRef, sequencer: Sequencer, time: Timestamp, origin: Origin) -> Event {
    let ObjectRef { bucket, key } = object;
    let Origin { request_id, requester } = origin;
    let kind = EventKind::RemovedDelete;
    Event { kind, bucket, key, sequencer, etag: String::new(), size_bytes: 0, time, request_id, requester }
}

pub(crate) struct Put {
    object: ObjectRef,
    body: Option<StagedBody>,
    attributes: Attributes,
    precondition: Precondition,
    kind: EventKind,
    origin: Origin,
}

impl From<PutObject> for Put {
    fn from(put: PutObject) -> Self {
        let PutObject { object, body, attributes, precondition, kind, origin } = put;
        Self { object, body: Some(body), attributes, precondition, kind, origin }
    }
}

impl Command for Put {
    type Output = ObjectInfo;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<ObjectInfo, EmbeddedError> {
        let Some(staged) = self.body.take() else {
            return Err(EmbeddedError::corrupt("a body was written twice"));
        };
        let bucket_id = bucket::id(transaction.connection(), &self.object.bucket)?;
        let replaced = current(transaction.connection(), bucket_id, &self.object.key)?;
        self.precondition.check_write(&self.object, replaced.as_ref().map(|object| (object.etag.as_str(), object.modified_at)))?;
        let (etag, size_bytes, sha256) = (staged.etag(), staged.size_bytes, staged.sha256);
        let checksum = staged.checksum.clone();
        let new = NewObject {
            bucket_id,
            object: &self.object,
            sequencer: transaction.next_sequencer(),
            etag,
            size_bytes,
            body_id: body::insert(transaction, staged)?,
            attributes: std::mem::take(&mut self.attributes),
            checksum,
            variant_of: None,
            replaced: replaced.as_ref(),
        };
        let mut info = write(transaction, new)?;
        info.sha256 = Some(sha256);
        announce(transaction, &info, self.kind, std::mem::take(&mut self.origin))?;
        Ok(info)
    }
}

pub(crate) struct Delete {
    pub(crate) bucket: BucketName,
    pub(crate) keys: Vec<ObjectKey>,
    pub(crate) precondition: Precondition,
    pub(crate) origin: Origin,
}

impl Command for Delete {
    /// For each key whether it was there.
    type Output = Vec<bool>;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<Vec<bool>, EmbeddedError> {
        let bucket_id = bucket::id(transaction.connection(), &self.bucket)?;
        let keys = std::mem::take(&mut self.keys);
        keys.into_iter().map(|key| self.delete(transaction, bucket_id, key)).collect()
    }
}

impl Delete {
    fn delete(&self, transaction: &mut Transaction<'_>, bucket_id: i64, key: ObjectKey) -> Result<bool, EmbeddedError> {
        let object = ObjectRef::new(self.bucket.clone(), key);
        let there = current(transaction.connection(), bucket_id, &object.key)?;
        let sequencer = transaction.next_sequencer();
        if let Some(there) = &there {
            self.precondition.check_write(&object, Some((&there.etag, there.modified_at)))?;
            remove(transaction, bucket_id, &object.key, there.body_id)?;
            if !there.provenance {
                let sql = "INSERT INTO removal (bucket, key, sequencer, removed_ms) VALUES (?1, ?2, ?3, ?4)
                           ON CONFLICT (bucket, key) DO UPDATE SET sequencer = ?3, removed_ms = ?4";
                let now = transaction.now.as_millis();
                transaction.execute(sql, params![object.bucket.as_str(), key_bytes(&object), sequencer.0 as i64, now])?;
            }
        }
        let event = removed(object, sequencer, transaction.now, self.origin.clone());
        notification::tell(transaction, &event)?;
        if !there.as_ref().is_some_and(|there| there.provenance) {
            event::emit(transaction, &event)?;
        }
        Ok(there.is_some())
    }
}

/// Takes an object out of its place and lets go of its content.
pub(crate) fn remove(transaction: &Transaction<'_>, bucket_id: i64, key: &ObjectKey, body_id: i64) -> Result<(), EmbeddedError> {
    transaction.execute("DELETE FROM object WHERE bucket_id = ?1 AND key = ?2", (bucket_id, key.as_str().as_bytes()))?;
    body::release(transaction, body_id)
}
