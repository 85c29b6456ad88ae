//! Objects: what is stored beside their bytes, and the requests that change them.

use crate::{Checksum, ChecksumAlgorithm, StagedBody};
use minilab_model::{EventKind, ObjectRef, Sequencer, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    pub request_id: Option<String>,
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
    /// The checksum that the copy shall have; `None` keeps the source's.
    pub checksum: Option<ChecksumAlgorithm>,
    /// The request, for the event.
    pub request_id: Option<String>,
}
