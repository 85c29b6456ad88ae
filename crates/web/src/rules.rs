use crate::change;
use crate::error::WebError;
use crate::json::tagged_json;
use crate::options::RulesInForce;
use crate::routes::Web;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use minilab_model::Rule;
use serde_json::json;

/// `GET /api/v1/rules`: the rules in force, written as in the configuration.
pub(crate) async fn in_force(State(web): State<Web>, headers: HeaderMap) -> Result<Response, WebError> {
    let ask = web.options.rules.as_ref().ok_or(WebError::NoRoute)?;
    let RulesInForce { rules, fingerprint, loaded_at, last_error } = ask();
    let rules: Vec<&Rule> = rules.iter().collect();
    let body = json!({ "fingerprint": fingerprint, "loaded_at": loaded_at, "last_error": last_error, "rules": rules });
    tagged_json(&headers, &body)
}

/// `GET /api/v1/rules/apply`: how far the rules have been applied to what was there.
pub(crate) async fn applied(State(web): State<Web>, headers: HeaderMap) -> Result<Response, WebError> {
    let apply = web.options.apply.as_ref().ok_or(WebError::NoRoute)?;
    tagged_json(&headers, &(apply.progress)().ok_or(WebError::NothingApplied)?)
}

/// `POST /api/v1/rules/apply`: applies the rules to what is there, or joins what is under way.
pub(crate) async fn apply(State(web): State<Web>, body: Body) -> Result<Response, WebError> {
    let apply = web.options.apply.as_ref().ok_or(WebError::NoRoute)?;
    let progress = (apply.start)(change::read(body).await?).map_err(|message| WebError::Conflict { message })?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(progress)).into_response())
}
