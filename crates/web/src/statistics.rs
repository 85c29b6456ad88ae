use crate::error::WebError;
use crate::json::tagged_json;
use crate::query::{BucketQuery, bucket, query};
use crate::routes::Web;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Uri};
use minilab_pipeline::Catalog as _;
use serde_json::json;

/// `GET /infoimages`: the totals over a bucket's images.
pub(crate) async fn collection(State(web): State<Web>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    let bucket = bucket(query::<BucketQuery>(&uri)?.bucket, &web.options)?;
    // A bucket that is not there is a mistake to be told, not a collection of nothing.
    web.store.bucket(&bucket).await?;
    tagged_json(&headers, &web.store.statistics(&bucket).await?)
}

/// `GET /api/v1/queue`: how much work there is, over all buckets.
pub(crate) async fn queue(State(web): State<Web>, headers: HeaderMap) -> Result<Response, WebError> {
    let counts = web.store.queue_counts().await?;
    let body = json!({ "ready": counts.ready, "leased": counts.leased, "waiting": counts.waiting, "dead": counts.dead });
    tagged_json(&headers, &body)
}
