//! CopyObject and UploadPartCopy.

use crate::attributes::{attributes, refuse_unsupported};
use crate::checksum::{self, set_checksum};
use crate::conditional::{self, dto_moment};
use crate::error::{not_implemented, store_error};
use crate::multipart::{part_number, upload_id};
use crate::operations::{null_version, object_ref};
use crate::put::DEFAULT_CHECKSUM;
use crate::request::origin;
use crate::service::MAX_BODY_BYTES;
use crate::tagging;
use futures::TryStreamExt as _;
use minilab_embedded::{BodyOptions, CopyObject, Embedded, EmbeddedError};
use minilab_model::ObjectRef;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};
use std::ops;

pub(crate) async fn copy(store: &Embedded, request: S3Request<CopyObjectInput>) -> S3Result<S3Response<CopyObjectOutput>> {
    let origin = origin(&request);
    let input = request.input;
    refuse_unsupported!(input)?;
    if input.copy_source_sse_customer_algorithm.is_some() {
        return Err(not_implemented("server-side encryption"));
    }
    let source = source_ref(&input.copy_source)?;
    let destination = object_ref(&input.bucket, &input.key)?;
    let replace = match input.metadata_directive.as_ref().map(MetadataDirective::as_str) {
        None | Some(MetadataDirective::COPY) => false,
        Some(MetadataDirective::REPLACE) => true,
        Some(_) => return Err(s3_error!(InvalidArgument, "Unknown metadata directive.")),
    };
    if source == destination && !replace {
        return Err(s3_error!(
            InvalidRequest,
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's \
             metadata, storage class, website redirect location or encryption attributes."
        ));
    }
    let info = store
        .copy_object(CopyObject {
            source,
            source_precondition: conditional::of_copy_source(
                &request.headers,
                input.copy_source_if_modified_since.as_ref(),
                input.copy_source_if_unmodified_since.as_ref(),
            )?,
            destination,
            precondition: conditional::of_write(input.if_match.as_ref(), input.if_none_match.as_ref())?,
            attributes: if replace { Some(attributes!(input)?) } else { None },
            tags: tagging::of_copy(input.tagging_directive.as_ref(), input.tagging.as_deref())?,
            checksum: checksum::algorithm(input.checksum_algorithm.as_ref())?,
            origin,
        })
        .await
        .map_err(store_error)?;
    let mut result = CopyObjectResult {
        e_tag: Some(ETag::Strong(info.etag)),
        last_modified: Some(dto_moment(info.modified_at)),
        checksum_type: info.checksum.as_ref().map(|checksum| checksum::dto_type(checksum.kind)),
        ..CopyObjectResult::default()
    };
    set_checksum!(result, &info.checksum);
    Ok(S3Response::new(CopyObjectOutput { copy_object_result: Some(result), ..CopyObjectOutput::default() }))
}

pub(crate) async fn part(store: &Embedded, request: S3Request<UploadPartCopyInput>) -> S3Result<S3Response<UploadPartCopyOutput>> {
    let input = request.input;
    if input.copy_source_sse_customer_algorithm.is_some() || input.sse_customer_algorithm.is_some() {
        return Err(not_implemented("server-side encryption"));
    }
    let destination = object_ref(&input.bucket, &input.key)?;
    let (id, number) = (upload_id(input.upload_id), part_number(input.part_number)?);
    let upload = store.upload(&destination, &id).await.map_err(store_error)?;

    let conditions = conditional::of_copy_source(
        &request.headers,
        input.copy_source_if_modified_since.as_ref(),
        input.copy_source_if_unmodified_since.as_ref(),
    )?;
    let (info, reader) = store.open_object(&source_ref(&input.copy_source)?).await.map_err(store_error)?;
    // Not modified, too, means here that there is nothing to copy.
    conditions.check_read(&info.etag, info.modified_at).map_err(|_| s3_error!(PreconditionFailed))?;
    let range = match &input.copy_source_range {
        None => 0..info.size_bytes,
        Some(range) => source_range(range, info.size_bytes)?,
    };
    if range.end - range.start > MAX_BODY_BYTES {
        return Err(s3_error!(
            InvalidRequest,
            "The specified copy source is larger than the maximum allowable size for a copy source."
        ));
    }

    let algorithm = upload.checksum.map_or(DEFAULT_CHECKSUM, |(algorithm, _)| algorithm);
    let mut writer = store.write_body(BodyOptions { max_bytes: MAX_BODY_BYTES, checksum: Some(algorithm) });
    let wanted = range.end - range.start;
    let mut pieces = Box::pin(reader.into_stream(range));
    let unreadable = |source| store_error(EmbeddedError::Io { what: "reading the source of a copy".to_owned(), source });
    while let Some(piece) = pieces.try_next().await.map_err(unreadable)? {
        writer.write(piece).await.map_err(store_error)?;
    }
    let body = writer.finish().await.map_err(store_error)?;
    if body.size_bytes() != wanted {
        return Err(unreadable(std::io::ErrorKind::UnexpectedEof.into()));
    }
    let part = store.put_part(&destination, &id, number, body).await.map_err(store_error)?;
    let mut result = CopyPartResult {
        e_tag: Some(ETag::Strong(part.etag)),
        last_modified: Some(dto_moment(part.modified_at)),
        ..CopyPartResult::default()
    };
    set_checksum!(result, &part.checksum);
    Ok(S3Response::new(UploadPartCopyOutput { copy_part_result: Some(result), ..UploadPartCopyOutput::default() }))
}

fn source_ref(source: &CopySource) -> S3Result<ObjectRef> {
    match source {
        CopySource::Bucket { bucket, key, version_id } => {
            null_version(version_id.as_deref())?;
            object_ref(bucket, key)
        }
        CopySource::AccessPoint { .. } | CopySource::Outpost { .. } => Err(not_implemented("access points")),
    }
}

/// `bytes=first-last`: unlike the range of a read it must name both ends and lie within the source.
fn source_range(text: &str, size_bytes: u64) -> S3Result<ops::Range<u64>> {
    let range = match Range::parse(text) {
        Ok(Range::Int { first, last: Some(last) }) => first..last + 1,
        _ => {
            return Err(s3_error!(
                InvalidArgument,
                "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the \
                 zero-based offsets of the first and last bytes to copy"
            ));
        }
    };
    if range.end > size_bytes {
        return Err(s3_error!(InvalidArgument, "Range specified is not valid for source object of size: {size_bytes}"));
    }
    Ok(range)
}
