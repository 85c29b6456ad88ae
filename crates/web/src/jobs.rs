use crate::api::{Changed, JobCriteria, JobDetail, JobRequest, JobSummary, Jobs};
use crate::change::{self, MAX_IDS};
use crate::error::WebError;
use crate::json::tagged_json;
use crate::query::query;
use crate::routes::Web;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Uri, header};
use minilab_embedded::{JobFilter, JobMatch, JobSelection, JobState};
use minilab_model::{BucketName, FailureCause};
use serde::Deserialize;

/// Jobs in one answer unless `limit` says otherwise, and at most.
const LIMIT: (usize, usize) = (50, 500);

/// The query of `GET /api/v1/jobs`. A misspelt name is refused: it would list other jobs than were meant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct JobsQuery {
    state: Option<JobState>,
    cause: Option<String>,
    bucket: Option<String>,
    prefix: Option<String>,
    rule: Option<String>,
    after: Option<i64>,
    limit: Option<usize>,
}

/// `GET /api/v1/jobs`: jobs in the order in which they came.
pub(crate) async fn list(State(web): State<Web>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    let asked: JobsQuery = query(&uri)?;
    let limit = asked.limit.unwrap_or(LIMIT.0).clamp(1, LIMIT.1);
    let filter = JobFilter {
        state: asked.state,
        cause: asked.cause.map(|name| name.parse::<FailureCause>().map_err(WebError::bad_request)).transpose()?,
        bucket: bucket(asked.bucket)?,
        prefix: asked.prefix,
        rule: asked.rule,
        after: asked.after,
        // One more than is shown, to know whether there are more.
        max: limit + 1,
    };
    let mut found = web.store.jobs(filter).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().map(|info| info.id).filter(|_| more);
    tagged_json(&headers, &Jobs { jobs: found.into_iter().map(JobSummary::from).collect(), next })
}

/// `GET /api/v1/jobs/{id}`: everything about one job.
pub(crate) async fn one(State(web): State<Web>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    let id = change::id(uri.path(), "/api/v1/jobs/")?;
    let info = web.store.job(id).await?.ok_or(WebError::NoJob(id))?;
    tagged_json(&headers, &JobDetail::from(info))
}

/// `POST /api/v1/jobs/retry`: makes dead letters and waiting jobs ready now, with all their attempts before them.
pub(crate) async fn retry(State(web): State<Web>, body: Body) -> Result<Response, WebError> {
    let count = web.store.retry_jobs(selection(change::read(body).await?)?).await?;
    Ok(changed(count))
}

/// `POST /api/v1/jobs/discard`: forgets jobs. Their images stay.
pub(crate) async fn discard(State(web): State<Web>, body: Body) -> Result<Response, WebError> {
    let count = web.store.discard_jobs(selection(change::read(body).await?)?).await?;
    Ok(changed(count))
}

/// An answer that tells how many were changed.
pub(crate) fn changed(count: u64) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(Changed { count })).into_response()
}

/// What a request selects.
fn selection(mut request: JobRequest) -> Result<JobSelection, WebError> {
    if let Some(criteria) = &mut request.matching {
        // Every key begins with nothing: that is no criterion.
        criteria.prefix.take_if(|prefix| prefix.is_empty());
    }
    match request {
        JobRequest { ids: Some(ids), matching: None, all: false } => Ok(JobSelection::Ids(change::ids(ids)?)),
        JobRequest { ids: None, matching: Some(criteria), all } if all == (criteria == JobCriteria::default()) => {
            matching(criteria)
        }
        JobRequest { ids: None, matching: None, all: true } => matching(JobCriteria::default()),
        JobRequest { ids: None, matching: Some(_), all: false } => {
            Err(WebError::bad_request("`matching` is empty; to mean every dead letter, say `\"all\": true`"))
        }
        _ => Err(WebError::bad_request(format!(
            "say which jobs are meant in one of three ways: `\"ids\": [17, 18]` (at most {MAX_IDS}), `\"matching\": {{…}}` with \
             state, cause, bucket, prefix or rule, or `\"all\": true` for every dead letter"
        ))),
    }
}

fn matching(criteria: JobCriteria) -> Result<JobSelection, WebError> {
    let JobCriteria { state, cause, bucket: name, prefix, rule } = criteria;
    let state = Some(state.unwrap_or(JobState::Dead));
    Ok(JobSelection::Matching(JobMatch { state, cause, bucket: bucket(name)?, prefix, rule }))
}

fn bucket(name: Option<String>) -> Result<Option<BucketName>, WebError> {
    name.map(|name| BucketName::new(name).map_err(|error| WebError::bad_request(error.to_string()))).transpose()
}
