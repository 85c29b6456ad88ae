use crate::access::Caller;
use crate::routes::Web;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::{StatusCode, header};
use minilab_embedded::Health;
use serde_json::json;

/// `GET /healthz`: the process runs and answers.
pub(crate) async fn alive() -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(json!({ "status": "alive" }))).into_response()
}

/// `GET /readyz`: whether uploads are taken and processed. The reason why not is for those who may see it.
pub(crate) async fn ready(State(web): State<Web>, Extension(caller): Extension<Caller>) -> Response {
    let health = match web.store.health() {
        Health::Ready => (web.options.readiness)(),
        not_ready => not_ready,
    };
    let (status, body) = match (health, caller) {
        (Health::Ready, _) => (StatusCode::OK, json!({ "status": "ready" })),
        (Health::NotReady { reason }, Caller::Known) => {
            (StatusCode::SERVICE_UNAVAILABLE, json!({ "status": "not_ready", "reason": reason }))
        }
        (Health::NotReady { .. }, Caller::Stranger) => (StatusCode::SERVICE_UNAVAILABLE, json!({ "status": "not_ready" })),
    };
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
