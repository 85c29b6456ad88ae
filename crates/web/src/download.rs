use crate::byte_range::{Wanted, wanted};
use crate::conditional::Validators;
use crate::content::{Disposition, SNIFF_BYTES, content_disposition, raster_format};
use crate::error::WebError;
use crate::object_key::object_key;
use crate::query::{bucket, query};
use crate::routes::Web;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use minilab_model::{Format, ObjectRef};
use serde::Deserialize;

/// Bytes that anybody may have put there get no rights in this origin. Styles are allowed for the little page that a
/// browser makes around an image opened by itself.
const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox");

#[derive(Debug, Deserialize)]
struct DownloadQuery {
    bucket: Option<String>,
    download: Option<String>,
}

/// `GET /downloadimages/{key}`: the bytes of any object, source or variant.
///
/// The type is what the bytes begin as; what was stated at upload plays no part. `?download=1` makes the browser save
/// instead of show.
pub(crate) async fn object(State(web): State<Web>, method: Method, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    let DownloadQuery { bucket: asked, download } = query(&uri)?;
    let object = ObjectRef::new(bucket(asked, &web.options)?, object_key(uri.path(), "/downloadimages/")?);
    let (info, body) = web.store.open_object(&object).await?;

    let etag = format!("\"{}\"", info.etag);
    let modified_at = info.modified_at.as_system_time();
    let validators = Validators { etag: &etag, modified_at: Some(modified_at) };
    let mut answer = HeaderMap::new();
    answer.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    answer.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    insert_text(&mut answer, header::ETAG, &etag);
    insert_text(&mut answer, header::LAST_MODIFIED, &httpdate::fmt_http_date(modified_at));
    if validators.is_unchanged(&headers) {
        return Ok((StatusCode::NOT_MODIFIED, answer).into_response());
    }

    let start = body.read(0..SNIFF_BYTES.min(info.size_bytes)).await?;
    let format = raster_format(&start);
    let forced = download.is_some_and(|value| !matches!(value.as_str(), "0" | "false"));
    let disposition = if format.is_none() || forced { Disposition::Attachment } else { Disposition::Inline };
    insert_text(&mut answer, header::CONTENT_TYPE, format.map_or("application/octet-stream", Format::content_type));
    insert_text(&mut answer, header::CONTENT_DISPOSITION, &content_disposition(disposition, &object.key));

    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok()).filter(|_| validators.allows_range(&headers));
    let (status, range) = match wanted(range, info.size_bytes) {
        Wanted::Whole => (StatusCode::OK, 0..info.size_bytes),
        Wanted::Part(range) => {
            let text = format!("bytes {}-{}/{}", range.start, range.end - 1, info.size_bytes);
            insert_text(&mut answer, header::CONTENT_RANGE, &text);
            (StatusCode::PARTIAL_CONTENT, range)
        }
        Wanted::Unsatisfiable => {
            insert_text(&mut answer, header::CONTENT_RANGE, &format!("bytes */{}", info.size_bytes));
            answer.remove(header::CONTENT_DISPOSITION);
            answer.remove(header::CONTENT_TYPE);
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, answer).into_response());
        }
    };
    answer.insert(header::CONTENT_LENGTH, HeaderValue::from(range.end - range.start));
    let body = if method == Method::HEAD { Body::empty() } else { Body::from_stream(body.into_stream(range)) };
    Ok((status, answer, body).into_response())
}

/// Adds a header whose text was made here; text that is no header value is left out.
fn insert_text(headers: &mut HeaderMap, name: header::HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}
