//! Digests that clients send along: one checksum in a header or trailer, and `Content-MD5`.

use crate::error::{custom, not_implemented};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode};
use minilab_embedded::{Checksum, ChecksumAlgorithm, ChecksumType};
use s3s::{S3Error, S3Result, dto, s3_error};

/// A checksum that the client announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Announced {
    pub(crate) algorithm: ChecksumAlgorithm,
    /// The value in base64; `None` when it follows the body in a trailer.
    pub(crate) value: Option<String>,
}

/// The checksum fields of a request or answer of the protocol layer, as `[(algorithm, value); 5]`. A value of an
/// algorithm that is not supported is an error.
macro_rules! checksum_values {
    ($message:expr) => {
        $crate::checksum::supported(
            [
                (minilab_embedded::ChecksumAlgorithm::Crc32, $message.checksum_crc32.clone()),
                (minilab_embedded::ChecksumAlgorithm::Crc32c, $message.checksum_crc32c.clone()),
                (minilab_embedded::ChecksumAlgorithm::Crc64nvme, $message.checksum_crc64nvme.clone()),
                (minilab_embedded::ChecksumAlgorithm::Sha1, $message.checksum_sha1.clone()),
                (minilab_embedded::ChecksumAlgorithm::Sha256, $message.checksum_sha256.clone()),
            ],
            [
                $message.checksum_md5.is_some(),
                $message.checksum_sha512.is_some(),
                $message.checksum_xxhash64.is_some(),
                $message.checksum_xxhash3.is_some(),
                $message.checksum_xxhash128.is_some(),
            ],
        )
    };
}
pub(crate) use checksum_values;

/// Writes a checksum into the fields of an answer.
macro_rules! set_checksum {
    ($answer:expr, $checksum:expr) => {
        if let Some(checksum) = $checksum {
            let value = Some(checksum.value.clone());
            match checksum.algorithm {
                minilab_embedded::ChecksumAlgorithm::Crc32 => $answer.checksum_crc32 = value,
                minilab_embedded::ChecksumAlgorithm::Crc32c => $answer.checksum_crc32c = value,
                minilab_embedded::ChecksumAlgorithm::Crc64nvme => $answer.checksum_crc64nvme = value,
                minilab_embedded::ChecksumAlgorithm::Sha1 => $answer.checksum_sha1 = value,
                minilab_embedded::ChecksumAlgorithm::Sha256 => $answer.checksum_sha256 = value,
            }
        }
    };
}
pub(crate) use set_checksum;

type Values = [(ChecksumAlgorithm, Option<String>); 5];

/// The one value among the fields of a message, if any.
pub(crate) fn supported(values: Values, unsupported: [bool; 5]) -> S3Result<Option<(ChecksumAlgorithm, String)>> {
    if unsupported.contains(&true) {
        return Err(not_implemented("checksums other than CRC32, CRC32C, CRC64NVME, SHA1 and SHA256"));
    }
    let mut given = values.into_iter().filter_map(|(algorithm, value)| Some((algorithm, value?)));
    let first = given.next();
    if given.next().is_some() {
        return Err(s3_error!(
            InvalidRequest,
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        ));
    }
    Ok(first)
}

/// What the client announced: `value` from a header or form field, or a trailer that the headers promise.
pub(crate) fn announced(value: Option<(ChecksumAlgorithm, String)>, headers: &HeaderMap) -> S3Result<Option<Announced>> {
    let trailer = match text(headers, "x-amz-trailer") {
        Some(names) => trailer_algorithm(names)?,
        None => None,
    };
    match (value, trailer) {
        (Some((algorithm, value)), None) => {
            check_form(algorithm, &value)?;
            Ok(Some(Announced { algorithm, value: Some(value) }))
        }
        (None, Some(algorithm)) => Ok(Some(Announced { algorithm, value: None })),
        (Some(_), Some(_)) => {
            Err(s3_error!(InvalidRequest, "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."))
        }
        (None, None) if headers.contains_key("x-amz-sdk-checksum-algorithm") => Err(s3_error!(
            InvalidRequest,
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found."
        )),
        (None, None) => Ok(None),
    }
}

fn trailer_algorithm(names: &str) -> S3Result<Option<ChecksumAlgorithm>> {
    let mut found = None;
    for name in names.split(',').map(|name| name.trim().to_ascii_lowercase()) {
        let Some(algorithm) = name.strip_prefix("x-amz-checksum-") else { continue };
        let algorithm = ALGORITHMS.into_iter().find(|known| header_suffix(*known) == algorithm);
        let algorithm = algorithm
            .ok_or_else(|| s3_error!(InvalidRequest, "The value specified in the x-amz-trailer header is not supported"))?;
        if found.replace(algorithm).is_some() {
            return Err(s3_error!(InvalidRequest, "The value specified in the x-amz-trailer header is not supported"));
        }
    }
    Ok(found)
}

/// The value that a trailer carried.
pub(crate) fn from_trailer(trailer: Option<HeaderMap>, algorithm: ChecksumAlgorithm) -> S3Result<String> {
    let malformed = || {
        custom(
            "MalformedTrailerError",
            StatusCode::BAD_REQUEST,
            "The request contained trailing data that was not well-formed or did not conform to our published schema.",
        )
    };
    let trailer = trailer.ok_or_else(malformed)?;
    let value = text(&trailer, &format!("x-amz-checksum-{}", header_suffix(algorithm))).ok_or_else(malformed)?;
    check_form(algorithm, value)?;
    Ok(value.to_owned())
}

/// Refuses a value that cannot be of this algorithm.
fn check_form(algorithm: ChecksumAlgorithm, value: &str) -> S3Result<()> {
    let length = match algorithm {
        ChecksumAlgorithm::Crc32 | ChecksumAlgorithm::Crc32c => 4,
        ChecksumAlgorithm::Crc64nvme => 8,
        ChecksumAlgorithm::Sha1 => 20,
        ChecksumAlgorithm::Sha256 => 32,
    };
    match STANDARD.decode(value) {
        Ok(bytes) if bytes.len() == length => Ok(()),
        _ => Err(s3_error!(InvalidRequest, "Value for x-amz-checksum-{} header is invalid.", header_suffix(algorithm))),
    }
}

pub(crate) fn mismatch(algorithm: ChecksumAlgorithm) -> S3Error {
    s3_error!(BadDigest, "The {} you specified did not match the calculated checksum.", dto_algorithm(algorithm).as_str())
}

/// The 16 bytes of a `Content-MD5` header.
pub(crate) fn content_md5(header: Option<&str>) -> S3Result<Option<[u8; 16]>> {
    let Some(header) = header else { return Ok(None) };
    let bytes = STANDARD.decode(header).ok().and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
    bytes.map(Some).ok_or_else(|| s3_error!(InvalidDigest))
}

/// Compares a body that the protocol layer parsed with the digest in the request's headers, one of which is required.
pub(crate) fn check_parsed_body(headers: &HeaderMap, computed: Option<dto::Checksum>) -> S3Result<()> {
    // What was hashed is what came over the wire, which for a chunked body is not the body.
    let chunked = text(headers, "x-amz-content-sha256").is_some_and(|value| value.starts_with("STREAMING-"));
    let computed = computed.filter(|_| !chunked).unwrap_or_default();
    let mut compared = false;
    if let Some(md5) = content_md5(text(headers, "content-md5"))? {
        if computed.checksum_md5 != Some(STANDARD.encode(md5)) {
            return Err(s3_error!(BadDigest));
        }
        compared = true;
    }
    for algorithm in ALGORITHMS {
        let Some(value) = text(headers, &format!("x-amz-checksum-{}", header_suffix(algorithm))) else { continue };
        check_form(algorithm, value)?;
        let computed = match algorithm {
            ChecksumAlgorithm::Crc32 => &computed.checksum_crc32,
            ChecksumAlgorithm::Crc32c => &computed.checksum_crc32c,
            ChecksumAlgorithm::Crc64nvme => &computed.checksum_crc64nvme,
            ChecksumAlgorithm::Sha1 => &computed.checksum_sha1,
            ChecksumAlgorithm::Sha256 => &computed.checksum_sha256,
        };
        if computed.as_deref() != Some(value) {
            return Err(mismatch(algorithm));
        }
        compared = true;
    }
    if compared {
        return Ok(());
    }
    Err(s3_error!(InvalidRequest, "Missing required header for this request: Content-MD5 OR x-amz-checksum-*"))
}

/// The algorithm of a request's `x-amz-checksum-algorithm`.
pub(crate) fn algorithm(name: Option<&dto::ChecksumAlgorithm>) -> S3Result<Option<ChecksumAlgorithm>> {
    let Some(name) = name else { return Ok(None) };
    let known = ALGORITHMS.into_iter().find(|known| dto_algorithm(*known).as_str().eq_ignore_ascii_case(name.as_str()));
    known.map(Some).ok_or_else(|| {
        s3_error!(
            InvalidRequest,
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: \
             [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]"
        )
    })
}

/// The algorithm and type of an upload. Without an algorithm it is CRC64NVME over the whole, as in S3; without a type it is
/// composite, but for CRC64NVME, which knows the whole only.
pub(crate) fn of_upload(
    name: Option<&dto::ChecksumAlgorithm>,
    kind: Option<&dto::ChecksumType>,
) -> S3Result<(ChecksumAlgorithm, ChecksumType)> {
    let given = algorithm(name)?;
    if given.is_none() && kind.is_some() {
        return Err(s3_error!(
            InvalidRequest,
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
        ));
    }
    let algorithm = given.unwrap_or(ChecksumAlgorithm::Crc64nvme);
    let kind = match kind.map(dto::ChecksumType::as_str) {
        None if algorithm == ChecksumAlgorithm::Crc64nvme => ChecksumType::FullObject,
        None | Some(dto::ChecksumType::COMPOSITE) => ChecksumType::Composite,
        Some(dto::ChecksumType::FULL_OBJECT) => ChecksumType::FullObject,
        Some(_) => return Err(s3_error!(InvalidRequest, "Value for x-amz-checksum-type header is invalid.")),
    };
    let impossible = match kind {
        ChecksumType::Composite => algorithm == ChecksumAlgorithm::Crc64nvme,
        ChecksumType::FullObject => matches!(algorithm, ChecksumAlgorithm::Sha1 | ChecksumAlgorithm::Sha256),
    };
    if impossible {
        return Err(s3_error!(
            InvalidRequest,
            "The {} checksum type cannot be used with the {} checksum algorithm.",
            dto_type(kind).as_str(),
            dto_algorithm(algorithm).as_str()
        ));
    }
    Ok((algorithm, kind))
}

pub(crate) fn dto_algorithm(algorithm: ChecksumAlgorithm) -> dto::ChecksumAlgorithm {
    dto::ChecksumAlgorithm::from_static(match algorithm {
        ChecksumAlgorithm::Crc32 => dto::ChecksumAlgorithm::CRC32,
        ChecksumAlgorithm::Crc32c => dto::ChecksumAlgorithm::CRC32C,
        ChecksumAlgorithm::Crc64nvme => dto::ChecksumAlgorithm::CRC64NVME,
        ChecksumAlgorithm::Sha1 => dto::ChecksumAlgorithm::SHA1,
        ChecksumAlgorithm::Sha256 => dto::ChecksumAlgorithm::SHA256,
    })
}

pub(crate) fn dto_type(kind: ChecksumType) -> dto::ChecksumType {
    dto::ChecksumType::from_static(match kind {
        ChecksumType::Composite => dto::ChecksumType::COMPOSITE,
        ChecksumType::FullObject => dto::ChecksumType::FULL_OBJECT,
    })
}

/// A checksum as the protocol layer's own type.
pub(crate) fn dto_checksum(checksum: &Checksum) -> dto::Checksum {
    let mut answer = dto::Checksum { checksum_type: Some(dto_type(checksum.kind)), ..dto::Checksum::default() };
    set_checksum!(answer, Some(checksum));
    answer
}

const ALGORITHMS: [ChecksumAlgorithm; 5] = [
    ChecksumAlgorithm::Crc32,
    ChecksumAlgorithm::Crc32c,
    ChecksumAlgorithm::Crc64nvme,
    ChecksumAlgorithm::Sha1,
    ChecksumAlgorithm::Sha256,
];

/// What follows `x-amz-checksum-` in a header's name.
const fn header_suffix(algorithm: ChecksumAlgorithm) -> &'static str {
    match algorithm {
        ChecksumAlgorithm::Crc32 => "crc32",
        ChecksumAlgorithm::Crc32c => "crc32c",
        ChecksumAlgorithm::Crc64nvme => "crc64nvme",
        ChecksumAlgorithm::Sha1 => "sha1",
        ChecksumAlgorithm::Sha256 => "sha256",
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn values_must_have_the_length_of_their_algorithm() {
        assert!(check_form(ChecksumAlgorithm::Crc32, "y/Q5Jg==").is_ok());
        for (algorithm, value) in
            [(ChecksumAlgorithm::Crc32, "bad"), (ChecksumAlgorithm::Crc32, ""), (ChecksumAlgorithm::Sha1, "y/Q5Jg==")]
        {
            assert!(check_form(algorithm, value).is_err(), "{algorithm:?} {value:?}");
        }
    }

    #[test]
    fn a_trailer_that_is_promised_must_come() {
        let promise = |names: &'static str| {
            let headers = HeaderMap::from_iter(
                [("x-amz-trailer".parse().ok(), HeaderValue::from_static(names))]
                    .map(|(name, value)| (name.unwrap_or(http::header::TRAILER), value)),
            );
            announced(None, &headers)
                .map(|announced| announced.map(|announced| announced.algorithm))
                .map_err(|error| error.code().as_str().to_owned())
        };
        assert_eq!(promise("x-amz-checksum-crc32"), Ok(Some(ChecksumAlgorithm::Crc32)));
        assert_eq!(promise("x-other, X-Amz-Checksum-SHA256"), Ok(Some(ChecksumAlgorithm::Sha256)));
        assert_eq!(promise("x-amz-checksum-crc31"), Err("InvalidRequest".to_owned()));
        assert_eq!(
            from_trailer(None, ChecksumAlgorithm::Crc32).map_err(|error| error.code().as_str().to_owned()),
            Err("MalformedTrailerError".to_owned())
        );
    }

    #[test]
    fn uploads_default_as_in_s3() {
        let check = |name: Option<&'static str>, kind: Option<&'static str>, expected| {
            let name = name.map(dto::ChecksumAlgorithm::from_static);
            let kind = kind.map(dto::ChecksumType::from_static);
            assert_eq!(of_upload(name.as_ref(), kind.as_ref()).ok(), expected, "{name:?} {kind:?}");
        };
        check(None, None, Some((ChecksumAlgorithm::Crc64nvme, ChecksumType::FullObject)));
        check(Some("CRC32"), None, Some((ChecksumAlgorithm::Crc32, ChecksumType::Composite)));
        check(Some("CRC32"), Some("FULL_OBJECT"), Some((ChecksumAlgorithm::Crc32, ChecksumType::FullObject)));
        check(Some("SHA256"), Some("FULL_OBJECT"), None);
        check(Some("CRC64NVME"), Some("COMPOSITE"), None);
        check(None, Some("COMPOSITE"), None);
    }
}
