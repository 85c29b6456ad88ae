//! Multipart uploads: beginning, parts, completing, aborting.

use super::object::{NewObject, announce, current, write};
use super::{body, bucket};
use crate::blob::StagedContent;
use crate::checksum::{self, Checksum};
use crate::multipart::{find_upload, read_parts};
use crate::random;
use crate::row::{self, key_bytes, to_json};
use crate::writer::{Command, Transaction};
use crate::{
    Attributes, ChecksumAlgorithm, ChecksumType, CompletePart, CompleteUpload, EmbeddedError, ObjectInfo, PartInfo, StagedBody,
    UploadId, UploadInfo,
};
use md5::{Digest as _, Md5};
use minilab_model::{EventKind, ObjectRef};
use rusqlite::params;
use std::collections::BTreeMap;

/// The largest part number.
const MAX_PART: u16 = 10_000;

pub(crate) struct CreateUpload {
    pub(crate) object: ObjectRef,
    pub(crate) attributes: Attributes,
    pub(crate) checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
}

impl Command for CreateUpload {
    type Output = UploadId;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<UploadId, EmbeddedError> {
        let bucket_id = bucket::id(transaction.connection(), &self.object.bucket)?;
        let bits = random::bits().map_err(EmbeddedError::io("drawing random bits"))?;
        // In order of beginning by its first half, not to be guessed by its second.
        let id = format!("{:016x}{}", transaction.next_sequencer().0, hex::encode(bits));
        let checksum = self.checksum.as_ref().map(to_json).transpose()?;
        let sql = "INSERT INTO upload (id, bucket_id, key, attributes, checksum, created_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let (attributes, now) = (to_json(&self.attributes)?, transaction.now.as_millis());
        transaction.execute(sql, params![id, bucket_id, key_bytes(&self.object), attributes, checksum, now])?;
        Ok(UploadId(id))
    }
}

pub(crate) struct PutPart {
    pub(crate) object: ObjectRef,
    pub(crate) id: UploadId,
    pub(crate) number: u16,
    pub(crate) body: Option<StagedBody>,
}

impl Command for PutPart {
    type Output = PartInfo;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<PartInfo, EmbeddedError> {
        if !(1..=MAX_PART).contains(&self.number) {
            return Err(EmbeddedError::InvalidPartNumber { number: self.number });
        }
        find_upload(transaction.connection(), &self.object, &self.id)?;
        let Some(StagedBody { size_bytes, md5, sha256, checksum, content }) = self.body.take() else {
            return Err(EmbeddedError::corrupt("a body was written twice"));
        };
        discard_parts(transaction, &self.id.0, Some(self.number))?;
        let checksum_json = checksum.as_ref().map(to_json).transpose()?;
        let (bytes, guard) = match content {
            StagedContent::Inline(bytes) => (Some(bytes), None),
            StagedContent::File(guard) => (None, Some(guard)),
        };
        let sql = "INSERT INTO part (upload_id, number, md5, size_bytes, sha256, checksum, modified_ms, blob, inline)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let parameters = params![
            self.id.0,
            self.number,
            md5,
            size_bytes as i64,
            sha256,
            checksum_json,
            transaction.now.as_millis(),
            guard.as_ref().map(|guard| guard.name().0),
            bytes.as_deref(),
        ];
        transaction.execute(sql, parameters)?;
        if let Some(guard) = guard {
            transaction.adopt(guard);
        }
        let modified_at = transaction.now;
        Ok(PartInfo { number: self.number, etag: hex::encode(md5), size_bytes, checksum, modified_at })
    }
}

pub(crate) struct AbortUpload {
    pub(crate) object: ObjectRef,
    pub(crate) id: UploadId,
}

impl Command for AbortUpload {
    type Output = ();

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<(), EmbeddedError> {
        find_upload(transaction.connection(), &self.object, &self.id)?;
        discard(transaction, &self.id.0)
    }
}

/// Drops an upload and what was uploaded.
pub(crate) fn discard(transaction: &Transaction<'_>, id: &str) -> Result<(), EmbeddedError> {
    discard_parts(transaction, id, None)?;
    transaction.execute("DELETE FROM upload WHERE id = ?1", [id])?;
    Ok(())
}

/// Drops one part of an upload, or all.
fn discard_parts(transaction: &Transaction<'_>, id: &str, number: Option<u16>) -> Result<(), EmbeddedError> {
    let parameters = (id, number.unwrap_or(0), number.unwrap_or(u16::MAX));
    let sql = "DELETE FROM part WHERE upload_id = ?1 AND number BETWEEN ?2 AND ?3 RETURNING blob";
    for blob in transaction.all(sql, parameters, |row| body::blob_name(row, 0))?.into_iter().flatten() {
        body::discard(transaction, blob)?;
    }
    Ok(())
}

pub(crate) struct Complete(pub(crate) CompleteUpload);

impl Command for Complete {
    type Output = ObjectInfo;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<ObjectInfo, EmbeddedError> {
        let complete = &self.0;
        let bucket_id = bucket::id(transaction.connection(), &complete.object.bucket)?;
        let upload = match find_upload(transaction.connection(), &complete.object, &complete.id) {
            Ok(upload) => upload,
            Err(missing) => return finished(transaction, complete)?.ok_or(missing),
        };
        let parts = chosen_parts(transaction, complete)?;
        let whole = Whole::new(&upload, &parts)?;
        whole.check(complete)?;
        let replaced = current(transaction.connection(), bucket_id, &complete.object.key)?;
        complete
            .precondition
            .check_write(&complete.object, replaced.as_ref().map(|object| (object.etag.as_str(), object.modified_at)))?;
        let body_id = join_parts(transaction, &upload, &parts, whole.size_bytes)?;
        let new = NewObject {
            bucket_id,
            object: &complete.object,
            sequencer: transaction.next_sequencer(),
            etag: whole.etag,
            size_bytes: whole.size_bytes,
            body_id,
            attributes: upload.attributes,
            checksum: whole.checksum,
            variant_of: None,
            replaced: replaced.as_ref(),
        };
        let mut info = write(transaction, new)?;
        info.parts = Some(parts.iter().map(|part| part.size_bytes).collect());
        announce(transaction, &info, EventKind::CreatedCompleteMultipartUpload, complete.origin.clone())?;
        transaction.execute("DELETE FROM upload WHERE id = ?1", [&complete.id.0])?;
        let sql = "INSERT INTO finished_upload (id, object, finished_ms) VALUES (?1, ?2, ?3)";
        transaction.execute(sql, (&complete.id.0, to_json(&info)?, transaction.now.as_millis()))?;
        Ok(info)
    }
}

/// The answer that was given when this upload was completed before.
fn finished(transaction: &Transaction<'_>, complete: &CompleteUpload) -> Result<Option<ObjectInfo>, EmbeddedError> {
    let sql = "SELECT object FROM finished_upload WHERE id = ?1";
    let info: Option<ObjectInfo> = transaction.first(sql, [&complete.id.0], |row| row::json(row, 0))?;
    Ok(info.filter(|info| info.object == complete.object))
}

/// The parts that the client lists, checked against what was uploaded.
fn chosen_parts(transaction: &Transaction<'_>, complete: &CompleteUpload) -> Result<Vec<PartInfo>, EmbeddedError> {
    let rising = complete.parts.windows(2).all(|pair| pair[0].number < pair[1].number);
    if complete.parts.is_empty() || !rising {
        return Err(EmbeddedError::InvalidPartOrder);
    }
    let uploaded = read_parts(transaction.connection(), &complete.id, 0, usize::MAX)?;
    let mut uploaded: BTreeMap<u16, PartInfo> = uploaded.into_iter().map(|part| (part.number, part)).collect();
    let mut parts = Vec::with_capacity(complete.parts.len());
    for CompletePart { number, etag, checksum } in &complete.parts {
        let part = uploaded.remove(number).ok_or(EmbeddedError::InvalidPart { number: *number })?;
        let same_checksum = checksum.as_ref().is_none_or(|given| part.checksum.as_ref().is_some_and(|known| known.value == *given));
        if part.etag != *etag || !same_checksum {
            return Err(EmbeddedError::InvalidPart { number: *number });
        }
        parts.push(part);
    }
    let minimum_bytes = transaction.limits.part_min_bytes;
    if let Some(small) = parts[..parts.len() - 1].iter().find(|part| part.size_bytes < minimum_bytes) {
        return Err(EmbeddedError::EntityTooSmall { number: small.number, size_bytes: small.size_bytes, minimum_bytes });
    }
    Ok(parts)
}

/// The object that parts make up.
struct Whole {
    etag: String,
    size_bytes: u64,
    checksum: Option<Checksum>,
}

impl Whole {
    fn new(upload: &UploadInfo, parts: &[PartInfo]) -> Result<Self, EmbeddedError> {
        let mut md5 = Md5::new();
        for part in parts {
            md5.update(hex::decode(&part.etag).map_err(|_| EmbeddedError::corrupt("a part's ETag is no MD5"))?);
        }
        let checksum = upload.checksum.and_then(|(algorithm, kind)| {
            checksum::combine(algorithm, kind, parts.iter().map(|part| (part.checksum.as_ref(), part.size_bytes)))
        });
        Ok(Self {
            etag: format!("{}-{}", hex::encode(md5.finalize()), parts.len()),
            size_bytes: parts.iter().map(|part| part.size_bytes).sum(),
            checksum,
        })
    }

    fn check(&self, complete: &CompleteUpload) -> Result<(), EmbeddedError> {
        if let Some(expected_bytes) = complete.expected_size_bytes
            && expected_bytes != self.size_bytes
        {
            return Err(EmbeddedError::SizeMismatch { expected_bytes, actual_bytes: self.size_bytes });
        }
        let bare = |value: &str| value.split_once('-').map_or(value, |(value, _)| value).to_owned();
        if let (Some(expected), Some(Checksum { value: actual, .. })) = (&complete.expected_checksum, &self.checksum)
            && bare(expected) != bare(actual)
        {
            return Err(EmbeddedError::ChecksumMismatch { expected: expected.clone(), actual: actual.clone() });
        }
        Ok(())
    }
}

/// Makes the chosen parts the content of one body, and garbage of the others; its id.
fn join_parts(
    transaction: &Transaction<'_>,
    upload: &UploadInfo,
    parts: &[PartInfo],
    size_bytes: u64,
) -> Result<i64, EmbeddedError> {
    let id = &upload.id.0;
    let all: Vec<u16> = transaction.all("SELECT number FROM part WHERE upload_id = ?1", [id], |row| row::number(row, 0))?;
    for number in all {
        if parts.binary_search_by_key(&number, |part| part.number).is_err() {
            discard_parts(transaction, id, Some(number))?;
        }
    }
    // The hash of a single part is the hash of the whole; of several, somebody must read them all first.
    let sql = "INSERT INTO body (size_bytes, sha256, use_count, segments) VALUES
               (?1, (SELECT sha256 FROM part WHERE upload_id = ?2 AND ?3 = 1), 1, ?3)";
    let body_id = transaction.insert(sql, (size_bytes as i64, id, parts.len() as i64))?;
    let sql = "INSERT INTO segment (body_id, number, size_bytes, sha256, blob, inline)
               SELECT ?1, number, size_bytes, sha256, blob, inline FROM part WHERE upload_id = ?2";
    transaction.execute(sql, (body_id, id))?;
    transaction.execute("DELETE FROM part WHERE upload_id = ?1", [id])?;
    Ok(body_id)
}
