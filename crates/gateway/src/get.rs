//! GetObject, HeadObject and GetObjectAttributes.

use crate::checksum::{self, set_checksum};
use crate::conditional::{self, dto_moment};
use crate::error::{custom, invalid_part_number, not_implemented, store_error};
use crate::operations::{null_version, object_ref};
use bytes::Bytes;
use futures::Stream;
use http::header::{CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, ETAG, EXPIRES, HeaderMap, HeaderValue, IF_RANGE, LAST_MODIFIED};
use http::{HeaderName, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};
use minilab_embedded::{Embedded, EmbeddedError, ObjectInfo};
use minilab_model::error_chain;
use s3s::dto::{self, ETag, GetObjectAttributesInput, GetObjectAttributesOutput, GetObjectInput, GetObjectOutput};
use s3s::dto::{HeadObjectInput, HeadObjectOutput, StreamingBlob, TimestampFormat};
use s3s::{Body, S3Error, S3Request, S3Response, S3Result, s3_error};
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

/// What S3 says of an object whose type nobody stated.
const DEFAULT_CONTENT_TYPE: &str = "binary/octet-stream";

/// Fills the fields that GetObject and HeadObject share.
macro_rules! describe {
    ($answer:expr, $info:expr, $wanted:expr, $checksum_mode:expr) => {{
        let attributes = &$info.attributes;
        $answer.accept_ranges = Some("bytes".to_owned());
        $answer.cache_control = attributes.cache_control.clone();
        $answer.content_disposition = attributes.content_disposition.clone();
        $answer.content_encoding = attributes.content_encoding.clone();
        $answer.content_language = attributes.content_language.clone();
        $answer.content_type = Some(attributes.content_type.clone().unwrap_or_else(|| DEFAULT_CONTENT_TYPE.to_owned()));
        $answer.expires = attributes.expires.clone();
        $answer.website_redirect_location = attributes.website_redirect_location.clone();
        $answer.e_tag = Some(ETag::Strong($info.etag.clone()));
        $answer.last_modified = Some(dto_moment($info.modified_at));
        $answer.content_length = i64::try_from($wanted.range.end - $wanted.range.start).ok();
        $answer.content_range = $wanted.content_range($info.size_bytes);
        $answer.parts_count = $wanted.parts_count;
        if !attributes.user.is_empty() {
            $answer.metadata = Some(attributes.user.clone().into_iter().collect());
        }
        // A checksum is of the whole; a client would compare it with what it got.
        let enabled = $checksum_mode.as_ref().is_some_and(|mode| mode.as_str().eq_ignore_ascii_case(dto::ChecksumMode::ENABLED));
        if enabled && !$wanted.partial {
            $answer.checksum_type = $info.checksum.as_ref().map(|checksum| checksum::dto_type(checksum.kind));
            set_checksum!($answer, &$info.checksum);
        }
    }};
}

pub(crate) async fn get(store: &Embedded, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
    let input = request.input;
    null_version(input.version_id.as_deref())?;
    if input.sse_customer_algorithm.is_some() {
        return Err(not_implemented("server-side encryption"));
    }
    let object = object_ref(&input.bucket, &input.key)?;
    let conditions = conditional::of_read(&request.headers, input.if_modified_since.as_ref(), input.if_unmodified_since.as_ref())?;
    let (info, reader) = store.open_object(&object).await.map_err(store_error)?;
    conditions.check_read(&info.etag, info.modified_at).map_err(|error| unmet(error, &info))?;
    let wanted = Wanted::of(input.range, input.part_number, &request.headers, &info)?;

    let mut answer = GetObjectOutput { tag_count: tag_count(&info), ..GetObjectOutput::default() };
    describe!(answer, info, wanted, input.checksum_mode);
    let left = wanted.range.end - wanted.range.start;
    let body = ObjectBody { stream: Box::pin(reader.into_stream(wanted.range)), left };
    answer.body = Some(StreamingBlob::from(Body::http_body_unsync(body)));
    Ok(S3Response::new(answer))
}

pub(crate) async fn head(store: &Embedded, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
    let input = request.input;
    null_version(input.version_id.as_deref())?;
    if input.sse_customer_algorithm.is_some() {
        return Err(not_implemented("server-side encryption"));
    }
    let object = object_ref(&input.bucket, &input.key)?;
    let conditions = conditional::of_read(&request.headers, input.if_modified_since.as_ref(), input.if_unmodified_since.as_ref())?;
    let info = store.object(&object).await.map_err(store_error)?;
    conditions.check_read(&info.etag, info.modified_at).map_err(|error| unmet(error, &info))?;
    let wanted = Wanted::of(input.range, input.part_number, &request.headers, &info)?;

    let mut answer = HeadObjectOutput { tag_count: tag_count(&info), ..HeadObjectOutput::default() };
    describe!(answer, info, wanted, input.checksum_mode);
    // The protocol layer applies the overrides to GetObject alone.
    let replace = |stored: &mut Option<String>, wanted: Option<String>| {
        if wanted.is_some() {
            *stored = wanted;
        }
    };
    replace(&mut answer.cache_control, input.response_cache_control);
    replace(&mut answer.content_disposition, input.response_content_disposition);
    replace(&mut answer.content_encoding, input.response_content_encoding);
    replace(&mut answer.content_language, input.response_content_language);
    replace(&mut answer.content_type, input.response_content_type);
    replace(&mut answer.expires, input.response_expires.and_then(|expires| http_date(&expires)));
    Ok(S3Response::new(answer))
}

pub(crate) async fn attributes(
    store: &Embedded,
    request: S3Request<GetObjectAttributesInput>,
) -> S3Result<S3Response<GetObjectAttributesOutput>> {
    let input = request.input;
    null_version(input.version_id.as_deref())?;
    let info = store.object(&object_ref(&input.bucket, &input.key)?).await.map_err(store_error)?;
    // Several attributes come in one header, separated by commas, or in several headers.
    let asked = |name: &str| {
        input.object_attributes.iter().flat_map(|list| list.as_str().split(',')).any(|attribute| attribute.trim() == name)
    };
    let mut answer = GetObjectAttributesOutput { last_modified: Some(dto_moment(info.modified_at)), ..Default::default() };
    if asked(dto::ObjectAttributes::ETAG) {
        answer.e_tag = Some(ETag::Strong(info.etag.clone()));
    }
    if asked(dto::ObjectAttributes::OBJECT_SIZE) {
        answer.object_size = i64::try_from(info.size_bytes).ok();
    }
    if asked(dto::ObjectAttributes::STORAGE_CLASS) {
        answer.storage_class = Some(dto::StorageClass::from_static(dto::StorageClass::STANDARD));
    }
    if asked(dto::ObjectAttributes::CHECKSUM) {
        answer.checksum = info.checksum.as_ref().map(checksum::dto_checksum);
    }
    if asked(dto::ObjectAttributes::OBJECT_PARTS)
        && let Some(parts) = &info.parts
    {
        answer.object_parts =
            Some(dto::GetObjectAttributesParts { total_parts_count: i32::try_from(parts.len()).ok(), ..Default::default() });
    }
    Ok(S3Response::new(answer))
}

/// The number of tags, told only when there are any.
fn tag_count(info: &ObjectInfo) -> Option<i32> {
    i32::try_from(info.attributes.tags.len()).ok().filter(|count| *count > 0)
}

/// Which bytes of an object an answer carries.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    range: Range<u64>,
    /// Whether it was asked for by range or part, so that the answer says which bytes it carries.
    partial: bool,
    parts_count: Option<i32>,
}

impl Wanted {
    fn of(range: Option<dto::Range>, part_number: Option<i32>, headers: &HeaderMap, info: &ObjectInfo) -> S3Result<Self> {
        match (range, part_number) {
            (Some(_), Some(_)) => Err(s3_error!(InvalidRequest, "Cannot specify both Range header and partNumber query parameter")),
            (Some(range), None) if still_current(headers, info) => {
                let range = range.check(info.size_bytes).ok().filter(|range| !range.is_empty());
                let range = range.ok_or_else(|| unsatisfiable(info.size_bytes))?;
                Ok(Self { range, partial: true, parts_count: None })
            }
            (None, Some(number)) => Self::part(number, info),
            _ => Ok(Self { range: 0..info.size_bytes, partial: false, parts_count: None }),
        }
    }

    fn part(number: i32, info: &ObjectInfo) -> S3Result<Self> {
        let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1)).filter(|index| *index < 10_000);
        let index = index.ok_or_else(invalid_part_number)?;
        let whole = [info.size_bytes];
        let sizes = info.parts.as_deref().unwrap_or(&whole);
        let size = sizes.get(index).ok_or_else(|| {
            custom("InvalidPartNumber", StatusCode::RANGE_NOT_SATISFIABLE, "The requested partnumber is not satisfiable")
        })?;
        let start = sizes.iter().take(index).sum::<u64>();
        let parts_count = info.parts.as_ref().and_then(|parts| i32::try_from(parts.len()).ok());
        Ok(Self { range: start..start + size, partial: true, parts_count })
    }

    fn content_range(&self, size_bytes: u64) -> Option<String> {
        (self.partial && !self.range.is_empty()).then(|| format!("bytes {}-{}/{size_bytes}", self.range.start, self.range.end - 1))
    }
}

/// `If-Range`: a client that resumes wants the whole object if it is no longer the one it began with.
fn still_current(headers: &HeaderMap, info: &ObjectInfo) -> bool {
    let Some(header) = headers.get(IF_RANGE) else { return true };
    let Ok(text) = header.to_str() else { return false };
    match text.trim().strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(etag) => etag == info.etag,
        None => http_date(&dto_moment(info.modified_at)).as_deref() == Some(text.trim()),
    }
}

fn unsatisfiable(size_bytes: u64) -> S3Error {
    let mut error = s3_error!(InvalidRange);
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    insert(&mut headers, CONTENT_RANGE, Some(&format!("bytes */{size_bytes}")));
    error.set_headers(headers);
    error
}

/// The answer where a condition does not hold. That the client's copy is current comes with what RFC 9110, section 15.4.5
/// wants beside the status.
fn unmet(error: EmbeddedError, info: &ObjectInfo) -> S3Error {
    let not_modified = matches!(error, EmbeddedError::NotModified);
    let mut error = store_error(error);
    if not_modified {
        let mut headers = HeaderMap::new();
        insert(&mut headers, ETAG, Some(&format!("\"{}\"", info.etag)));
        insert(&mut headers, LAST_MODIFIED, http_date(&dto_moment(info.modified_at)).as_deref());
        insert(&mut headers, CACHE_CONTROL, info.attributes.cache_control.as_deref());
        insert(&mut headers, EXPIRES, info.attributes.expires.as_deref());
        error.set_headers(headers);
    }
    error
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: Option<&str>) {
    if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
        headers.insert(name, value);
    }
}

fn http_date(timestamp: &dto::Timestamp) -> Option<String> {
    let mut text = Vec::new();
    timestamp.format(TimestampFormat::HttpDate, &mut text).ok()?;
    String::from_utf8(text).ok()
}

/// The bytes of an answer, whose number is known beforehand.
struct ObjectBody<S> {
    stream: Pin<Box<S>>,
    left: u64,
}

impl<S: Stream<Item = io::Result<Bytes>>> HttpBody for ObjectBody<S> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.stream.as_mut().poll_next(cx).map(|bytes| match bytes {
            Some(Ok(bytes)) => {
                self.left = self.left.saturating_sub(bytes.len() as u64);
                Some(Ok(Frame::data(bytes)))
            }
            Some(Err(error)) => {
                // The status is long sent: all that is left is to break the connection, and to say so here.
                tracing::error!(error = error_chain(&error), "an object could not be read to its end");
                Some(Err(error))
            }
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
