use crate::conditional::Validators;
use crate::error::WebError;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// A JSON answer with an entity tag over its bytes, or 304 when the client holds the same already. So a page can ask
/// every second for what rarely changes.
///
/// # Errors
/// [`WebError::Answer`] when `value` cannot be written as JSON.
pub(crate) fn tagged_json(request: &HeaderMap, value: &impl Serialize) -> Result<Response, WebError> {
    let body = serde_json::to_vec(value)?;
    let etag = entity_tag(&body);
    let unchanged = Validators::of(&etag).is_unchanged(request);
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::ETAG, etag),
    ];
    Ok(if unchanged { (StatusCode::NOT_MODIFIED, headers).into_response() } else { (headers, body).into_response() })
}

/// A strong entity tag: 128 bits of the body's SHA-256 in hex.
pub(crate) fn entity_tag(body: &[u8]) -> HeaderValue {
    let digest: [u8; 32] = Sha256::digest(body).into();
    let head = digest[..16].iter().fold(0, |head, byte| (head << 8) | u128::from(*byte));
    // Two quotes and hex digits are a header value, always; an empty tag would only make the answer uncacheable.
    HeaderValue::try_from(format!("\"{head:032x}\"")).unwrap_or(HeaderValue::from_static(""))
}
