//! What S3's refusals mean.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use minilab_pipeline::StoreError;

/// What a refusal means for who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no such object.
    Missing,
    /// There is no such object, or it may not be read: without the right to list the bucket, S3 says no more.
    Forbidden,
    /// There is no such bucket.
    NoBucket,
    /// A condition on the ETag does not hold, or another write of the same key is under way.
    Changed,
    /// A range begins behind the end.
    BehindEnd,
    /// Anything else: it is tried again later.
    Other,
}

/// Reads a refusal. Answers to HEAD have no body and so no code.
pub(super) fn refusal<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Refusal {
    let status = error.raw_response().map(|response| response.status().as_u16());
    read(status, error.code())
}

fn read(status: Option<u16>, code: Option<&str>) -> Refusal {
    match (status, code) {
        (_, Some("NoSuchBucket")) => Refusal::NoBucket,
        (Some(404), _) => Refusal::Missing,
        (Some(403), None | Some("AccessDenied" | "Forbidden")) => Refusal::Forbidden,
        (Some(409 | 412), _) => Refusal::Changed,
        (Some(416), _) => Refusal::BehindEnd,
        _ => Refusal::Other,
    }
}

/// What cannot be done now.
pub(super) fn unavailable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Unavailable(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_read_by_status_and_code() {
        let check = |status, code, expected| assert_eq!(read(Some(status), code), expected, "{status} {code:?}");
        check(404, Some("NoSuchBucket"), Refusal::NoBucket);
        check(404, Some("NoSuchKey"), Refusal::Missing);
        check(404, None, Refusal::Missing);
        check(403, None, Refusal::Forbidden);
        check(403, Some("AccessDenied"), Refusal::Forbidden);
        check(403, Some("RequestTimeTooSkewed"), Refusal::Other);
        check(403, Some("InvalidAccessKeyId"), Refusal::Other);
        check(409, Some("ConditionalRequestConflict"), Refusal::Changed);
        check(412, Some("PreconditionFailed"), Refusal::Changed);
        check(416, Some("InvalidRange"), Refusal::BehindEnd);
        check(503, Some("SlowDown"), Refusal::Other);
        assert_eq!(read(None, None), Refusal::Other);
    }
}
