//! PostObject: the upload of a browser's form. The protocol layer has checked the policy and its signature.

use crate::attributes::{attributes, refuse_unsupported};
use crate::checksum::{self, checksum_values};
use crate::conditional;
use crate::error::not_implemented;
use crate::operations::object_ref;
use crate::put::{Incoming, store_object};
use crate::receive::Expected;
use crate::request::origin;
use http::HeaderMap;
use http::header::ETAG;
use minilab_embedded::Embedded;
use minilab_model::EventKind;
use s3s::dto::{ETag, PostObjectInput, PostObjectOutput};
use s3s::{S3Request, S3Response, S3Result};

pub(crate) async fn post(store: &Embedded, request: S3Request<PostObjectInput>) -> S3Result<S3Response<PostObjectOutput>> {
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
            // The request's own headers speak of the form, not of the file in it.
            checksum: checksum::announced(checksum_values!(input)?, &HeaderMap::new())?,
            trailer: None,
        },
        body: input.body,
        kind: EventKind::CreatedPost,
        origin,
    };
    let info = store_object(store, incoming).await?;
    let e_tag = ETag::Strong(info.etag);
    let mut headers = HeaderMap::new();
    if let Ok(value) = e_tag.to_http_header() {
        headers.insert(ETAG, value);
    }
    Ok(S3Response::with_headers(PostObjectOutput { e_tag: Some(e_tag), ..PostObjectOutput::default() }, headers))
}
