//! Multipart uploads: parts are bodies of their own; completing one only writes rows.

use crate::commands::bucket;
use crate::commands::multipart::{AbortUpload, Complete, CreateUpload, PutPart};
use crate::list::{ListCursor, Rollup, successor};
use crate::{
    Attributes, Checksum, ChecksumAlgorithm, ChecksumType, Embedded, EmbeddedError, ObjectInfo, Origin, Precondition, StagedBody,
    row,
};
use minilab_model::{BucketName, ObjectRef, Timestamp};
use rusqlite::{Connection, Row};
use std::fmt;

/// Names an upload: 48 hex digits, not to be guessed, in order of their beginning.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UploadId(pub String);

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is known of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadInfo {
    /// Its id.
    pub id: UploadId,
    /// The object that it will make.
    pub object: ObjectRef,
    /// Headers and user metadata of that object.
    pub attributes: Attributes,
    /// The checksum that its parts and object shall have.
    pub checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
    /// When it was begun.
    pub created_at: Timestamp,
}

/// What is known of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartInfo {
    /// 1 to 10,000.
    pub number: u16,
    /// MD5 in hex, without quotes.
    pub etag: String,
    /// Length in bytes.
    pub size_bytes: u64,
    /// The checksum, when the client asked for one.
    pub checksum: Option<Checksum>,
    /// When it was written.
    pub modified_at: Timestamp,
}

/// A page of an upload's parts, by rising number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartPage {
    /// The upload.
    pub upload: UploadInfo,
    /// The parts.
    pub parts: Vec<PartInfo>,
    /// The number that the next page starts after; `None` when this is the last.
    pub next: Option<u16>,
}

/// Which page of a bucket's uploads is wanted.
#[derive(Debug, Clone)]
pub struct UploadQuery {
    /// The bucket.
    pub bucket: BucketName,
    /// Only keys that start with this.
    pub prefix: String,
    /// Rolls keys up into common prefixes, as in a [`ListQuery`](crate::ListQuery).
    pub delimiter: Option<String>,
    /// Only uploads of later keys, or, where `upload_id_marker` is given, later uploads of this key, too.
    pub key_marker: Option<String>,
    /// Within `key_marker`: only later uploads than this.
    pub upload_id_marker: Option<UploadId>,
    /// Most uploads and common prefixes together.
    pub max: usize,
}

/// A page of uploads: by key, then by their beginning.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UploadPage {
    /// The uploads.
    pub uploads: Vec<UploadInfo>,
    /// The common prefixes.
    pub common_prefixes: Vec<String>,
    /// The markers that the next page starts after: a key and an upload id, or a common prefix alone. `None` when this is
    /// the last page.
    pub next: Option<(String, Option<UploadId>)>,
}

/// The end of an upload.
#[derive(Debug, Clone)]
pub struct CompleteUpload {
    /// The object; must be the upload's.
    pub object: ObjectRef,
    /// The upload.
    pub id: UploadId,
    /// The parts that make up the object.
    pub parts: Vec<CompletePart>,
    /// Decided in the transaction that writes the object.
    pub precondition: Precondition,
    /// The length that the object must have, in bytes.
    pub expected_size_bytes: Option<u64>,
    /// The checksum value that the object must have, in base64 (with or without `-N`).
    pub expected_checksum: Option<String>,
    /// The request, for the event.
    pub origin: Origin,
}

/// A part named by a [`CompleteUpload`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletePart {
    /// Its number.
    pub number: u16,
    /// Its ETag, without quotes.
    pub etag: String,
    /// Its checksum value in base64; compared where given.
    pub checksum: Option<String>,
}

impl Embedded {
    /// Begins an upload.
    ///
    /// # Errors
    /// [`EmbeddedError::NoSuchBucket`], and those of every write: [`EmbeddedError::Busy`], [`EmbeddedError::DiskFull`],
    /// [`EmbeddedError::Stopped`].
    pub async fn create_upload(
        &self,
        object: &ObjectRef,
        attributes: Attributes,
        checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
    ) -> Result<UploadId, EmbeddedError> {
        self.inner.disk.check_row()?;
        self.write(CreateUpload { object: object.clone(), attributes, checksum }).await
    }

    /// Adds a part, or replaces it.
    ///
    /// # Errors
    /// [`EmbeddedError::NoSuchUpload`], [`EmbeddedError::InvalidPartNumber`].
    pub async fn put_part(
        &self,
        object: &ObjectRef,
        id: &UploadId,
        number: u16,
        body: StagedBody,
    ) -> Result<PartInfo, EmbeddedError> {
        self.inner.disk.check_row()?;
        self.write(PutPart { object: object.clone(), id: id.clone(), number, body: Some(body) }).await
    }

    /// What is known of an upload.
    ///
    /// # Errors
    /// [`EmbeddedError::NoSuchUpload`].
    pub async fn upload(&self, object: &ObjectRef, id: &UploadId) -> Result<UploadInfo, EmbeddedError> {
        let (object, id) = (object.clone(), id.clone());
        self.inner.readers.read(move |connection| find_upload(connection, &object, &id)).await
    }

    /// A page of an upload's parts: those with numbers after `after`, at most `max`.
    ///
    /// # Errors
    /// [`EmbeddedError::NoSuchUpload`].
    pub async fn list_parts(&self, object: &ObjectRef, id: &UploadId, after: u16, max: usize) -> Result<PartPage, EmbeddedError> {
        let (object, id) = (object.clone(), id.clone());
        let read = move |connection: &Connection| {
            let upload = find_upload(connection, &object, &id)?;
            let mut parts = read_parts(connection, &id, after, max.saturating_add(1))?;
            let more = parts.len() > max;
            parts.truncate(max);
            let next = parts.last().map(|part| part.number).filter(|_| more);
            Ok(PartPage { upload, parts, next })
        };
        self.inner.readers.read(read).await
    }

    /// A page of a bucket's unfinished uploads.
    ///
    /// # Errors
    /// [`EmbeddedError::NoSuchBucket`].
    pub async fn list_uploads(&self, query: UploadQuery) -> Result<UploadPage, EmbeddedError> {
        self.inner.readers.read(move |connection| list_uploads(connection, &query)).await
    }

    /// Makes an object of the listed parts. Completing a finished upload again gives the same answer.
    ///
    /// # Errors
    /// [`EmbeddedError::NoSuchUpload`], [`EmbeddedError::InvalidPart`], [`EmbeddedError::InvalidPartOrder`],
    /// [`EmbeddedError::EntityTooSmall`], [`EmbeddedError::SizeMismatch`], [`EmbeddedError::ChecksumMismatch`],
    /// [`EmbeddedError::PreconditionFailed`]; the upload stays as it is then.
    pub async fn complete_upload(&self, complete: CompleteUpload) -> Result<ObjectInfo, EmbeddedError> {
        self.write(Complete(complete)).await
    }

    /// Drops an upload and its parts.
    ///
    /// # Errors
    /// [`EmbeddedError::NoSuchUpload`].
    pub async fn abort_upload(&self, object: &ObjectRef, id: &UploadId) -> Result<(), EmbeddedError> {
        self.write(AbortUpload { object: object.clone(), id: id.clone() }).await
    }
}

const UPLOAD_COLUMNS: &str = "upload.id, key, attributes, checksum, upload.created_ms";

fn read_upload(row: &Row<'_>, bucket: &BucketName) -> rusqlite::Result<UploadInfo> {
    Ok(UploadInfo {
        id: UploadId(row.get(0)?),
        object: ObjectRef::new(bucket.clone(), row::key(row, 1)?),
        attributes: row::json(row, 2)?,
        checksum: row::optional_json(row, 3)?,
        created_at: row::timestamp(row, 4)?,
    })
}

/// An upload, which must be of this object.
pub(crate) fn find_upload(connection: &Connection, object: &ObjectRef, id: &UploadId) -> Result<UploadInfo, EmbeddedError> {
    let bucket_id = bucket::id(connection, &object.bucket)?;
    let sql = format!("SELECT {UPLOAD_COLUMNS} FROM upload WHERE id = ?1 AND bucket_id = ?2 AND key = ?3");
    let parameters = (&id.0, bucket_id, row::key_bytes(object));
    let found = row::first(connection, &sql, parameters, |row| read_upload(row, &object.bucket))?;
    found.ok_or_else(|| EmbeddedError::NoSuchUpload { id: id.0.clone() })
}

/// The parts of an upload with numbers after `after`, at most `max`, by rising number.
pub(crate) fn read_parts(connection: &Connection, id: &UploadId, after: u16, max: usize) -> Result<Vec<PartInfo>, EmbeddedError> {
    let sql = "SELECT number, md5, size_bytes, checksum, modified_ms FROM part WHERE upload_id = ?1 AND number > ?2
               ORDER BY number LIMIT ?3";
    row::all(connection, sql, (&id.0, after, i64::try_from(max).unwrap_or(i64::MAX)), |row| {
        Ok(PartInfo {
            number: row::number(row, 0)?,
            etag: hex::encode(row.get::<_, [u8; 16]>(1)?),
            size_bytes: row::unsigned(row, 2)?,
            checksum: row::optional_json(row, 3)?,
            modified_at: row::timestamp(row, 4)?,
        })
    })
}

fn list_uploads(connection: &Connection, query: &UploadQuery) -> Result<UploadPage, EmbeddedError> {
    let bucket_id = bucket::id(connection, &query.bucket)?;
    let delimiter = query.delimiter.as_deref().filter(|text| !text.is_empty());
    let rollup = Rollup { prefix: &query.prefix, delimiter };
    let mut page = UploadPage::default();
    if query.max == 0 {
        return Ok(page);
    }
    // A place is a key and an upload id; a page shows what stands strictly behind it.
    let (mut start, mut start_id) = match (&query.key_marker, &query.upload_id_marker) {
        (Some(key), Some(id)) if rollup.common_prefix(key.as_bytes()).is_none() && key.as_str() >= query.prefix.as_str() => {
            (key.clone().into_bytes(), id.0.clone())
        }
        (Some(key), _) => (rollup.start(Some(&ListCursor::after_marker(key, &query.prefix, delimiter))), String::new()),
        (None, _) => (rollup.start(None), String::new()),
    };
    let end = successor(&query.prefix);
    let sql = format!(
        "SELECT {UPLOAD_COLUMNS} FROM upload
         WHERE bucket_id = ?1 AND (key, id) > (?2, ?4) AND (?3 IS NULL OR key < ?3) ORDER BY key, id"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut last = None;
    loop {
        let mut rows = statement.query((bucket_id, &start, &end, &start_id))?;
        let mut skip = None;
        while let Some(row) = rows.next()? {
            if page.uploads.len() + page.common_prefixes.len() == query.max {
                page.next = last;
                return Ok(page);
            }
            if let Some(common) = rollup.common_prefix(row::bytes(row, 1)?) {
                skip = successor(&common);
                last = Some((common.clone(), None));
                page.common_prefixes.push(common);
                break;
            }
            let upload = read_upload(row, &query.bucket)?;
            last = Some((upload.object.key.as_str().to_owned(), Some(upload.id.clone())));
            page.uploads.push(upload);
        }
        match skip {
            Some(next) => (start, start_id) = (next, String::new()),
            None => return Ok(page),
        }
    }
}
