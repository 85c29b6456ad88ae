//! Headers and user metadata that are stored with an object and given back with it, and the headers that ask for what
//! is not there.

use crate::acl::refuse_grants;
use crate::error::not_implemented;
use http::{HeaderName, HeaderValue};
use minilab_embedded::Attributes;
use s3s::dto::{Metadata, StorageClass};
use s3s::{S3Result, s3_error};

/// The most that names and values of user metadata may have together, in bytes.
const MAX_USER_METADATA_BYTES: usize = 2048;

/// The stored headers of a request: `Attributes` from the fields of any request that makes an object.
macro_rules! attributes {
    ($input:expr) => {
        $crate::attributes::checked(
            minilab_embedded::Attributes {
                content_type: $input.content_type.clone(),
                content_encoding: $input.content_encoding.clone(),
                content_language: $input.content_language.clone(),
                content_disposition: $input.content_disposition.clone(),
                cache_control: $input.cache_control.clone(),
                expires: $input.expires.clone(),
                website_redirect_location: $input.website_redirect_location.clone(),
                user: Default::default(),
                tags: $crate::tagging::parse($input.tagging.as_deref())?,
            },
            $input.metadata.clone(),
        )
    };
}
pub(crate) use attributes;

/// Refuses what a request that makes an object may ask for and would not get.
macro_rules! refuse_unsupported {
    ($input:expr) => {
        $crate::attributes::refuse(&$crate::attributes::Asked {
            acl: $input.acl.as_ref().map(|acl| acl.as_str()),
            grants: $input.grant_full_control.is_some()
                || $input.grant_read.is_some()
                || $input.grant_read_acp.is_some()
                || $input.grant_write_acp.is_some(),
            encryption: $input.server_side_encryption.is_some()
                || $input.sse_customer_algorithm.is_some()
                || $input.sse_customer_key.is_some()
                || $input.ssekms_key_id.is_some(),
            object_lock: $input.object_lock_mode.is_some()
                || $input.object_lock_legal_hold_status.is_some()
                || $input.object_lock_retain_until_date.is_some(),
            storage_class: $input.storage_class.as_ref(),
        })
    };
}
pub(crate) use refuse_unsupported;

/// What a request asks for beside storing bytes.
pub(crate) struct Asked<'a> {
    pub(crate) acl: Option<&'a str>,
    pub(crate) grants: bool,
    pub(crate) encryption: bool,
    pub(crate) object_lock: bool,
    pub(crate) storage_class: Option<&'a StorageClass>,
}

/// Silence would be a lie: an object that was asked to be public, encrypted or locked and is not.
pub(crate) fn refuse(asked: &Asked<'_>) -> S3Result<()> {
    refuse_grants(asked.acl, asked.grants)?;
    if asked.encryption {
        return Err(not_implemented("server-side encryption"));
    }
    if asked.object_lock {
        return Err(not_implemented("object lock"));
    }
    match asked.storage_class.map(StorageClass::as_str) {
        None | Some(StorageClass::STANDARD) => Ok(()),
        Some(_) => Err(s3_error!(InvalidStorageClass)),
    }
}

/// Makes sure that what is stored can be given back, and that it is within bounds.
pub(crate) fn checked(mut attributes: Attributes, metadata: Option<Metadata>) -> S3Result<Attributes> {
    attributes.content_encoding = attributes.content_encoding.and_then(|encoding| without_aws_chunked(&encoding));
    let headers = [
        &attributes.content_type,
        &attributes.content_encoding,
        &attributes.content_language,
        &attributes.content_disposition,
        &attributes.cache_control,
        &attributes.expires,
        &attributes.website_redirect_location,
    ];
    // Form fields, unlike headers, can hold anything.
    if headers.into_iter().flatten().any(|value| HeaderValue::from_str(value).is_err()) {
        return Err(s3_error!(InvalidArgument, "A header value holds characters that no header can hold."));
    }
    let mut size = 0;
    for (name, value) in metadata.into_iter().flatten() {
        size += name.len() + value.len();
        let name = name.to_ascii_lowercase();
        if HeaderName::from_bytes(format!("x-amz-meta-{name}").as_bytes()).is_err() {
            return Err(s3_error!(InvalidArgument, "A metadata name holds characters that no header name can hold."));
        }
        attributes.user.insert(name, value);
    }
    if size > MAX_USER_METADATA_BYTES {
        return Err(s3_error!(MetadataTooLarge));
    }
    Ok(attributes)
}

/// `aws-chunked` is how the body travelled, not what it is.
fn without_aws_chunked(encoding: &str) -> Option<String> {
    let kept: Vec<&str> = encoding
        .split(',')
        .map(str::trim)
        .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("aws-chunked"))
        .collect();
    (!kept.is_empty()).then(|| kept.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_chunked_is_not_stored() {
        for (given, kept) in [
            ("aws-chunked", None),
            ("gzip, aws-chunked", Some("gzip")),
            ("AWS-Chunked,gzip,br", Some("gzip,br")),
            ("gzip", Some("gzip")),
        ] {
            assert_eq!(without_aws_chunked(given).as_deref(), kept, "{given}");
        }
    }

    #[test]
    fn user_metadata_is_bounded_and_can_be_given_back() {
        let check = |name: &str, value: String, code: Option<&str>| {
            let metadata = Metadata::from([(name.to_owned(), value)]);
            let answer = checked(Attributes::default(), Some(metadata));
            assert_eq!(answer.err().map(|error| error.code().as_str().to_owned()).as_deref(), code, "{name:?}");
        };
        check("a", "x".repeat(2047), None);
        check("a", "x".repeat(2048), Some("MetadataTooLarge"));
        check("a b", String::new(), Some("InvalidArgument"));
    }

    #[test]
    fn what_would_not_be_done_is_refused() {
        let nothing = || Asked { acl: None, grants: false, encryption: false, object_lock: false, storage_class: None };
        assert!(refuse(&nothing()).is_ok());
        assert!(refuse(&Asked { acl: Some("private"), ..nothing() }).is_ok());
        assert!(refuse(&Asked { acl: Some("public-read"), ..nothing() }).is_err());
        assert!(refuse(&Asked { encryption: true, ..nothing() }).is_err());
        let cold = StorageClass::from_static(StorageClass::GLACIER);
        assert!(refuse(&Asked { storage_class: Some(&cold), ..nothing() }).is_err());
    }
}
