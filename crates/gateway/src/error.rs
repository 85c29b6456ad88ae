//! What the store says, in S3's words. What a client is told says nothing of paths, SQL or the machine; the log has
//! the whole chain.

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use minilab_embedded::EmbeddedError;
use minilab_model::{NameError, error_chain};
use s3s::{S3Error, S3ErrorCode, s3_error};

/// Seconds after which a client that was turned away should come back.
const RETRY_SECS: &str = "1";

/// The answer to a request that the store refused or failed.
pub(crate) fn store_error(error: EmbeddedError) -> S3Error {
    use EmbeddedError as E;
    match error {
        E::NoSuchBucket(_) => s3_error!(NoSuchBucket),
        E::BucketNotEmpty(_) => s3_error!(BucketNotEmpty),
        E::NoSuchKey(_) => s3_error!(NoSuchKey),
        E::TooManyTags(_) => too_many_tags(),
        E::NoSuchUpload { .. } => s3_error!(NoSuchUpload),
        E::InvalidPart { number } => s3_error!(
            InvalidPart,
            "Part {number} could not be found. The part may not have been uploaded, or its entity tag or checksum may not match."
        ),
        E::InvalidPartNumber { .. } => invalid_part_number(),
        E::InvalidPartOrder => s3_error!(InvalidPartOrder),
        E::EntityTooSmall { .. } => s3_error!(EntityTooSmall),
        E::EntityTooLarge { .. } => s3_error!(EntityTooLarge),
        E::SizeMismatch { expected_bytes, actual_bytes } => s3_error!(
            InvalidRequest,
            "The provided 'x-amz-mp-object-size' header value {expected_bytes} does not match what was computed: {actual_bytes}"
        ),
        E::ChecksumMismatch { .. } => s3_error!(BadDigest, "The checksum you specified did not match what was computed."),
        E::PreconditionFailed => s3_error!(PreconditionFailed),
        E::NotModified => s3_error!(NotModified),
        E::Busy => retryable(s3_error!(SlowDown)),
        E::DiskFull { .. } => {
            tracing::error!(%error, "a write was refused");
            insufficient_storage()
        }
        E::Stopped { .. } => {
            tracing::error!(%error, "a write was refused");
            s3_error!(ServiceUnavailable, "The store takes no writes until the server is started again; its log says why.")
        }
        E::Corrupt { .. } | E::Io { .. } | E::Sqlite(_) => {
            tracing::error!(error = error_chain(&error), "the store failed");
            s3_error!(InternalError)
        }
    }
}

/// S3 has no code for a full disk. 507 is HTTP's, and clients do not try again at once on it as they do on 503.
fn insufficient_storage() -> S3Error {
    let mut error = custom(
        "InsufficientStorage",
        StatusCode::INSUFFICIENT_STORAGE,
        "The server's disk is full or nearly so: writes are refused until space is freed, reads go on.",
    );
    error.set_status_code(StatusCode::INSUFFICIENT_STORAGE);
    error
}

pub(crate) fn too_many_tags() -> S3Error {
    custom("BadRequest", StatusCode::BAD_REQUEST, "Object tags cannot be greater than 10")
}

/// An error with a code that the protocol layer does not list.
pub(crate) fn custom(code: &'static str, status: StatusCode, message: &'static str) -> S3Error {
    let mut error = S3Error::with_message(S3ErrorCode::Custom(code.into()), message);
    error.set_status_code(status);
    error
}

fn retryable(mut error: S3Error) -> S3Error {
    let mut headers = HeaderMap::new();
    // Headers set on an error replace those that go with its XML body.
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_SECS));
    error.set_headers(headers);
    error
}

pub(crate) fn name_error(error: NameError) -> S3Error {
    match error {
        NameError::Bucket { .. } => s3_error!(InvalidBucketName),
        NameError::EmptyKey => s3_error!(InvalidArgument, "An object key needs at least one byte."),
        NameError::LongKey { .. } => s3_error!(KeyTooLongError),
    }
}

pub(crate) fn invalid_part_number() -> S3Error {
    s3_error!(InvalidArgument, "Part number must be an integer between 1 and 10000, inclusive")
}

pub(crate) fn not_implemented(what: &str) -> S3Error {
    s3_error!(NotImplemented, "A header you provided implies functionality that is not implemented: {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: EmbeddedError, code: &str, status: u16) {
        let text = format!("{error:?}");
        let error = store_error(error);
        assert_eq!(error.code().as_str(), code, "{text}");
        assert_eq!(error.status_code().map(|status| status.as_u16()), Some(status), "{text}");
    }

    #[test]
    fn codes_and_statuses_are_those_of_s3() {
        check(EmbeddedError::NoSuchUpload { id: String::new() }, "NoSuchUpload", 404);
        check(EmbeddedError::InvalidPartOrder, "InvalidPartOrder", 400);
        check(EmbeddedError::PreconditionFailed, "PreconditionFailed", 412);
        check(EmbeddedError::NotModified, "NotModified", 304);
        check(EmbeddedError::Busy, "SlowDown", 503);
        check(EmbeddedError::DiskFull { free_bytes: 1, reserve_bytes: 2 }, "InsufficientStorage", 507);
        check(EmbeddedError::Stopped { reason: String::new() }, "ServiceUnavailable", 503);
    }

    #[test]
    fn a_full_queue_says_when_to_come_back() {
        let headers = store_error(EmbeddedError::Busy).headers().cloned().unwrap_or_default();
        assert_eq!(headers.get(RETRY_AFTER).map(HeaderValue::as_bytes), Some(RETRY_SECS.as_bytes()));
        assert!(headers.contains_key(CONTENT_TYPE));
    }

    #[test]
    fn internal_errors_do_not_tell_where() {
        let source = std::io::Error::other("/secret/place");
        let error = store_error(EmbeddedError::Io { what: "writing /secret/place".to_owned(), source });
        assert_eq!(error.code().as_str(), "InternalError");
        assert!(!error.to_string().contains("secret"));
    }
}
