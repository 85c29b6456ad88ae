use crate::api::{Deliveries, DeliveryDetail, DeliveryRequest, DeliverySummary};
use crate::change::{self, MAX_IDS};
use crate::error::WebError;
use crate::jobs::changed;
use crate::json::tagged_json;
use crate::query::query;
use crate::routes::Web;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Uri};
use minilab_embedded::{DeliveryFilter, DeliverySelection, DeliveryState};
use serde::Deserialize;

/// Notifications in one answer unless `limit` says otherwise, and at most.
const LIMIT: (usize, usize) = (50, 500);

/// The query of `GET /api/v1/notifications`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeliveriesQuery {
    state: Option<DeliveryState>,
    target: Option<String>,
    message_id: Option<String>,
    after: Option<i64>,
    limit: Option<usize>,
}

/// `GET /api/v1/notifications`: what was told and is to be told, the newest first.
pub(crate) async fn list(State(web): State<Web>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    let DeliveriesQuery { state, target, message_id, after, limit } = query(&uri)?;
    let limit = limit.unwrap_or(LIMIT.0).clamp(1, LIMIT.1);
    // One more than is shown, to know whether there are more.
    let filter = DeliveryFilter { state, target_id: target, message_id, after, max: limit + 1 };
    let mut found = web.store.deliveries(filter).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().map(|info| info.id).filter(|_| more);
    let notifications = found.into_iter().map(DeliverySummary::from).collect();
    tagged_json(&headers, &Deliveries { notifications, next })
}

/// `GET /api/v1/notifications/{id}`: everything about one notification.
pub(crate) async fn one(State(web): State<Web>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    let id = change::id(uri.path(), "/api/v1/notifications/")?;
    let info = web.store.delivery(id).await?.ok_or(WebError::NoNotification(id))?;
    tagged_json(&headers, &DeliveryDetail::from(info))
}

/// `POST /api/v1/notifications/redeliver`: has notifications told again, now.
pub(crate) async fn redeliver(State(web): State<Web>, body: Body) -> Result<Response, WebError> {
    let selection = match change::read(body).await? {
        DeliveryRequest { ids: Some(ids), target: None, all: false } => DeliverySelection::Ids(change::ids(ids)?),
        DeliveryRequest { ids: None, target: Some(target), all: false } => DeliverySelection::DeadOf(target),
        DeliveryRequest { ids: None, target: None, all: true } => DeliverySelection::AllDead,
        _ => {
            return Err(WebError::bad_request(format!(
                "say which notifications are meant in one of three ways: `\"ids\": [17, 18]` (at most {MAX_IDS}), \
                 `\"target\": \"…\"` for all that were given up for one target, or `\"all\": true` for all that were given up"
            )));
        }
    };
    Ok(changed(web.store.redeliver(selection).await?))
}
