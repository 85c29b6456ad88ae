//! A body on its way into the store: read to its very end, measured, compared with every digest that the client
//! announced, and staged. Whatever is wrong leaves nothing behind.

use crate::checksum::{self, Announced};
use crate::error::{custom, store_error};
use crate::request_body::BodyIdle;
use crate::service::MAX_BODY_BYTES;
use futures::TryStreamExt as _;
use http::StatusCode;
use minilab_embedded::{BodyOptions, ChecksumAlgorithm, Embedded, StagedBody};
use minilab_model::error_chain;
use s3s::checksum::ChecksumHasher;
use s3s::dto::StreamingBlob;
use s3s::stream::aws_chunked_stream::AwsChunkedStreamError;
use s3s::stream::upload_stream::UploadStreamError;
use s3s::{BodySizeLimitExceeded, S3Error, S3Result, StdError, TrailingHeaders, s3_error};

/// What a body has to be.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    /// Its length in bytes, where the headers say.
    pub(crate) size_bytes: Option<u64>,
    /// `Content-MD5`
    pub(crate) md5: Option<[u8; 16]>,
    /// The checksum announced in the headers, or to come in a trailer.
    pub(crate) checksum: Option<Announced>,
    /// Where the trailer will be.
    pub(crate) trailer: Option<TrailingHeaders>,
}

impl Expected {
    /// The length from a `Content-Length` that the protocol layer parsed.
    pub(crate) fn length(content_length: Option<i64>) -> S3Result<Option<u64>> {
        content_length.map(u64::try_from).transpose().map_err(|_| s3_error!(InvalidArgument, "Content-Length is negative"))
    }
}

/// Reads `body` into the store. The staged body carries a checksum of the algorithm `stored`.
pub(crate) async fn receive(
    store: &Embedded,
    body: Option<StreamingBlob>,
    stored: ChecksumAlgorithm,
    expected: Expected,
) -> S3Result<StagedBody> {
    if expected.size_bytes.is_some_and(|size| size > MAX_BODY_BYTES) {
        return Err(s3_error!(EntityTooLarge));
    }
    let mut writer = store.write_body(BodyOptions { max_bytes: MAX_BODY_BYTES, checksum: Some(stored) });
    // The store computes one checksum. A client may announce another one for a part of an upload whose own it left open.
    let mut other =
        expected.checksum.as_ref().filter(|announced| announced.algorithm != stored).map(|announced| hasher(announced.algorithm));

    if let Some(mut body) = body {
        while let Some(bytes) = body.try_next().await.map_err(body_error)? {
            if let Some(hasher) = &mut other {
                hasher.update(&bytes);
            }
            writer.write(bytes).await.map_err(store_error)?;
        }
    }
    // Taken before the body is made durable: a missing trailer costs no fsync. Dropping the writer removes the file.
    let announced = match expected.checksum {
        None => None,
        Some(Announced { algorithm, value: Some(value) }) => Some((algorithm, value)),
        Some(Announced { algorithm, value: None }) => {
            let trailer = expected.trailer.and_then(|trailer| trailer.take());
            Some((algorithm, checksum::from_trailer(trailer, algorithm)?))
        }
    };
    let staged = writer.finish().await.map_err(store_error)?;
    if expected.size_bytes.is_some_and(|size| size != staged.size_bytes()) {
        return Err(s3_error!(IncompleteBody));
    }
    if expected.md5.is_some_and(|md5| md5 != staged.md5()) {
        return Err(s3_error!(BadDigest));
    }
    if let Some((algorithm, value)) = announced {
        let computed = match other {
            Some(hasher) => only_value(&hasher.finalize(), algorithm),
            None => staged.checksum().map(|checksum| checksum.value.clone()),
        };
        if computed.as_deref() != Some(value.as_str()) {
            return Err(checksum::mismatch(algorithm));
        }
    }
    Ok(staged)
}

fn hasher(algorithm: ChecksumAlgorithm) -> ChecksumHasher {
    let mut hasher = ChecksumHasher::default();
    match algorithm {
        ChecksumAlgorithm::Crc32 => hasher.crc32 = Some(s3s::crypto::Checksum::new()),
        ChecksumAlgorithm::Crc32c => hasher.crc32c = Some(s3s::crypto::Checksum::new()),
        ChecksumAlgorithm::Crc64nvme => hasher.crc64nvme = Some(s3s::crypto::Checksum::new()),
        ChecksumAlgorithm::Sha1 => hasher.sha1 = Some(s3s::crypto::Checksum::new()),
        ChecksumAlgorithm::Sha256 => hasher.sha256 = Some(s3s::crypto::Checksum::new()),
    }
    hasher
}

fn only_value(computed: &s3s::dto::Checksum, algorithm: ChecksumAlgorithm) -> Option<String> {
    match algorithm {
        ChecksumAlgorithm::Crc32 => computed.checksum_crc32.clone(),
        ChecksumAlgorithm::Crc32c => computed.checksum_crc32c.clone(),
        ChecksumAlgorithm::Crc64nvme => computed.checksum_crc64nvme.clone(),
        ChecksumAlgorithm::Sha1 => computed.checksum_sha1.clone(),
        ChecksumAlgorithm::Sha256 => computed.checksum_sha256.clone(),
    }
}

/// Why a body could not be read, as an answer. The layers it came through each wrap what the one below said.
fn body_error(error: StdError) -> S3Error {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(&*error);
    while let Some(layer) = next {
        if layer.is::<BodySizeLimitExceeded>() {
            return s3_error!(EntityTooLarge);
        }
        if layer.is::<BodyIdle>() {
            return s3_error!(RequestTimeout);
        }
        match layer.downcast_ref::<UploadStreamError>() {
            Some(UploadStreamError::Sha256Mismatch) => {
                return custom(
                    "XAmzContentSHA256Mismatch",
                    StatusCode::BAD_REQUEST,
                    "The provided 'x-amz-content-sha256' header does not match what was computed.",
                );
            }
            Some(UploadStreamError::LengthMismatch | UploadStreamError::Incomplete) => return s3_error!(IncompleteBody),
            Some(UploadStreamError::Underlying(_)) | None => {}
        }
        match layer.downcast_ref::<AwsChunkedStreamError>() {
            Some(AwsChunkedStreamError::Underlying(_)) | None => {}
            Some(chunked) => return S3Error::new(chunked.to_s3_error_code()),
        }
        next = layer.source();
    }
    // What is left is the connection: it broke, or did not speak HTTP.
    tracing::debug!(error = error_chain(&*error), "the body could not be read");
    s3_error!(IncompleteBody)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn check(error: StdError, code: &str) {
        let text = error.to_string();
        assert_eq!(body_error(error).code().as_str(), code, "{text}");
    }

    #[test]
    fn the_innermost_reason_is_the_answer() {
        let idle = || Box::new(BodyIdle(Duration::from_secs(30)));
        check(idle(), "RequestTimeout");
        check(Box::new(UploadStreamError::Underlying(idle())), "RequestTimeout");
        check(Box::new(AwsChunkedStreamError::Underlying(idle())), "RequestTimeout");
        check(Box::new(UploadStreamError::Sha256Mismatch), "XAmzContentSHA256Mismatch");
        check(Box::new(AwsChunkedStreamError::SignatureMismatch), "SignatureDoesNotMatch");
        check(Box::new(AwsChunkedStreamError::Incomplete), "IncompleteBody");
        check(Box::new(BodySizeLimitExceeded { size: 2, limit: 1 }), "EntityTooLarge");
        check(Box::new(std::io::Error::from(std::io::ErrorKind::ConnectionReset)), "IncompleteBody");
    }
}
