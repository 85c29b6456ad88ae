use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use minilab_embedded::EmbeddedError;
use minilab_model::ObjectRef;
use minilab_pipeline::CatalogError;
use serde::Serialize;
use std::time::Duration;

/// Why a request was not done. `Display` is what the client is told; what went wrong inside is logged, not told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebError {
    /// The request cannot be understood.
    #[error("{message}")]
    BadRequest { message: String },
    /// No image is known by that key.
    #[error("no image `{}` in bucket `{}`", .0.key, .0.bucket)]
    NoImage(ObjectRef),
    /// The rules have not been applied to anything since the server started.
    #[error("the rules have not been applied to what was there since the server started")]
    NothingApplied,
    /// What is asked for does not go with what is.
    #[error("{message}")]
    Conflict { message: String },
    /// There is no such job.
    #[error("there is no job {0}: it is done, was discarded, or never was")]
    NoJob(i64),
    /// There is no such notification.
    #[error("there is no notification {0}: it was told or given up long ago, or never was")]
    NoNotification(i64),
    /// The path leads nowhere.
    #[error("there is nothing at this path; /openapi.json lists what there is")]
    NoRoute,
    /// The path is there, the method is not.
    #[error("this path does not answer that method")]
    Method,
    /// Nobody is signed in.
    #[error("sign in with an access key as user name and its secret key as password")]
    SignIn,
    /// Too many wrong sign-ins.
    #[error("too many wrong sign-ins; try again in {} s", .0.as_secs().max(1))]
    TooManySignIns(Duration),
    /// The request is addressed to a name that is not this listener's.
    #[error("this listener answers to localhost and loopback addresses only")]
    Host,
    /// Another web site is behind the request.
    #[error("uploads and changes are taken from this server's own page, not from other web sites")]
    CrossSite,
    /// The header that an upload has to carry is missing.
    #[error("an upload needs the header `x-minilab-upload: 1`")]
    UploadHeader,
    /// The body of a change is not declared as JSON.
    #[error("the body must be JSON, and the header `content-type: application/json` say so")]
    NotJson,
    /// The headers are too long.
    #[error("the request's headers have more than {limit_bytes} bytes")]
    Headers { limit_bytes: usize },
    /// The upload is too long.
    #[error("the body is larger than {limit_bytes} bytes")]
    TooLarge { limit_bytes: u64 },
    /// The upload stopped coming.
    #[error("nothing was received for {} s; the upload was given up", .0.as_secs())]
    Idle(Duration),
    /// The upload ended early or was malformed.
    #[error("the upload broke off; nothing was stored")]
    BrokenOff,
    /// The object is there already and the upload asked not to replace it.
    #[error("`{}` is already in bucket `{}`", .0.key, .0.bucket)]
    Exists(ObjectRef),
    /// The store refused or failed.
    #[error("{}", public_message(.0))]
    Store(#[from] EmbeddedError),
    /// The catalog failed.
    #[error("the catalog cannot be read now")]
    Catalog(#[from] CatalogError),
    /// The bytes of an object could not be read.
    #[error("the object's bytes cannot be read; the server's log says why")]
    Read(#[from] std::io::Error),
    /// An answer could not be written.
    #[error("the answer could not be written")]
    Answer(#[from] serde_json::Error),
}

impl WebError {
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::BadRequest { message: message.into() }
    }

    /// Status and code; the code is part of the API.
    fn kind(&self) -> (StatusCode, &'static str) {
        match self {
            Self::BadRequest { .. } => (StatusCode::BAD_REQUEST, "bad_request"),
            Self::NoImage(_) | Self::NothingApplied | Self::NoJob(_) | Self::NoNotification(_) => {
                (StatusCode::NOT_FOUND, "not_found")
            }
            Self::Conflict { .. } => (StatusCode::CONFLICT, "conflict"),
            Self::NoRoute => (StatusCode::NOT_FOUND, "no_route"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::SignIn => (StatusCode::UNAUTHORIZED, "sign_in"),
            Self::TooManySignIns(_) => (StatusCode::TOO_MANY_REQUESTS, "too_many_sign_ins"),
            Self::Host => (StatusCode::FORBIDDEN, "host_not_allowed"),
            Self::CrossSite => (StatusCode::FORBIDDEN, "cross_site"),
            Self::UploadHeader => (StatusCode::FORBIDDEN, "upload_header_missing"),
            Self::NotJson => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json"),
            Self::Headers { .. } => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large"),
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::Idle(_) => (StatusCode::REQUEST_TIMEOUT, "upload_idle"),
            Self::BrokenOff => (StatusCode::BAD_REQUEST, "upload_broken_off"),
            Self::Exists(_) => (StatusCode::PRECONDITION_FAILED, "exists"),
            Self::Store(error) => store_kind(error),
            Self::Catalog(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Read(_) | Self::Answer(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }
}

fn store_kind(error: &EmbeddedError) -> (StatusCode, &'static str) {
    match error {
        EmbeddedError::NoSuchBucket(_) => (StatusCode::NOT_FOUND, "no_such_bucket"),
        EmbeddedError::NoSuchKey(_) => (StatusCode::NOT_FOUND, "not_found"),
        EmbeddedError::EntityTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
        EmbeddedError::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, "precondition_failed"),
        EmbeddedError::Busy => (StatusCode::TOO_MANY_REQUESTS, "busy"),
        EmbeddedError::DiskFull { .. } => (StatusCode::INSUFFICIENT_STORAGE, "disk_full"),
        EmbeddedError::Stopped { .. } => (StatusCode::SERVICE_UNAVAILABLE, "stopped"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    }
}

/// What a client may know of a store's error: never a path, never SQL.
fn public_message(error: &EmbeddedError) -> String {
    match error {
        EmbeddedError::NoSuchBucket(bucket) => format!("there is no bucket `{bucket}`"),
        EmbeddedError::NoSuchKey(object) => format!("no object `{}` in bucket `{}`", object.key, object.bucket),
        EmbeddedError::EntityTooLarge { .. } => "the upload is larger than allowed".to_owned(),
        EmbeddedError::PreconditionFailed => "the object has changed".to_owned(),
        EmbeddedError::Busy => "the server is busy; try again in a moment".to_owned(),
        EmbeddedError::DiskFull { .. } => "the server's disk is full; nothing was stored".to_owned(),
        EmbeddedError::Stopped { .. } => "the store has stopped taking writes; its log says why".to_owned(),
        _ => "something went wrong on the server; its log says what".to_owned(),
    }
}

#[derive(Serialize)]
struct Body<'a> {
    error: BodyError<'a>,
}

#[derive(Serialize)]
struct BodyError<'a> {
    code: &'a str,
    message: String,
}

impl IntoResponse for WebError {
    fn into_response(self) -> Response {
        let (status, code) = self.kind();
        if status.is_server_error() {
            tracing::error!(code, error = %chain(&self), "a request failed");
        }
        let body = Body { error: BodyError { code, message: self.to_string() } };
        let mut response = (status, axum::Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match &self {
            Self::SignIn => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"minilab\", charset=\"UTF-8\""));
            }
            Self::TooManySignIns(wait) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
            }
            Self::Store(EmbeddedError::Busy) | Self::Catalog(_) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(1));
            }
            _ => {}
        }
        response
    }
}

/// An error and its sources, for the log.
fn chain(error: &WebError) -> String {
    let mut text = match error {
        WebError::Store(inside) => inside.to_string(),
        other => other.to_string(),
    };
    let mut next = match error {
        WebError::Store(inside) => std::error::Error::source(inside),
        other => std::error::Error::source(other),
    };
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}
