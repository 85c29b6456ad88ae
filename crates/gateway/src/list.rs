//! ListObjects, ListObjectsV2, ListObjectVersions and ListMultipartUploads.

use crate::checksum;
use crate::conditional::dto_moment;
use crate::delete::is_xml;
use crate::error::store_error;
use crate::operations::{bucket_name, owner};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minilab_embedded::{Embedded, ListCursor, ListPage, ListQuery, ObjectInfo, UploadId, UploadQuery};
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};
use std::fmt::Write as _;

/// The most entries of a page.
const MAX_ENTRIES: i32 = 1000;

pub(crate) async fn v1(store: &Embedded, request: S3Request<ListObjectsInput>) -> S3Result<S3Response<ListObjectsOutput>> {
    let input = request.input;
    let question = Question::new(&input.bucket, input.prefix, input.delimiter, input.max_keys, input.encoding_type)?;
    let after = input.marker.as_deref().filter(|marker| !marker.is_empty()).map(|marker| question.after(marker));
    let page = question.page(store, after).await?;
    let names = question.names(&page);
    // As in S3, only a listing with a delimiter says where the next page starts; others go on from the last key.
    let next_marker = page.next.as_ref().filter(|_| question.delimiter.is_some()).map(|next| names.write(next.as_marker()));
    Ok(S3Response::new(ListObjectsOutput {
        name: Some(input.bucket),
        prefix: Some(names.write(&question.prefix)),
        marker: Some(names.write(&input.marker.unwrap_or_default())),
        max_keys: Some(question.max),
        is_truncated: Some(page.next.is_some()),
        contents: Some(page.entries.iter().map(|info| object(info, &names, true)).collect()),
        common_prefixes: Some(common_prefixes(&page.common_prefixes, &names)),
        delimiter: question.delimiter.as_deref().map(|delimiter| names.write(delimiter)),
        next_marker,
        encoding_type: names.encoding_type(),
        request_charged: None,
    }))
}

pub(crate) async fn v2(store: &Embedded, request: S3Request<ListObjectsV2Input>) -> S3Result<S3Response<ListObjectsV2Output>> {
    let input = request.input;
    let question = Question::new(&input.bucket, input.prefix, input.delimiter, input.max_keys, input.encoding_type)?;
    let after = match (&input.continuation_token, &input.start_after) {
        (Some(token), _) => Some(read_token(token)?),
        (None, Some(key)) if !key.is_empty() => Some(question.after(key)),
        _ => None,
    };
    let page = question.page(store, after).await?;
    let names = question.names(&page);
    let with_owner = input.fetch_owner.unwrap_or_default();
    Ok(S3Response::new(ListObjectsV2Output {
        name: Some(input.bucket),
        prefix: Some(names.write(&question.prefix)),
        max_keys: Some(question.max),
        key_count: i32::try_from(page.entries.len() + page.common_prefixes.len()).ok(),
        is_truncated: Some(page.next.is_some()),
        next_continuation_token: page.next.as_ref().map(write_token),
        continuation_token: input.continuation_token,
        contents: Some(page.entries.iter().map(|info| object(info, &names, with_owner)).collect()),
        common_prefixes: Some(common_prefixes(&page.common_prefixes, &names)),
        delimiter: question.delimiter.as_deref().map(|delimiter| names.write(delimiter)),
        encoding_type: names.encoding_type(),
        start_after: input.start_after.map(|key| names.write(&key)),
        request_charged: None,
    }))
}

/// Every object has one version, `null`. Scripts that clean up list versions even where there are none.
pub(crate) async fn versions(
    store: &Embedded,
    request: S3Request<ListObjectVersionsInput>,
) -> S3Result<S3Response<ListObjectVersionsOutput>> {
    let input = request.input;
    let question = Question::new(&input.bucket, input.prefix, input.delimiter, input.max_keys, input.encoding_type)?;
    let marker = input.key_marker.as_deref().filter(|marker| !marker.is_empty());
    if marker.is_none() && input.version_id_marker.is_some() {
        return Err(s3_error!(InvalidArgument, "A version-id marker cannot be specified without a key marker."));
    }
    let page = question.page(store, marker.map(|marker| question.after(marker))).await?;
    let names = question.names(&page);
    let versions = page.entries.iter().map(|info| {
        let object = object(info, &names, true);
        ObjectVersion {
            checksum_algorithm: object.checksum_algorithm,
            checksum_type: object.checksum_type,
            e_tag: object.e_tag,
            is_latest: Some(true),
            key: object.key,
            last_modified: object.last_modified,
            owner: object.owner,
            restore_status: None,
            size: object.size,
            storage_class: Some(ObjectVersionStorageClass::from_static(ObjectVersionStorageClass::STANDARD)),
            version_id: Some("null".to_owned()),
        }
    });
    let next = page.next.as_ref();
    Ok(S3Response::new(ListObjectVersionsOutput {
        versions: Some(versions.collect()),
        common_prefixes: Some(common_prefixes(&page.common_prefixes, &names)),
        delete_markers: None,
        delimiter: question.delimiter.as_deref().map(|delimiter| names.write(delimiter)),
        encoding_type: names.encoding_type(),
        is_truncated: Some(next.is_some()),
        key_marker: Some(names.write(&input.key_marker.unwrap_or_default())),
        max_keys: Some(question.max),
        name: Some(input.bucket),
        next_key_marker: next.map(|next| names.write(next.as_marker())),
        next_version_id_marker: next.and_then(|next| matches!(next, ListCursor::Key(_)).then(|| "null".to_owned())),
        prefix: Some(names.write(&question.prefix)),
        request_charged: None,
        version_id_marker: input.version_id_marker,
    }))
}

pub(crate) async fn uploads(
    store: &Embedded,
    request: S3Request<ListMultipartUploadsInput>,
) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
    let input = request.input;
    let question = Question::new(&input.bucket, input.prefix, input.delimiter, input.max_uploads, input.encoding_type)?;
    // An upload id alone says nothing, as in S3.
    let key_marker = input.key_marker.clone().filter(|marker| !marker.is_empty());
    let id_marker = input.upload_id_marker.clone().filter(|marker| !marker.is_empty() && key_marker.is_some());
    let query = UploadQuery {
        bucket: question.bucket.clone(),
        prefix: question.prefix.clone(),
        delimiter: question.delimiter.clone(),
        key_marker,
        upload_id_marker: id_marker.map(UploadId),
        max: question.max_entries(),
    };
    let page = store.list_uploads(query).await.map_err(store_error)?;
    let keys = page.uploads.iter().map(|upload| upload.object.key.as_str());
    let names = question.names_of(keys.chain(page.common_prefixes.iter().map(String::as_str)));
    let uploads = page.uploads.iter().map(|upload| MultipartUpload {
        checksum_algorithm: upload.checksum.map(|(algorithm, _)| checksum::dto_algorithm(algorithm)),
        checksum_type: upload.checksum.map(|(_, kind)| checksum::dto_type(kind)),
        initiated: Some(dto_moment(upload.created_at)),
        initiator: Some(initiator()),
        key: Some(names.write(upload.object.key.as_str())),
        owner: Some(owner()),
        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
        upload_id: Some(upload.id.0.clone()),
    });
    let (next_key, next_id) = page.next.clone().unzip();
    Ok(S3Response::new(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        uploads: Some(uploads.collect()),
        common_prefixes: Some(common_prefixes(&page.common_prefixes, &names)),
        delimiter: question.delimiter.as_deref().map(|delimiter| names.write(delimiter)),
        encoding_type: names.encoding_type(),
        is_truncated: Some(page.next.is_some()),
        key_marker: Some(names.write(&input.key_marker.unwrap_or_default())),
        max_uploads: Some(question.max),
        next_key_marker: next_key.map(|key| names.write(&key)),
        next_upload_id_marker: next_id.map(|id| id.map(|id| id.0).unwrap_or_default()),
        prefix: Some(names.write(&question.prefix)),
        request_charged: None,
        upload_id_marker: Some(input.upload_id_marker.unwrap_or_default()),
    }))
}

pub(crate) fn initiator() -> Initiator {
    let Owner { display_name, id } = owner();
    Initiator { display_name, id }
}

/// What every listing asks.
struct Question {
    bucket: minilab_model::BucketName,
    prefix: String,
    delimiter: Option<String>,
    max: i32,
    url: bool,
}

impl Question {
    fn new(
        bucket: &str,
        prefix: Option<String>,
        delimiter: Option<String>,
        max: Option<i32>,
        encoding: Option<EncodingType>,
    ) -> S3Result<Self> {
        let max = max.unwrap_or(MAX_ENTRIES);
        if max < 0 {
            return Err(s3_error!(InvalidArgument, "The number of entries of a page must not be negative"));
        }
        let url = match encoding.as_ref().map(EncodingType::as_str) {
            None => false,
            Some(EncodingType::URL) => true,
            Some(_) => return Err(s3_error!(InvalidArgument, "Invalid Encoding Method specified in Request")),
        };
        Ok(Self {
            bucket: bucket_name(bucket)?,
            prefix: prefix.unwrap_or_default(),
            delimiter: delimiter.filter(|delimiter| !delimiter.is_empty()),
            max: max.min(MAX_ENTRIES),
            url,
        })
    }

    fn max_entries(&self) -> usize {
        usize::try_from(self.max).unwrap_or_default()
    }

    fn after(&self, marker: &str) -> ListCursor {
        ListCursor::after_marker(marker, &self.prefix, self.delimiter.as_deref())
    }

    async fn page(&self, store: &Embedded, after: Option<ListCursor>) -> S3Result<ListPage> {
        if self.max == 0 {
            // An empty page is never truncated, or clients would ask for the next one for ever.
            store.bucket(&self.bucket).await.map_err(store_error)?;
            return Ok(ListPage::default());
        }
        let query = ListQuery {
            bucket: self.bucket.clone(),
            prefix: self.prefix.clone(),
            delimiter: self.delimiter.clone(),
            after,
            max: self.max_entries(),
        };
        store.list_objects(query).await.map_err(store_error)
    }

    fn names(&self, page: &ListPage) -> Names {
        let keys = page.entries.iter().map(|info| info.object.key.as_str());
        self.names_of(keys.chain(page.common_prefixes.iter().map(String::as_str)))
    }

    /// A key may hold characters that no XML can. A page with one is URL-encoded even where that was not asked: the
    /// answer says so, and the alternative is a bucket that cannot be listed.
    fn names_of<'a>(&self, mut names: impl Iterator<Item = &'a str>) -> Names {
        Names { url: self.url || names.any(|name| !is_xml(name)) }
    }
}

/// How keys are written in an answer.
struct Names {
    url: bool,
}

impl Names {
    fn write(&self, name: &str) -> String {
        if self.url { url_encode(name) } else { name.to_owned() }
    }

    fn encoding_type(&self) -> Option<EncodingType> {
        self.url.then(|| EncodingType::from_static(EncodingType::URL))
    }
}

/// Everything but unreserved characters and `/`. A space becomes `%20`, which those who decode forms and those who
/// decode URLs both read.
fn url_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn object(info: &ObjectInfo, names: &Names, with_owner: bool) -> Object {
    Object {
        checksum_algorithm: info.checksum.as_ref().map(|checksum| vec![checksum::dto_algorithm(checksum.algorithm)]),
        checksum_type: info.checksum.as_ref().map(|checksum| checksum::dto_type(checksum.kind)),
        e_tag: Some(ETag::Strong(info.etag.clone())),
        key: Some(names.write(info.object.key.as_str())),
        last_modified: Some(dto_moment(info.modified_at)),
        owner: with_owner.then(owner),
        restore_status: None,
        size: i64::try_from(info.size_bytes).ok(),
        storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
    }
}

fn common_prefixes(prefixes: &[String], names: &Names) -> Vec<CommonPrefix> {
    prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(names.write(prefix)) }).collect()
}

fn write_token(cursor: &ListCursor) -> String {
    let kind = match cursor {
        ListCursor::Key(_) => 'k',
        ListCursor::Prefix(_) => 'p',
    };
    URL_SAFE_NO_PAD.encode(format!("{kind}{}", cursor.as_marker()))
}

fn read_token(token: &str) -> S3Result<ListCursor> {
    let wrong = || -> S3Error { s3_error!(InvalidArgument, "The continuation token provided is incorrect") };
    let text = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(wrong)?;
    match text.split_at_checked(1) {
        Some(("k", key)) => Ok(ListCursor::Key(key.to_owned())),
        Some(("p", prefix)) => Ok(ListCursor::Prefix(prefix.to_owned())),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_encoded_for_every_decoder() {
        assert_eq!(url_encode("a/b c+d%é~"), "a/b%20c%2Bd%25%C3%A9~");
    }

    #[test]
    fn tokens_come_back_as_they_went() {
        for cursor in [ListCursor::Key("a/ü".to_owned()), ListCursor::Prefix("a/".to_owned())] {
            assert_eq!(read_token(&write_token(&cursor)).ok(), Some(cursor));
        }
        for wrong in ["", "!", "eA", "a2tleQ=="] {
            assert!(read_token(wrong).is_err(), "{wrong:?}");
        }
    }
}
