//! PutObject.

use crate::attributes::{attributes, refuse_unsupported};
use crate::checksum::{self, checksum_values, set_checksum};
use crate::conditional;
use crate::error::{not_implemented, store_error};
use crate::operations::object_ref;
use crate::receive::{Expected, receive};
use crate::request::origin;
use minilab_embedded::{Attributes, ChecksumAlgorithm, Embedded, ObjectInfo, Origin, Precondition, PutObject};
use minilab_model::{EventKind, ObjectRef};
use s3s::dto::{ETag, PutObjectInput, PutObjectOutput, StreamingBlob};
use s3s::{S3Request, S3Response, S3Result};

/// The checksum that an object gets when the client asks for none, as in S3.
pub(crate) const DEFAULT_CHECKSUM: ChecksumAlgorithm = ChecksumAlgorithm::Crc64nvme;

/// An object on its way in, whichever operation brings it.
pub(crate) struct Incoming {
    pub(crate) object: ObjectRef,
    pub(crate) body: Option<StreamingBlob>,
    pub(crate) attributes: Attributes,
    pub(crate) precondition: Precondition,
    pub(crate) expected: Expected,
    pub(crate) kind: EventKind,
    pub(crate) origin: Origin,
}

pub(crate) async fn put(store: &Embedded, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
    let origin = origin(&request);
    let input = request.input;
    refuse_unsupported!(input)?;
    if input.write_offset_bytes.is_some() {
        return Err(not_implemented("appending to an object"));
    }
    let incoming = Incoming {
        object: object_ref(&input.bucket, &input.key)?,
        attributes: attributes!(input)?,
        precondition: conditional::of_write(input.if_match.as_ref(), input.if_none_match.as_ref())?,
        expected: Expected {
            size_bytes: Expected::length(input.content_length)?,
            md5: checksum::content_md5(input.content_md5.as_deref())?,
            checksum: checksum::announced(checksum_values!(input)?, &request.headers)?,
            trailer: request.trailing_headers,
        },
        body: input.body,
        kind: EventKind::CreatedPut,
        origin,
    };
    let info = store_object(store, incoming).await?;
    let mut answer = PutObjectOutput { e_tag: Some(ETag::Strong(info.etag)), ..PutObjectOutput::default() };
    answer.checksum_type = info.checksum.as_ref().map(|checksum| checksum::dto_type(checksum.kind));
    set_checksum!(answer, &info.checksum);
    Ok(S3Response::new(answer))
}

/// Stages the body and commits the object.
pub(crate) async fn store_object(store: &Embedded, incoming: Incoming) -> S3Result<ObjectInfo> {
    let Incoming { object, body, attributes, precondition, expected, kind, origin } = incoming;
    // A missing bucket is told before gigabytes are taken in; the transaction decides it once more.
    store.bucket(&object.bucket).await.map_err(store_error)?;
    let algorithm = expected.checksum.as_ref().map_or(DEFAULT_CHECKSUM, |announced| announced.algorithm);
    let body = receive(store, body, algorithm, expected).await?;
    store.put_object(PutObject { object, body, attributes, precondition, kind, origin }).await.map_err(store_error)
}
