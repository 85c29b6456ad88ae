use crate::error::WebError;
use crate::images::find;
use crate::object_key::object_key;
use crate::options::WebOptions;
use crate::query::{BucketQuery, bucket, query};
use crate::routes::Web;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures::StreamExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use minilab_embedded::{
    Attributes, BodyOptions, Embedded, EmbeddedError, EtagCondition, Origin, Precondition, PutObject, StagedBody,
};
use minilab_model::{EventKind, ImageState, ObjectRef, Sequencer};
use serde::Serialize;
use tracing::Instrument as _;

/// What an upload came to.
#[derive(Debug, Serialize)]
struct Uploaded {
    #[serde(flatten)]
    object: ObjectRef,
    sequencer: Sequencer,
    etag: String,
    size_bytes: u64,
    /// Where the image stands; `null` when no rule picks the object up.
    state: Option<ImageState>,
}

/// `GET /api/v1/objects/{key}`: whether an upload would replace something. It asks for the same login as an upload, so
/// that a browser asks for it before it sends a long body, not amidst of it.
pub(crate) async fn inspect(State(web): State<Web>, uri: Uri) -> Result<Response, WebError> {
    let object = addressed(&uri, &web.options)?;
    let exists = exists(&web.store, &object).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(Inspected { object, exists })).into_response())
}

/// What is at the place of an upload.
#[derive(Debug, Serialize)]
struct Inspected {
    #[serde(flatten)]
    object: ObjectRef,
    exists: bool,
}

/// The object that the path and the query name.
fn addressed(uri: &Uri, options: &WebOptions) -> Result<ObjectRef, WebError> {
    Ok(ObjectRef::new(bucket(query::<BucketQuery>(uri)?.bucket, options)?, object_key(uri.path(), "/api/v1/objects/")?))
}

/// `PUT /api/v1/objects/{key}`: stores the body as an object, with the same event as a PUT to the S3 gateway.
///
/// `If-None-Match: *` stores it only when the key is free.
///
/// As there, the request has an id (`x-amz-request-id`), by which its jobs and notifications are found in the log.
pub(crate) async fn object(State(web): State<Web>, uri: Uri, headers: HeaderMap, body: Body) -> Result<Response, WebError> {
    let request_id = request_id();
    let span = tracing::error_span!("request", trace = request_id, operation = "PutObject");
    let mut response = store(&web, &uri, &headers, body, request_id.clone()).instrument(span).await?;
    if let Some(value) = request_id.and_then(|id| HeaderValue::try_from(id).ok()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    Ok(response)
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");

/// 16 random upper-case hex digits, as in the S3 gateway; none when the system gives no random bytes.
fn request_id() -> Option<String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).ok()?;
    Some(hex::encode_upper(bytes))
}

async fn store(web: &Web, uri: &Uri, headers: &HeaderMap, body: Body, request_id: Option<String>) -> Result<Response, WebError> {
    let object = addressed(uri, &web.options)?;
    let precondition = only_if_free(headers)?;
    // What can be refused is refused before the body is taken.
    refuse_too_large(headers, &web.options)?;
    web.store.bucket(&object.bucket).await?;
    if precondition.if_none_match.is_some() && exists(&web.store, &object).await? {
        return Err(WebError::Exists(object));
    }

    let staged = receive(&web.store, &web.options, body).await?;
    let put = PutObject {
        object: object.clone(),
        body: staged,
        attributes: Attributes { content_type: stated_type(headers), ..Attributes::default() },
        precondition,
        kind: EventKind::CreatedPut,
        origin: Origin { request_id, requester: None },
    };
    let info = match web.store.put_object(put).await {
        // Somebody else was quicker.
        Err(EmbeddedError::PreconditionFailed) => return Err(WebError::Exists(object)),
        other => other?,
    };
    let state = find(&web.store, &object).await?.map(|record| record.state);
    let uploaded = Uploaded { object, sequencer: info.sequencer, etag: info.etag, size_bytes: info.size_bytes, state };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(uploaded)).into_response())
}

/// Streams the body into the store, to its end, within its limits of size and silence.
async fn receive(store: &Embedded, options: &WebOptions, body: Body) -> Result<StagedBody, WebError> {
    let mut writer = store.write_body(BodyOptions { max_bytes: options.max_upload_bytes, checksum: None });
    let mut chunks = body.into_data_stream();
    loop {
        let next = tokio::time::timeout(options.upload_idle, chunks.next()).await;
        match next.map_err(|_| WebError::Idle(options.upload_idle))? {
            Some(Ok(chunk)) => writer.write(chunk).await.map_err(|error| too_large(error, options))?,
            Some(Err(error)) => {
                tracing::debug!(%error, "an upload broke off");
                return Err(WebError::BrokenOff);
            }
            None => return Ok(writer.finish().await?),
        }
    }
}

fn too_large(error: EmbeddedError, options: &WebOptions) -> WebError {
    match error {
        EmbeddedError::EntityTooLarge { .. } => WebError::TooLarge { limit_bytes: options.max_upload_bytes },
        other => other.into(),
    }
}

fn refuse_too_large(headers: &HeaderMap, options: &WebOptions) -> Result<(), WebError> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    match length {
        Some(length) if length > options.max_upload_bytes => Err(WebError::TooLarge { limit_bytes: options.max_upload_bytes }),
        _ => Ok(()),
    }
}

fn only_if_free(headers: &HeaderMap) -> Result<Precondition, WebError> {
    match headers.get(header::IF_NONE_MATCH) {
        None => Ok(Precondition::default()),
        Some(value) if value == "*" => Ok(Precondition { if_none_match: Some(EtagCondition::Any), ..Precondition::default() }),
        Some(_) => Err(WebError::bad_request("an upload understands `If-None-Match: *` only")),
    }
}

async fn exists(store: &Embedded, object: &ObjectRef) -> Result<bool, WebError> {
    match store.object(object).await {
        Ok(_) => Ok(true),
        Err(EmbeddedError::NoSuchKey(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The media type that the client states. It is stored as it is and believed by nobody.
fn stated_type(headers: &HeaderMap) -> Option<String> {
    headers.get(header::CONTENT_TYPE)?.to_str().ok().filter(|stated| stated.len() <= 255).map(str::to_owned)
}
