//! The outermost layer: gives each request its id, bounds its body, writes one log line, and makes every answer
//! carry the id.

use crate::access::{Credentials, Keyring, SignedOnly};
use crate::observer::{AnswerObserver, Answered};
use crate::operations::Operations;
use crate::request::{BodyDigests, RequestId, RequestLog};
use crate::request_body::RequestBody;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderName, RANGE, SERVER};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use minilab_embedded::Embedded;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::host::SingleDomain;
use s3s::region::Region;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpError, StdError, s3_error};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::Instrument;

/// The largest body of one PUT or part, in bytes: 5 GiB, as S3 has it.
pub const MAX_BODY_BYTES: u64 = 5 << 30;
/// The largest XML body in bytes. A DeleteObjects may name 1,000 keys of 1,024 bytes, each byte of which XML may write
/// as five; a CompleteMultipartUpload 10,000 parts with ETag and checksum. Only signed requests get this far.
pub(crate) const MAX_XML_BYTES: usize = 6 << 20;
/// The largest form field in bytes.
const MAX_FIELD_BYTES: usize = 1 << 20;
/// All fields of a form together, in bytes.
const MAX_FORM_BYTES: usize = 2 << 20;
/// The largest signed chunk in bytes. One chunk per upload is held in memory until its signature is checked.
const MAX_SIGNED_CHUNK_BYTES: usize = 16 << 20;
/// How far a client's clock may be off.
const CLOCK_SKEW_SECS: u32 = 15 * 60;
/// How long a presigned URL may live.
const MAX_PRESIGN_SECS: u32 = 7 * 24 * 60 * 60;
/// How much of an unwanted body is read for the sake of an answer that the client gets to see, in bytes.
const DRAIN_BYTES: u64 = 16 << 20;
/// How long that may take.
const DRAIN_TIME: Duration = Duration::from_secs(10);

static REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");

/// How the gateway presents itself.
#[derive(Debug, Clone)]
pub struct GatewayOptions {
    /// The region that the gateway says it is in. Requests signed for any other are accepted, too. Default `us-east-1`.
    pub region: String,
    /// The domain under which buckets are reached as `bucket.domain` (virtual-hosted style). Default none: the bucket
    /// is the first part of the path. A `host:port` matches by its host.
    pub host: Option<String>,
    /// How long a client may pause while it sends a body. Default 30 seconds.
    pub body_idle: Duration,
    /// The names of the webhooks that buckets may tell of their events (`arn:minilab:sqs::NAME:webhook`). Default none.
    pub webhooks: Vec<String>,
    /// Who is told of every answer. Default nobody.
    pub observer: Option<AnswerObserver>,
}

impl Default for GatewayOptions {
    fn default() -> Self {
        Self {
            region: "us-east-1".to_owned(),
            host: None,
            body_idle: Duration::from_secs(30),
            webhooks: Vec::new(),
            observer: None,
        }
    }
}

/// Why a gateway cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Without a key pair nobody could sign a request, and requests are never accepted unsigned.
    #[error("the gateway needs at least one key pair")]
    NoCredentials,
    /// A key pair with an empty half.
    #[error("a key pair has an empty access key or secret key")]
    EmptyKey,
    /// The virtual-host domain is none.
    #[error("`{host}` is not a domain name")]
    Host {
        /// What was given.
        host: String,
    },
}

/// The S3 protocol as a service for hyper. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Gateway {
    protocol: S3Service,
    region: Arc<str>,
    body_idle: Duration,
    observer: Option<AnswerObserver>,
}

/// Builds the gateway over `store` for those who have one of `credentials`.
///
/// # Errors
/// [`GatewayError`] when nobody could sign a request, or `options.host` is no domain.
pub fn service(store: Embedded, credentials: Vec<Credentials>, options: GatewayOptions) -> Result<Gateway, GatewayError> {
    if credentials.is_empty() {
        return Err(GatewayError::NoCredentials);
    }
    if credentials.iter().any(|pair| pair.access_key.is_empty() || pair.secret_key.is_empty()) {
        return Err(GatewayError::EmptyKey);
    }
    let region: Arc<str> = options.region.into();
    let mut builder = S3ServiceBuilder::new(Operations::new(store, Arc::clone(&region), options.webhooks));
    builder.set_auth(Keyring::new(credentials));
    builder.set_access(SignedOnly);
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(protocol_limits()))));
    if let Some(host) = options.host {
        let domain = SingleDomain::new(&host).map_err(|_| GatewayError::Host { host })?;
        // Any other name the machine is reached by means path style; it is no bucket.
        builder.set_host(domain.with_cname_fallback(false));
    }
    Ok(Gateway { protocol: builder.build(), region, body_idle: options.body_idle, observer: options.observer })
}

fn protocol_limits() -> S3Config {
    let mut config = S3Config::default();
    config.enable_sig_v2 = false;
    config.xml_max_body_size = MAX_XML_BYTES;
    config.put_object_max_size = Some(MAX_BODY_BYTES);
    config.post_object_max_file_size = MAX_BODY_BYTES;
    config.aws_chunked_stream_max_chunk_size = MAX_SIGNED_CHUNK_BYTES;
    config.form_max_field_size = MAX_FIELD_BYTES;
    config.form_max_fields_size = MAX_FORM_BYTES;
    config.form_max_parts = 100;
    config.presigned_url_max_skew_time_secs = CLOCK_SKEW_SECS;
    config.presigned_url_max_expires_secs = MAX_PRESIGN_SECS;
    config.sig_v4_allowed_services = vec!["s3".to_owned()];
    config
}

impl Gateway {
    /// Answers one request. Whatever goes wrong becomes an answer.
    pub async fn call<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<StdError>,
    {
        let id = RequestId::random();
        let span = tracing::error_span!("request", trace = %id.0, operation = tracing::field::Empty);
        self.answer(request, id).instrument(span).await
    }

    async fn answer<B>(&self, request: Request<B>, id: RequestId) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<StdError>,
    {
        let started = Instant::now();
        let method = request.method().clone();
        let expects_continue = request.headers().contains_key(EXPECT);
        let log = RequestLog::default();
        let digests = names_deletions(&request).then(BodyDigests::default);

        let (mut parts, body) = request.into_parts();
        drop_unusable_range(&mut parts);
        let body = RequestBody::new(body, self.body_idle, digests.clone());
        parts.extensions.insert(id.clone());
        parts.extensions.insert(log.clone());
        if let Some(digests) = digests {
            parts.extensions.insert(digests);
        }

        let refusal = if is_unmeasured_form(&parts) {
            Some(s3_error!(MissingContentLength))
        } else if signs_for_no_region(&parts) {
            Some(s3_error!(AuthorizationHeaderMalformed, "The region is wrong; expecting '{}'", self.region))
        } else {
            None
        };
        let answer = if let Some(error) = refusal {
            error.to_http_response().map_err(|error| HttpError::from_std_error(Box::new(error)))
        } else {
            let request = Request::from_parts(parts, Body::http_body_unsync(body.clone()));
            self.protocol.call(request).await
        };
        let mut response = answer.unwrap_or_else(|error| {
            tracing::error!(%error, "the protocol layer failed");
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        });

        let refused = response.status().is_client_error() || response.status().is_server_error();
        let code = if refused { complete_error(&mut response, &method, &id, &self.region) } else { None };
        if let Ok(value) = HeaderValue::from_str(&id.0) {
            response.headers_mut().insert(&REQUEST_ID, value);
        }
        response.headers_mut().insert(SERVER, HeaderValue::from_static("minilab"));

        // Headers alone are in the caller's hands now; a body that is still to be streamed is not counted.
        let elapsed = started.elapsed();
        let ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let (operation, status) = (log.operation(), response.status().as_u16());
        tracing::Span::current().record("operation", operation);
        if let Some(observer) = &self.observer {
            observer.tell(Answered { operation, status: response.status(), elapsed });
        }
        if refused {
            tracing::info!(status, code = code.as_deref().unwrap_or("-"), ms, "request refused");
        } else {
            tracing::debug!(status, ms, "request answered");
        }

        // A client that has begun to send reads the answer only after the rest is sent. One that waits for
        // `100 Continue` never sends it.
        if refused && (body.begun() || !expects_continue) {
            let _ = tokio::time::timeout(DRAIN_TIME, body.drain(DRAIN_BYTES)).await;
        }
        // What is still unread cannot be told from the next request, so the connection ends here: the client has to
        // know, or it sends that request into the void.
        if !body.is_finished() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

impl<B> hyper::service::Service<Request<B>> for Gateway
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<StdError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn call(&self, request: Request<B>) -> Self::Future {
        let gateway = self.clone();
        Box::pin(async move { Ok(gateway.call(request).await) })
    }
}

/// Whether the request is a DeleteObjects, whose body has to match a digest in its headers.
fn names_deletions<B>(request: &Request<B>) -> bool {
    request.method() == Method::POST
        && request.uri().query().is_some_and(|query| query.split('&').any(|pair| pair == "delete" || pair.starts_with("delete=")))
}

/// A form whose length is not stated would be gathered in memory before its signature is looked at.
fn is_unmeasured_form(parts: &Parts) -> bool {
    let content_type = parts.headers.get(CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
    let is_form = content_type.to_ascii_lowercase().starts_with(b"multipart/form-data");
    parts.method == Method::POST && is_form && !parts.headers.contains_key(CONTENT_LENGTH)
}

/// Whether the credential in the header names a region that no region can be called. `s3cmd` begins with `US`.
fn signs_for_no_region(parts: &Parts) -> bool {
    let authorization = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let credential = authorization.split_once("Credential=").map_or("", |(_, rest)| rest).split(',').next().unwrap_or_default();
    credential.rsplit('/').nth(2).is_some_and(|region| Region::new(region.into()).is_err())
}

/// A range that cannot be understood is to be ignored (RFC 9110, section 14.2); the protocol layer would refuse it. One
/// that is signed has to stay.
fn drop_unusable_range(parts: &mut Parts) {
    let usable = |range: &HeaderValue| range.to_str().is_ok_and(|range| s3s::dto::Range::parse(range).is_ok());
    if parts.headers.get(RANGE).is_none_or(usable) {
        return;
    }
    let authorization = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let query = parts.uri.query().unwrap_or_default();
    let signed =
        [authorization, query].iter().any(|text| text.split("SignedHeaders=").skip(1).any(|names| names.contains("range")));
    if !signed {
        parts.headers.remove(RANGE);
    }
}

/// Adds the request id to an error's XML and gives back the error's code.
fn complete_error(response: &mut Response<Body>, method: &Method, id: &RequestId, region: &str) -> Option<String> {
    let xml = response.body().bytes()?;
    let xml = std::str::from_utf8(&xml).ok()?;
    let code = xml.split_once("<Code>")?.1.split_once("</Code>")?.0.to_owned();
    if method == Method::HEAD {
        *response.body_mut() = Body::empty();
        return Some(code);
    }
    let (start, end) = xml.rsplit_once("</Error>")?;
    // Clients that do not know the region sign for any, and then again for the one that the refusal names.
    let region = if code == "AuthorizationHeaderMalformed" { format!("<Region>{region}</Region>") } else { String::new() };
    let completed = format!("{start}{region}<RequestId>{}</RequestId></Error>{end}", id.0);
    response.headers_mut().remove(CONTENT_LENGTH);
    *response.body_mut() = Body::from(completed);
    Some(code)
}
