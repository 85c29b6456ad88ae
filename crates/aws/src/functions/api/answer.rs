//! What a client is told: answers and errors in the shapes of the embedded server.

use super::request::Request;
use minilab_model::{BucketName, ObjectRef};
use minilab_pipeline::CatalogError;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Longest body in bytes: Lambda hands over 6 MB, in which the body is a JSON string.
const BODY_BYTES: usize = 4 << 20;

/// What holds for every answer, as in the embedded server: nothing is sniffed, framed, referred to, or embedded by another site.
const SECURITY_HEADERS: [(&str, &str); 5] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
    ("cross-origin-resource-policy", "same-site"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
];

/// An answer in payload format 2.0.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The HTTP status.
    pub status_code: u16,
    /// Names in lower case.
    pub headers: BTreeMap<&'static str, String>,
    /// Text; empty where there is none.
    pub body: String,
    is_base64_encoded: bool,
    /// None, ever; emulators want to be told.
    cookies: [(); 0],
}

/// Why a request was not done. `Display` is what the client is told; what went wrong inside is logged, not told.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    /// The request cannot be understood.
    #[error("{0}")]
    BadRequest(String),
    /// No image is known by that key.
    #[error("no image `{}` in bucket `{}`", .0.key, .0.bucket)]
    NoImage(ObjectRef),
    /// The image has no such variant.
    #[error("image `{}` in bucket `{}` has no variant `{variant}`", .image.key, .image.bucket)]
    NoVariant {
        /// The source.
        image: ObjectRef,
        /// What was asked for.
        variant: String,
    },
    /// There is no such object.
    #[error("no object `{}` in bucket `{}`", .0.key, .0.bucket)]
    NoObject(ObjectRef),
    /// No rule has anything to do with that bucket.
    #[error("there is no bucket `{0}`")]
    NoSuchBucket(BucketName),
    /// The path leads nowhere.
    #[error("there is nothing at this path; there are /images/{{key}}, /downloadimages/{{key}}, /infoimages and /api/v1/images")]
    NoRoute,
    /// The path is there, the method is not.
    #[error("this path does not answer that method")]
    Method,
    /// The answer is longer than may be sent.
    #[error("the answer would have {bytes} bytes; ask for fewer images with `limit`")]
    Long {
        /// How long.
        bytes: usize,
    },
    /// The catalog failed.
    #[error("the catalog cannot be read now")]
    Catalog(#[from] CatalogError),
    /// The objects cannot be asked.
    #[error("the objects cannot be read now")]
    Objects(String),
    /// An answer could not be written.
    #[error("the answer could not be written")]
    Json(#[from] serde_json::Error),
}

impl ApiError {
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::BadRequest(message.into())
    }

    /// Status and code; the code is part of the API.
    fn kind(&self) -> (u16, &'static str) {
        match self {
            Self::BadRequest(_) => (400, "bad_request"),
            Self::NoImage(_) | Self::NoObject(_) | Self::NoVariant { .. } => (404, "not_found"),
            Self::NoSuchBucket(_) => (404, "no_such_bucket"),
            Self::NoRoute => (404, "no_route"),
            Self::Method => (405, "method_not_allowed"),
            Self::Long { .. } => (413, "too_large"),
            Self::Catalog(_) | Self::Objects(_) => (503, "unavailable"),
            Self::Json(_) => (500, "internal"),
        }
    }

    /// What went wrong inside, for the log; `None` when it is the client's mistake.
    pub(super) fn inside(&self) -> Option<String> {
        match self {
            Self::Objects(reason) => Some(reason.clone()),
            Self::Catalog(_) | Self::Json(_) => Some(minilab_model::error_chain(self)),
            _ => None,
        }
    }
}

impl From<ApiError> for Answer {
    fn from(error: ApiError) -> Self {
        let (status, code) = error.kind();
        let body = json!({"error": {"code": code, "message": error.to_string()}});
        let answer = Self::new(status, body.to_string()).with("content-type", "application/json").with("cache-control", "no-store");
        match error {
            ApiError::Method => answer.with("allow", "GET, HEAD"),
            ApiError::Catalog(_) | ApiError::Objects(_) => answer.with("retry-after", "1"),
            _ => answer,
        }
    }
}

impl Answer {
    fn new(status_code: u16, body: String) -> Self {
        let headers = SECURITY_HEADERS.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { status_code, headers, body, is_base64_encoded: false, cookies: [] }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.insert(name, value.into());
        self
    }

    /// Sends the client elsewhere. The link holds a signature, so that nobody may keep it.
    pub(super) fn found(location: String) -> Self {
        Self::new(302, String::new()).with("location", location).with("cache-control", "private, no-store")
    }

    /// JSON with an entity tag over its bytes, or 304 when the client holds the same already.
    ///
    /// # Errors
    /// [`ApiError::Long`] when it is longer than may be sent.
    pub(super) fn tagged_json(request: &Request, value: &impl Serialize) -> Result<Self, ApiError> {
        let body = serde_json::to_string(value)?;
        if body.len() > BODY_BYTES {
            return Err(ApiError::Long { bytes: body.len() });
        }
        let digest = Sha256::digest(&body);
        let etag = format!("\"{}\"", hex::encode(&digest[..16]));
        let held = request.header("if-none-match").unwrap_or_default();
        let is_held = held.trim() == "*" || held.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag);
        let answer = if is_held { Self::new(304, String::new()) } else { Self::new(200, body) };
        Ok(answer.with("content-type", "application/json").with("cache-control", "no-cache").with("etag", etag))
    }

    /// The answer to HEAD: the same without its body.
    pub(super) fn without_body(mut self) -> Self {
        self.body.clear();
        self
    }
}
