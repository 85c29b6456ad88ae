//! Reading sources: exactly the ETag that was observed, or nothing.

use super::S3Store;
use super::refusal::{Refusal, refusal, unavailable};
use crate::stores::dynamo::{Source, last_seen, superseded};
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumMode, ChecksumType};
use bytes::{Bytes, BytesMut};
use minilab_model::{ObjectRef, SourceVersion};
use minilab_pipeline::{SourceInfo, StoreError};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::ops::Range;

/// Most bytes that are read only to know their hash: some ten seconds in Lambda. Beyond that, the record has none.
const HASH_BYTES: u64 = 1 << 30;
/// How often a body is asked for that breaks off.
const BODY_TRIES: usize = 3;
/// The media type that S3 tells of objects for which none was stated.
const UNSTATED: &str = "binary/octet-stream";

impl S3Store {
    pub(super) async fn source_info(&self, version: &SourceVersion) -> Result<SourceInfo, StoreError> {
        let source = last_seen(self.table(), version).await?;
        let head = self.head_version(version, &source).await?;
        let told = Told {
            size_bytes: u64::try_from(head.content_length().unwrap_or(0)).unwrap_or(0),
            sha256: stored_sha256(&head).unwrap_or_default(),
            etag: head.e_tag,
            content_type: head.content_type,
            metadata: head.metadata,
        };
        info(version, source, told)
    }

    /// What is known of a version, and its first bytes, by one request. Its SHA-256 is not told: S3 has it for whole objects only.
    pub(super) async fn open_version(&self, version: &SourceVersion, bytes: u64) -> Result<(SourceInfo, Bytes), StoreError> {
        let source = last_seen(self.table(), version).await?;
        let is_empty = source.present.as_ref().is_some_and(|present| present.size_bytes == 0);
        // No range can be had of what is empty.
        if bytes == 0 || is_empty {
            return Ok((self.source_info(version).await?, Bytes::new()));
        }
        let mut tries = 1;
        loop {
            let Some(got) = self.get(version, &source, Some(0..bytes)).await? else {
                return Ok((self.source_info(version).await?, Bytes::new()));
            };
            let length = u64::try_from(got.content_length().unwrap_or(0)).unwrap_or(0);
            let size_bytes = got.content_range().and_then(|range| range.rsplit('/').next()?.parse().ok()).unwrap_or(length);
            let told =
                Told { size_bytes, sha256: String::new(), etag: got.e_tag, content_type: got.content_type, metadata: got.metadata };
            match collect(got.body, length.min(bytes), bytes).await {
                Ok(first) => return Ok((info(version, source, told)?, first)),
                Err(error) if tries == BODY_TRIES => return Err(unavailable(error)),
                Err(_) => tries += 1,
            }
        }
    }

    /// What S3 says of a version.
    pub(super) async fn head_version(&self, version: &SourceVersion, source: &Source) -> Result<HeadObjectOutput, StoreError> {
        let object = &version.object;
        let request = self
            .client()
            .head_object()
            .bucket(object.bucket.as_str())
            .key(object.key.as_str())
            .set_if_match(condition(source))
            .checksum_mode(ChecksumMode::Enabled);
        let head = match request.send().await {
            Ok(head) => head,
            Err(error) => match refusal(&error) {
                // An answer to HEAD does not say why. One that a policy or the clock forbids must not pass for a removal.
                Refusal::Forbidden => {
                    self.get(version, source, Some(0..1)).await?;
                    return Err(unavailable(error));
                }
                Refusal::Missing | Refusal::NoBucket | Refusal::Changed => return Err(superseded(version)),
                _ => return Err(unavailable(error)),
            },
        };
        check_etag(version, source, head.e_tag())?;
        Ok(head)
    }

    pub(super) async fn read_range(&self, version: &SourceVersion, range: Range<u64>) -> Result<Bytes, StoreError> {
        let source = last_seen(self.table(), version).await?;
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let most = range.end - range.start;
        let mut tries = 1;
        loop {
            let Some(got) = self.get(version, &source, Some(range.clone())).await? else { return Ok(Bytes::new()) };
            let stated = u64::try_from(got.content_length().unwrap_or(0)).unwrap_or(0);
            match collect(got.body, stated.min(most), most).await {
                Ok(bytes) => return Ok(bytes),
                Err(error) if tries == BODY_TRIES => return Err(unavailable(error)),
                Err(_) => tries += 1,
            }
        }
    }

    pub(super) async fn hash_whole(&self, version: &SourceVersion) -> Result<String, StoreError> {
        let source = last_seen(self.table(), version).await?;
        let head = self.head_version(version, &source).await?;
        if let Some(sha256) = stored_sha256(&head) {
            return Ok(sha256);
        }
        let size_bytes = u64::try_from(head.content_length().unwrap_or(0)).unwrap_or(0);
        if size_bytes > HASH_BYTES {
            tracing::warn!(size_bytes, "the source is too large to be read only for its hash; its record has none");
            return Ok(String::new());
        }
        let mut tries = 1;
        loop {
            let Some(got) = self.get(version, &source, None).await? else { return Err(superseded(version)) };
            match hash(got.body).await {
                Ok((sha256, length)) if length == size_bytes => return Ok(sha256),
                result if tries == BODY_TRIES => {
                    let broken = format!("the body of {} broke off", version.object);
                    return Err(result.err().map_or_else(|| unavailable(broken), unavailable));
                }
                _ => tries += 1,
            }
        }
    }

    pub(super) async fn read_whole(&self, object: &ObjectRef, max_bytes: u64) -> Result<Option<Bytes>, StoreError> {
        let mut tries = 1;
        loop {
            let request = self.client().get_object().bucket(object.bucket.as_str()).key(object.key.as_str());
            let got = match request.send().await {
                Ok(got) => got,
                Err(error) => match refusal(&error) {
                    Refusal::Missing | Refusal::NoBucket | Refusal::Forbidden => return Ok(None),
                    _ => return Err(unavailable(error)),
                },
            };
            let size_bytes = u64::try_from(got.content_length().unwrap_or(0)).unwrap_or(0);
            if size_bytes > max_bytes {
                return Ok(None);
            }
            match collect(got.body, size_bytes, max_bytes).await {
                Ok(bytes) => return Ok(Some(bytes)),
                Err(error) if tries == BODY_TRIES => return Err(unavailable(error)),
                Err(_) => tries += 1,
            }
        }
    }

    /// A version's bytes, or those of a range; `None` for a range behind the end.
    async fn get(
        &self,
        version: &SourceVersion,
        source: &Source,
        range: Option<Range<u64>>,
    ) -> Result<Option<GetObjectOutput>, StoreError> {
        let object = &version.object;
        let request = self
            .client()
            .get_object()
            .bucket(object.bucket.as_str())
            .key(object.key.as_str())
            .set_if_match(condition(source))
            .set_range(range.map(|range| format!("bytes={}-{}", range.start, range.end - 1)));
        let got = match request.send().await {
            Ok(got) => got,
            Err(error) if refusal(&error) == Refusal::BehindEnd => return Ok(None),
            Err(error) => return Err(refused(error, version)),
        };
        check_etag(version, source, got.e_tag())?;
        Ok(Some(got))
    }
}

/// What S3 says of an object, of whichever request.
struct Told {
    size_bytes: u64,
    sha256: String,
    etag: Option<String>,
    content_type: Option<String>,
    metadata: Option<HashMap<String, String>>,
}

fn info(version: &SourceVersion, source: Source, told: Told) -> Result<SourceInfo, StoreError> {
    let present = source.present.ok_or_else(|| superseded(version))?;
    let metadata = told.metadata.unwrap_or_default().into_iter();
    Ok(SourceInfo {
        size_bytes: told.size_bytes,
        etag: told.etag.map_or(present.etag, |etag| bare(&etag).to_owned()),
        sha256: told.sha256,
        content_type: told.content_type.filter(|stated| stated != UNSTATED),
        user_metadata: metadata.map(|(name, value)| (name.to_ascii_lowercase(), value)).collect(),
        created_at: present.created_at,
    })
}

fn refused(
    error: aws_sdk_s3::error::SdkError<GetObjectError, aws_sdk_s3::config::http::HttpResponse>,
    version: &SourceVersion,
) -> StoreError {
    match refusal(&error) {
        Refusal::Forbidden => {
            tracing::warn!(object = %version.object, "S3 forbids to read the source: it is taken to be gone; if it is there, the function's role lacks s3:GetObject");
            superseded(version)
        }
        Refusal::Missing | Refusal::NoBucket | Refusal::Changed => superseded(version),
        Refusal::BehindEnd | Refusal::Other => unavailable(error),
    }
}

/// The ETag that the object must have. An event that does not say it leaves it open.
pub(super) fn condition(source: &Source) -> Option<String> {
    let present = source.present.as_ref().filter(|present| !present.etag.is_empty())?;
    Some(quoted(&present.etag))
}

/// A service that overlooks the condition is not believed.
fn check_etag(version: &SourceVersion, source: &Source, found: Option<&str>) -> Result<(), StoreError> {
    match (condition(source), found) {
        (Some(wanted), Some(found)) if bare(&wanted) != bare(found) => Err(superseded(version)),
        _ => Ok(()),
    }
}

pub(super) fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

pub(super) fn bare(etag: &str) -> &str {
    etag.trim_matches('"')
}

/// The SHA-256 of the whole object in hex, where it was uploaded with one. That of a multipart object, whose ETag has a
/// hyphen, is one of hashes.
fn stored_sha256(head: &HeadObjectOutput) -> Option<String> {
    let parts = head.e_tag().is_some_and(|etag| etag.contains('-'));
    let whole = !parts && head.checksum_type().is_none_or(|kind| *kind == ChecksumType::FullObject);
    let bytes = aws_smithy_types::base64::decode(head.checksum_sha256()?).ok()?;
    (whole && bytes.len() == 32).then(|| hex::encode(bytes))
}

/// A body in one piece, into memory that is reserved once: it may be as large as a worker can bear.
async fn collect(mut body: ByteStream, expected: u64, most: u64) -> Result<Bytes, std::io::Error> {
    let mut bytes = BytesMut::with_capacity(usize::try_from(expected).unwrap_or(0));
    while let Some(piece) = body.try_next().await.map_err(std::io::Error::other)? {
        if (bytes.len() + piece.len()) as u64 > most {
            return Err(std::io::Error::other("the body is longer than asked for"));
        }
        bytes.extend_from_slice(&piece);
    }
    match bytes.len() as u64 == expected {
        true => Ok(bytes.freeze()),
        false => Err(std::io::Error::other("the body broke off")),
    }
}

async fn hash(mut body: ByteStream) -> Result<(String, u64), std::io::Error> {
    let (mut hash, mut length) = (Sha256::new(), 0);
    while let Some(piece) = body.try_next().await.map_err(std::io::Error::other)? {
        hash.update(&piece);
        length += piece.len() as u64;
    }
    Ok((hex::encode(hash.finalize()), length))
}
