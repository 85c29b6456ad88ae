use crate::access::{Admission, Guard, admit};
use crate::error::WebError;
use crate::options::WebOptions;
use crate::{deliveries, download, health, images, jobs, metrics, page, rules, statistics, upload};
use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post, put};
use http::{HeaderName, HeaderValue, header};
use minilab_embedded::Embedded;
use std::sync::Arc;

/// What the handlers work with.
#[derive(Clone)]
pub(crate) struct Web {
    pub store: Embedded,
    pub options: Arc<WebOptions>,
}

/// A route: where it is, what it asks of a caller, who answers.
pub(crate) struct Route {
    pub path: &'static str,
    pub admission: Admission,
    handler: MethodRouter<Web>,
}

/// Every route there is.
pub(crate) fn table() -> Vec<Route> {
    use Admission::{Change, Open, Read, Upload, Write};
    let route = |path, admission, handler| Route { path, admission, handler };
    let mut table = vec![
        route("/healthz", Open, get(health::alive)),
        route("/readyz", Open, get(health::ready)),
        route("/images/{*key}", Read, get(images::one)),
        route("/downloadimages/{*key}", Read, get(download::object)),
        route("/infoimages", Read, get(statistics::collection)),
        route("/metrics", Read, get(metrics::text)),
        route("/openapi.json", Read, get(page::openapi)),
        route("/api/v1/server", Read, get(page::server)),
        route("/api/v1/images", Read, get(images::newest)),
        route("/api/v1/queue", Read, get(statistics::queue)),
        route("/api/v1/jobs", Write, get(jobs::list)),
        route("/api/v1/jobs/{id}", Write, get(jobs::one)),
        route("/api/v1/jobs/retry", Change, post(jobs::retry)),
        route("/api/v1/jobs/discard", Change, post(jobs::discard)),
        route("/api/v1/notifications", Write, get(deliveries::list)),
        route("/api/v1/notifications/{id}", Write, get(deliveries::one)),
        route("/api/v1/notifications/redeliver", Change, post(deliveries::redeliver)),
        route("/api/v1/rules", Write, get(rules::in_force)),
        route("/api/v1/rules/apply", Write, get(rules::applied)),
        route("/api/v1/rules/apply", Change, post(rules::apply)),
        route("/api/v1/objects/{*key}", Write, get(upload::inspect)),
        route("/api/v1/objects/{*key}", Upload, put(upload::object)),
    ];
    table.extend(page::files().map(|(path, handler)| route(path, Read, handler)));
    table
}

/// Answers everything on the web listener: the three image routes, health, the API under `/api/v1/` and the page.
pub fn router(store: Embedded, options: WebOptions) -> Router {
    let guard = Guard::new(&options.access);
    let mut router = Router::new();
    for Route { path, admission, handler } in table() {
        router = router.route(path, handler.layer(from_fn_with_state((guard.clone(), admission), admit)));
    }
    router
        .method_not_allowed_fallback(async || WebError::Method)
        .fallback(async || WebError::NoRoute)
        .with_state(Web { store, options: Arc::new(options) })
        .layer(from_fn(secure))
}

/// All header names and values together, in bytes.
const MAX_HEADER_BYTES: usize = 16 << 10;

/// What holds for every answer: nothing is sniffed, framed, referred to, or embedded by another site.
const SECURITY_HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-site")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
];

/// Refuses overlong headers, and adds [`SECURITY_HEADERS`] where a handler has not set a stricter or wider one itself.
async fn secure(request: Request, next: Next) -> Response {
    let header_bytes: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let mut response = if header_bytes > MAX_HEADER_BYTES {
        WebError::Headers { limit_bytes: MAX_HEADER_BYTES }.into_response()
    } else {
        next.run(request).await
    };
    for (name, value) in SECURITY_HEADERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}
