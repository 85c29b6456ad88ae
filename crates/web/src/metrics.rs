use crate::error::WebError;
use crate::routes::Web;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;

/// `GET /metrics`: what the program counts, in Prometheus' text format.
pub(crate) async fn text(State(web): State<Web>) -> Result<Response, WebError> {
    let metrics = web.options.metrics.as_ref().ok_or(WebError::NoRoute)?;
    let headers = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, metrics().await).into_response())
}
