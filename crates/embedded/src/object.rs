//! Objects: what is stored beside their bytes, and the requests that change them.

use crate::blob::{Content, Segment};
use crate::checksum::ChecksumHasher;
use crate::commands::bucket;
use crate::commands::copy::{Copied, Copy};
use crate::commands::object::{self, Delete};
use crate::row;
use crate::{BlobName, BodyOptions, BodyReader, BodyWriter, Checksum, ChecksumAlgorithm, Embedded, EmbeddedError, StagedBody};
use bytes::Bytes;
use minilab_model::{BucketName, EventKind, ObjectKey, ObjectRef, Sequencer, Timestamp};
use rusqlite::{Connection, Row};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// What is known of an object without its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectInfo {
    /// Where it is.
    pub object: ObjectRef,
    /// Which write of it this is.
    pub sequencer: Sequencer,
    /// ETag without quotes: MD5 in hex; for a multipart object MD5 of its parts' MD5s and `-N`.
    pub etag: String,
    /// Length in bytes.
    pub size_bytes: u64,
    /// SHA-256 of the content. `None` for a multipart object whose content has not been hashed as a whole yet.
    pub sha256: Option<[u8; 32]>,
    /// When it was written.
    pub modified_at: Timestamp,
    /// Headers and user metadata.
    pub attributes: Attributes,
    /// The checksum that the client asked for.
    pub checksum: Option<Checksum>,
    /// Lengths of the parts in bytes, for a multipart object. Always `None` in listings.
    pub parts: Option<Vec<u64>>,
    /// Whether its user metadata marks it as a variant: it starts no job.
    pub provenance: bool,
}

/// Headers and user metadata of an object, kept and given back as they came.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Attributes {
    /// `Content-Type`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// `Content-Encoding`, without `aws-chunked`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
    /// `Content-Language`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_language: Option<String>,
    /// `Content-Disposition`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_disposition: Option<String>,
    /// `Cache-Control`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
    /// `Expires`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// `x-amz-website-redirect-location`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub website_redirect_location: Option<String>,
    /// User metadata: names without `x-amz-meta-`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub user: BTreeMap<String, String>,
    /// Object tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// Conditions of a request, with the meaning of RFC 9110, section 13. Times are compared in whole seconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Precondition {
    /// `If-Match`
    pub if_match: Option<EtagCondition>,
    /// `If-None-Match`
    pub if_none_match: Option<EtagCondition>,
    /// `If-Modified-Since`; ignored where `If-None-Match` is given.
    pub if_modified_since: Option<Timestamp>,
    /// `If-Unmodified-Since`; ignored where `If-Match` is given.
    pub if_unmodified_since: Option<Timestamp>,
}

/// An ETag condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EtagCondition {
    /// `*`: any object.
    Any,
    /// One of these ETags, without quotes.
    OneOf(Vec<String>),
}

/// Where a write comes from, for its event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// The request's id (`x-amz-request-id`).
    pub request_id: Option<String>,
    /// The access key that signed it.
    pub requester: Option<String>,
}

/// A new object.
#[derive(Debug)]
pub struct PutObject {
    /// Where it goes.
    pub object: ObjectRef,
    /// Its content.
    pub body: StagedBody,
    /// Headers and user metadata.
    pub attributes: Attributes,
    /// Decided in the transaction that writes it.
    pub precondition: Precondition,
    /// [`EventKind::CreatedPut`] or [`EventKind::CreatedPost`].
    pub kind: EventKind,
    /// The request, for the event.
    pub origin: Origin,
}

/// A copy of an object.
#[derive(Debug, Clone)]
pub struct CopyObject {
    /// What is copied.
    pub source: ObjectRef,
    /// Decided against the source; a copy answers [`EmbeddedError::PreconditionFailed`](crate::EmbeddedError) where a
    /// read would answer "not modified".
    pub source_precondition: Precondition,
    /// Where it goes; may be the source itself.
    pub destination: ObjectRef,
    /// Decided against the destination.
    pub precondition: Precondition,
    /// `None` copies the source's.
    pub attributes: Option<Attributes>,
    /// `None` copies the source's. Those among `attributes` are not looked at.
    pub tags: Option<BTreeMap<String, String>>,
    /// The checksum that the copy shall have; `None` keeps the source's.
    pub checksum: Option<ChecksumAlgorithm>,
    /// The request, for the event.
    pub origin: Origin,
}

impl Precondition {
    /// Whether a read of an object with this ETag (without quotes) and time goes on.
    ///
    /// # Errors
    /// [`EmbeddedError::PreconditionFailed`] or [`EmbeddedError::NotModified`].
    pub fn check_read(&self, etag: &str, modified_at: Timestamp) -> Result<(), EmbeddedError> {
        if !self.unchanged(etag, modified_at) {
            return Err(EmbeddedError::PreconditionFailed);
        }
        let modified = match (&self.if_none_match, self.if_modified_since) {
            (Some(condition), _) => !condition.holds(etag),
            (None, Some(since)) => seconds(modified_at) > seconds(since),
            (None, None) => true,
        };
        if modified { Ok(()) } else { Err(EmbeddedError::NotModified) }
    }

    /// Whether a write goes on where `current` (ETag and time) stands at the key.
    pub(crate) fn check_write(&self, object: &ObjectRef, current: Option<(&str, Timestamp)>) -> Result<(), EmbeddedError> {
        let Some((etag, modified_at)) = current else {
            // A write that is to replace something has nothing to replace.
            return match self.if_match {
                Some(_) => Err(EmbeddedError::NoSuchKey(object.clone())),
                None => Ok(()),
            };
        };
        let matched = self.if_none_match.as_ref().is_some_and(|condition| condition.holds(etag));
        if matched || !self.unchanged(etag, modified_at) { Err(EmbeddedError::PreconditionFailed) } else { Ok(()) }
    }

    fn unchanged(&self, etag: &str, modified_at: Timestamp) -> bool {
        match (&self.if_match, self.if_unmodified_since) {
            (Some(condition), _) => condition.holds(etag),
            (None, Some(since)) => seconds(modified_at) <= seconds(since),
            (None, None) => true,
        }
    }
}

impl EtagCondition {
    fn holds(&self, etag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(etags) => etags.iter().any(|listed| listed == etag),
        }
    }
}

fn seconds(time: Timestamp) -> i64 {
    time.as_millis().div_euclid(1000)
}

impl Embedded {
    /// Begins to take in a body; nothing of it can be seen until it is put somewhere.
    #[must_use]
    pub fn write_body(&self, options: BodyOptions) -> BodyWriter {
        let inner = &self.inner;
        BodyWriter::new(Arc::clone(&inner.blobs), Arc::clone(&inner.disk), inner.limits.inline_bytes, options)
    }

    /// Writes an object: content, event and jobs in one transaction. It runs to its end even if nobody waits for it.
    ///
    /// # Errors
    /// [`EmbeddedError::NoSuchBucket`], [`EmbeddedError::PreconditionFailed`], [`EmbeddedError::NoSuchKey`] for an
    /// `If-Match` without an object, and those of every write: [`EmbeddedError::Busy`], [`EmbeddedError::DiskFull`],
    /// [`EmbeddedError::Stopped`].
    pub async fn put_object(&self, put: PutObject) -> Result<ObjectInfo, EmbeddedError> {
        self.inner.disk.check_row()?;
        self.write(object::Put::from(put)).await
    }

    /// What is known of an object.
    ///
    /// # Errors
    /// [`EmbeddedError::NoSuchBucket`], [`EmbeddedError::NoSuchKey`].
    pub async fn object(&self, object: &ObjectRef) -> Result<ObjectInfo, EmbeddedError> {
        let object = object.clone();
        self.inner.readers.read(move |connection| Ok(find(connection, &object)?.0)).await
    }

    /// An object and its content, which belong together whatever happens to the object meanwhile.
    ///
    /// # Errors
    /// [`EmbeddedError::NoSuchBucket`], [`EmbeddedError::NoSuchKey`].
    pub async fn open_object(&self, object: &ObjectRef) -> Result<(ObjectInfo, BodyReader), EmbeddedError> {
        for _ in 0..2 {
            let (object, blobs) = (object.clone(), Arc::clone(&self.inner.blobs));
            let open = move |connection: &Connection| {
                let (info, body_id) = find(connection, &object)?;
                let segments = segments(connection, body_id)?;
                match BodyReader::open(&blobs, segments) {
                    Ok(reader) => Ok(Some((info, reader))),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                    Err(error) => Err(EmbeddedError::io(format!("opening the content of {object}"))(error)),
                }
            };
            if let Some(opened) = self.inner.readers.read(open).await? {
                return Ok(opened);
            }
            // Overwritten and collected between the row and the file: the row must be another one by now.
        }
        Err(EmbeddedError::corrupt(format!("a blob of {object} is missing")))
    }

    /// Copies an object; the copy shares the content.
    ///
    /// # Errors
    /// As for [`put_object`](Self::put_object); [`EmbeddedError::NoSuchKey`] for a missing source.
    pub async fn copy_object(&self, copy: CopyObject) -> Result<ObjectInfo, EmbeddedError> {
        self.inner.disk.check_row()?;
        let mut computed = None;
        // Each round means that the source was overwritten while it was read.
        for _ in 0..4 {
            match self.write(Copy { copy: copy.clone(), computed: computed.take() }).await? {
                Copied::Done(info) => return Ok(*info),
                Copied::ChecksumNeeded => {
                    let (info, reader) = self.open_object(&copy.source).await?;
                    let Some(algorithm) = copy.checksum else { return Err(EmbeddedError::Busy) };
                    let hash = tokio::task::spawn_blocking(move || checksum_of(&reader, algorithm)).await;
                    let hash = hash.map_err(io::Error::other).flatten();
                    computed = Some((info.sequencer, hash.map_err(EmbeddedError::io("reading the source of a copy"))?));
                }
            }
        }
        Err(EmbeddedError::Busy)
    }

    /// Deletes an object; whether it was there. The event is emitted either way, as in S3. A condition on an object
    /// that is not there holds.
    ///
    /// # Errors
    /// [`EmbeddedError::NoSuchBucket`], [`EmbeddedError::PreconditionFailed`].
    pub async fn delete_object(
        &self,
        object: &ObjectRef,
        precondition: Precondition,
        origin: Origin,
    ) -> Result<bool, EmbeddedError> {
        let ObjectRef { bucket, key } = object.clone();
        let deleted = self.write(Delete { bucket, keys: vec![key], precondition, origin }).await?;
        Ok(deleted.contains(&true))
    }

    /// Deletes several objects in one transaction; for each whether it was there.
    ///
    /// # Errors
    /// [`EmbeddedError::NoSuchBucket`].
    pub async fn delete_objects(
        &self,
        bucket: &BucketName,
        keys: Vec<ObjectKey>,
        origin: Origin,
    ) -> Result<Vec<bool>, EmbeddedError> {
        self.write(Delete { bucket: bucket.clone(), keys, precondition: Precondition::default(), origin }).await
    }
}

/// The columns that [`read_info`] reads.
pub(crate) const INFO_COLUMNS: &str =
    "key, sequencer, etag, object.size_bytes, modified_ms, attributes, checksum, provenance, body.sha256, body_id, body.segments";

/// An object from [`INFO_COLUMNS`], and the id of its body; without its parts.
pub(crate) fn read_info(row: &Row<'_>, bucket: &BucketName) -> rusqlite::Result<(ObjectInfo, i64)> {
    let info = ObjectInfo {
        object: ObjectRef::new(bucket.clone(), row::key(row, 0)?),
        sequencer: row::sequencer(row, 1)?,
        etag: row.get(2)?,
        size_bytes: row::unsigned(row, 3)?,
        modified_at: row::timestamp(row, 4)?,
        attributes: row::json(row, 5)?,
        checksum: row::optional_json(row, 6)?,
        provenance: row.get(7)?,
        sha256: row.get(8)?,
        parts: None,
    };
    Ok((info, row.get(9)?))
}

/// An object with its parts, and the id of its body.
pub(crate) fn find(connection: &Connection, object: &ObjectRef) -> Result<(ObjectInfo, i64), EmbeddedError> {
    let bucket_id = bucket::id(connection, &object.bucket)?;
    let sql = format!("SELECT {INFO_COLUMNS} FROM object JOIN body ON body.id = object.body_id WHERE bucket_id = ?1 AND key = ?2");
    let found = row::first(connection, &sql, (bucket_id, row::key_bytes(object)), |row| {
        let (info, body_id) = read_info(row, &object.bucket)?;
        Ok((info, body_id, row.get::<_, i64>(10)?))
    })?;
    let Some((mut info, body_id, segments)) = found else { return Err(EmbeddedError::NoSuchKey(object.clone())) };
    if segments > 0 {
        let sql = "SELECT size_bytes FROM segment WHERE body_id = ?1 ORDER BY number";
        info.parts = Some(row::all(connection, sql, [body_id], |row| row::unsigned(row, 0))?);
    }
    Ok((info, body_id))
}

/// Where a body's bytes are.
pub(crate) fn segments(connection: &Connection, body_id: i64) -> Result<Vec<Segment>, EmbeddedError> {
    let read = |row: &Row<'_>| {
        let content = match row.get::<_, Option<[u8; 16]>>(1)? {
            Some(name) => Content::Blob(BlobName(name)),
            None => Content::Inline(Bytes::from(row.get::<_, Option<Vec<u8>>>(2)?.unwrap_or_default())),
        };
        Ok(Segment { size_bytes: row::unsigned(row, 0)?, content })
    };
    let sql = "SELECT size_bytes, blob, inline FROM body WHERE id = ?1 AND segments = 0";
    match row::first(connection, sql, [body_id], read)? {
        Some(whole) => Ok(vec![whole]),
        None => {
            let sql = "SELECT size_bytes, blob, inline FROM segment WHERE body_id = ?1 ORDER BY number";
            row::all(connection, sql, [body_id], read)
        }
    }
}

fn checksum_of(reader: &BodyReader, algorithm: ChecksumAlgorithm) -> io::Result<Checksum> {
    let mut hasher = ChecksumHasher::new(algorithm);
    reader.for_each_piece(|piece| hasher.update(piece))?;
    Ok(hasher.finish())
}
