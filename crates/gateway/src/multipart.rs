//! Multipart uploads: create, upload a part, list the parts, complete, abort.

use crate::attributes::{attributes, refuse_unsupported};
use crate::checksum::{self, checksum_values, set_checksum};
use crate::conditional::{self, dto_moment};
use crate::error::{invalid_part_number, not_implemented, store_error};
use crate::list::initiator;
use crate::operations::{object_ref, owner};
use crate::put::DEFAULT_CHECKSUM;
use crate::receive::{Expected, receive};
use crate::request::origin;
use http::header::HOST;
use minilab_embedded::{CompletePart, CompleteUpload, Embedded, UploadId};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

/// The most parts of an upload, and the highest part number.
const MAX_PARTS: usize = 10_000;
/// The most entries of a page of ListParts.
const MAX_ENTRIES: i32 = 1000;

pub(crate) async fn create(
    store: &Embedded,
    request: S3Request<CreateMultipartUploadInput>,
) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
    let input = request.input;
    refuse_unsupported!(input)?;
    let object = object_ref(&input.bucket, &input.key)?;
    let (algorithm, kind) = checksum::of_upload(input.checksum_algorithm.as_ref(), input.checksum_type.as_ref())?;
    let id = store.create_upload(&object, attributes!(input)?, Some((algorithm, kind))).await.map_err(store_error)?;
    // A client that did not ask for a checksum does not expect to be told of one.
    let asked = input.checksum_algorithm.is_some();
    Ok(S3Response::new(CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(id.0),
        checksum_algorithm: asked.then(|| checksum::dto_algorithm(algorithm)),
        checksum_type: asked.then(|| checksum::dto_type(kind)),
        ..CreateMultipartUploadOutput::default()
    }))
}

pub(crate) async fn put_part(store: &Embedded, request: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
    let input = request.input;
    if input.sse_customer_algorithm.is_some() {
        return Err(not_implemented("server-side encryption"));
    }
    let object = object_ref(&input.bucket, &input.key)?;
    let (id, number) = (upload_id(input.upload_id), part_number(input.part_number)?);
    let expected = Expected {
        size_bytes: Expected::length(input.content_length)?,
        md5: checksum::content_md5(input.content_md5.as_deref())?,
        checksum: checksum::announced(checksum_values!(input)?, &request.headers)?,
        trailer: request.trailing_headers,
    };
    let upload = store.upload(&object, &id).await.map_err(store_error)?;
    let algorithm = upload.checksum.map_or(DEFAULT_CHECKSUM, |(algorithm, _)| algorithm);
    // An upload that was begun without an algorithm takes parts with any: theirs is compared, the default's is kept.
    if let Some(announced) = &expected.checksum
        && announced.algorithm != algorithm
        && algorithm != DEFAULT_CHECKSUM
    {
        return Err(s3_error!(
            InvalidRequest,
            "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
            checksum::dto_algorithm(algorithm).as_str().to_ascii_lowercase(),
            checksum::dto_algorithm(announced.algorithm).as_str().to_ascii_lowercase()
        ));
    }
    let body = receive(store, input.body, algorithm, expected).await?;
    let part = store.put_part(&object, &id, number, body).await.map_err(store_error)?;
    let mut answer = UploadPartOutput { e_tag: Some(ETag::Strong(part.etag)), ..UploadPartOutput::default() };
    set_checksum!(answer, &part.checksum);
    Ok(S3Response::new(answer))
}

pub(crate) async fn list_parts(store: &Embedded, request: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
    let input = request.input;
    let object = object_ref(&input.bucket, &input.key)?;
    let max = input.max_parts.unwrap_or(MAX_ENTRIES);
    if max < 0 {
        return Err(s3_error!(InvalidArgument, "Argument max-parts must be an integer between 0 and 2147483647"));
    }
    let max = max.min(MAX_ENTRIES);
    let after = input.part_number_marker.unwrap_or_default();
    let after = u16::try_from(after.max(0)).unwrap_or(u16::MAX);
    let id = upload_id(input.upload_id);
    let page = store.list_parts(&object, &id, after, usize::try_from(max).unwrap_or_default()).await.map_err(store_error)?;
    let parts = page.parts.into_iter().map(|part| {
        let mut listed = Part {
            e_tag: Some(ETag::Strong(part.etag)),
            last_modified: Some(dto_moment(part.modified_at)),
            part_number: Some(i32::from(part.number)),
            size: i64::try_from(part.size_bytes).ok(),
            ..Part::default()
        };
        set_checksum!(listed, &part.checksum);
        listed
    });
    let parts: Vec<Part> = parts.collect();
    Ok(S3Response::new(ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(id.0),
        checksum_algorithm: page.upload.checksum.map(|(algorithm, _)| checksum::dto_algorithm(algorithm)),
        checksum_type: page.upload.checksum.map(|(_, kind)| checksum::dto_type(kind)),
        initiator: Some(initiator()),
        owner: Some(owner()),
        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
        is_truncated: Some(page.next.is_some()),
        max_parts: Some(max),
        part_number_marker: Some(i32::from(after)),
        next_part_number_marker: page.next.map(i32::from),
        parts: Some(parts),
        ..ListPartsOutput::default()
    }))
}

pub(crate) async fn complete(
    store: &Embedded,
    request: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
    let origin = origin(&request);
    let host = request.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned();
    let input = request.input;
    let object = object_ref(&input.bucket, &input.key)?;
    let listed = input.multipart_upload.as_ref().and_then(|upload| upload.parts.clone()).unwrap_or_default();
    if listed.is_empty() || listed.len() > MAX_PARTS {
        return Err(s3_error!(MalformedXML));
    }
    let parts = listed.into_iter().map(|part| {
        let number = part_number(part.part_number.ok_or_else(|| s3_error!(MalformedXML))?)?;
        let checksum = checksum_values!(part)?.map(|(_, value)| value);
        let etag = part.e_tag.ok_or_else(|| s3_error!(MalformedXML))?.into_value();
        Ok(CompletePart { number, etag, checksum })
    });
    let id = upload_id(input.upload_id.clone());
    let info = store
        .complete_upload(CompleteUpload {
            parts: parts.collect::<S3Result<_>>()?,
            precondition: conditional::of_write(input.if_match.as_ref(), input.if_none_match.as_ref())?,
            expected_size_bytes: Expected::length(input.mpu_object_size)?,
            expected_checksum: checksum_values!(input)?.map(|(_, value)| value),
            object,
            id,
            origin,
        })
        .await
        .map_err(store_error)?;
    let mut answer = CompleteMultipartUploadOutput {
        location: Some(format!("http://{host}/{}", info.object)),
        bucket: Some(input.bucket),
        key: Some(input.key),
        e_tag: Some(ETag::Strong(info.etag)),
        checksum_type: info.checksum.as_ref().map(|checksum| checksum::dto_type(checksum.kind)),
        ..CompleteMultipartUploadOutput::default()
    };
    set_checksum!(answer, &info.checksum);
    Ok(S3Response::new(answer))
}

pub(crate) async fn abort(
    store: &Embedded,
    request: S3Request<AbortMultipartUploadInput>,
) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
    let input = request.input;
    let object = object_ref(&input.bucket, &input.key)?;
    store.abort_upload(&object, &upload_id(input.upload_id)).await.map_err(store_error)?;
    Ok(S3Response::new(AbortMultipartUploadOutput::default()))
}

pub(crate) fn upload_id(id: String) -> UploadId {
    UploadId(id)
}

pub(crate) fn part_number(number: i32) -> S3Result<u16> {
    u16::try_from(number).ok().filter(|number| (1..=MAX_PARTS).contains(&usize::from(*number))).ok_or_else(invalid_part_number)
}
