//! What requests that change jobs and notifications have in common.

use crate::error::WebError;
use axum::body::{Body, to_bytes};
use serde::de::DeserializeOwned;

/// The longest body in bytes.
const MAX_BODY_BYTES: usize = 1 << 20;

/// Most numbers in one request.
pub(crate) const MAX_IDS: usize = 10_000;

/// Reads a JSON body.
///
/// # Errors
/// [`WebError::TooLarge`], and [`WebError::BadRequest`] for what is not the JSON expected.
pub(crate) async fn read<T: DeserializeOwned>(body: Body) -> Result<T, WebError> {
    let too_large = WebError::TooLarge { limit_bytes: MAX_BODY_BYTES as u64 };
    // The body ends early only when the client left, who will not read the answer.
    let bytes = to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| too_large)?;
    serde_json::from_slice(&bytes).map_err(|error| WebError::bad_request(format!("the body cannot be understood: {error}")))
}

/// The numbers of a request.
///
/// # Errors
/// [`WebError::BadRequest`] for none and for more than [`MAX_IDS`].
pub(crate) fn ids(ids: Vec<i64>) -> Result<Vec<i64>, WebError> {
    match ids.len() {
        1..=MAX_IDS => Ok(ids),
        0 => Err(WebError::bad_request("`ids` is empty; name at least one")),
        number => Err(WebError::bad_request(format!("`ids` has {number} entries; at most {MAX_IDS} are taken at once"))),
    }
}

/// The number that stands after `prefix` in a request's path.
///
/// # Errors
/// [`WebError::BadRequest`] when it is none.
pub(crate) fn id(path: &str, prefix: &str) -> Result<i64, WebError> {
    let text = path.strip_prefix(prefix).unwrap_or_default();
    text.parse().map_err(|_| WebError::bad_request(format!("`{text}` is no number")))
}
