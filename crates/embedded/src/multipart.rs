//! Multipart uploads: parts are bodies of their own; completing one only writes rows.

use crate::{Attributes, Checksum, ChecksumAlgorithm, ChecksumType, Precondition};
use minilab_model::{BucketName, ObjectRef, Timestamp};
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
    /// The markers that the next page starts after (key or common prefix; upload id, empty after a prefix); `None`
    /// when this is the last.
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
    pub request_id: Option<String>,
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
