//! The page at `/` and its files, all compiled in: nothing is read from disk and nothing comes from elsewhere.

use crate::access::Caller;
use crate::conditional::Validators;
use crate::error::WebError;
use crate::json::{entity_tag, tagged_json};
use crate::routes::Web;
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;
use std::future::ready;

/// Scripts, styles and requests from this server alone; nothing inline, nobody's frame.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; object-src 'none'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// A file of the page.
#[derive(Clone, Copy)]
struct File {
    path: &'static str,
    content_type: &'static str,
    content: &'static str,
}

const fn script(path: &'static str, content: &'static str) -> File {
    File { path, content_type: SCRIPT, content }
}

const FILES: [File; 15] = [
    File { path: "/", content_type: HTML, content: include_str!("../assets/index.html") },
    File { path: "/assets/style.css", content_type: "text/css; charset=utf-8", content: include_str!("../assets/style.css") },
    File { path: "/assets/icon.svg", content_type: "image/svg+xml", content: include_str!("../assets/icon.svg") },
    script("/assets/app.js", include_str!("../assets/app.js")),
    script("/assets/api.js", include_str!("../assets/api.js")),
    script("/assets/deliveries.js", include_str!("../assets/deliveries.js")),
    script("/assets/detail.js", include_str!("../assets/detail.js")),
    script("/assets/failed.js", include_str!("../assets/failed.js")),
    script("/assets/format.js", include_str!("../assets/format.js")),
    script("/assets/gallery.js", include_str!("../assets/gallery.js")),
    script("/assets/keyed.js", include_str!("../assets/keyed.js")),
    script("/assets/picture.js", include_str!("../assets/picture.js")),
    script("/assets/rows.js", include_str!("../assets/rows.js")),
    script("/assets/thumbhash.js", include_str!("../assets/thumbhash.js")),
    script("/assets/uploads.js", include_str!("../assets/uploads.js")),
];

/// The page and its files, each with where it is.
pub(crate) fn files() -> impl Iterator<Item = (&'static str, MethodRouter<Web>)> {
    FILES.into_iter().map(|file| {
        let etag = entity_tag(file.content.as_bytes());
        (file.path, get(move |headers: HeaderMap| ready(serve(file, &etag, &headers))))
    })
}

fn serve(file: File, etag: &HeaderValue, request: &HeaderMap) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(file.content_type)),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        // Asked for anew each time, so that a new version of the program never meets an old page.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::ETAG, etag.clone()),
    ];
    if Validators::of(etag).is_unchanged(request) {
        (StatusCode::NOT_MODIFIED, headers).into_response()
    } else {
        (headers, file.content).into_response()
    }
}

/// `GET /api/v1/server`: what the page has to know of the server.
pub(crate) async fn server(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let options = &web.options;
    let body = json!({
        "version": options.version,
        "s3_endpoint": options.s3_endpoint,
        "default_bucket": options.default_bucket,
        "upload_prefix": options.upload_prefix,
        "max_upload_bytes": options.max_upload_bytes,
        "may_write": caller == Caller::Known,
    });
    tagged_json(&headers, &body)
}

/// The API in OpenAPI 3.1.
pub(crate) const OPENAPI: &str = include_str!("../assets/openapi.json");

/// `GET /openapi.json`
pub(crate) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")], OPENAPI).into_response()
}
