use crate::error::WebError;
use crate::options::WebOptions;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use http::Uri;
use minilab_model::BucketName;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Reads a request's query string.
///
/// # Errors
/// [`WebError::BadRequest`] for a value of the wrong kind or given twice.
pub(crate) fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, WebError> {
    let Query(query) =
        Query::try_from_uri(uri).map_err(|rejection: QueryRejection| WebError::bad_request(rejection.body_text()))?;
    Ok(query)
}

/// The query of a route that works on one bucket.
#[derive(Debug, Deserialize)]
pub(crate) struct BucketQuery {
    pub bucket: Option<String>,
}

/// The bucket that is asked for, or the default one.
///
/// # Errors
/// [`WebError::BadRequest`] when no bucket can have that name.
pub(crate) fn bucket(asked: Option<String>, options: &WebOptions) -> Result<BucketName, WebError> {
    asked.map_or_else(
        || Ok(options.default_bucket.clone()),
        |name| BucketName::new(name).map_err(|error| WebError::bad_request(error.to_string())),
    )
}
