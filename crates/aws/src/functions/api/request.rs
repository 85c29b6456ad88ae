//! A request as API Gateway's HTTP APIs and function URLs hand it over: payload format 2.0.

use super::answer::ApiError;
use minilab_model::{BucketName, ObjectKey};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};

/// What is used of the payload.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payload {
    raw_path: Option<String>,
    // What there is none of is absent, empty or null, by who hands it over.
    raw_query_string: Option<String>,
    headers: Option<HashMap<String, Option<String>>>,
    request_context: RequestContext,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    http: HttpContext,
    stage: Option<String>,
    domain_name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct HttpContext {
    method: String,
    path: Option<String>,
}

/// A request.
#[derive(Debug)]
pub(super) struct Request {
    /// `GET`, `HEAD`, …
    pub(super) method: String,
    /// The path without the stage's name.
    path: String,
    /// HTTP APIs decode the path before they hand it over, function URLs do not; neither says so.
    is_decoded: bool,
    query: BTreeMap<String, String>,
    headers: HashMap<String, String>,
}

impl Request {
    /// Reads a payload.
    ///
    /// # Errors
    /// [`ApiError::BadRequest`] for a query that names something twice, or is no text.
    pub(super) fn new(payload: Payload) -> Result<Self, ApiError> {
        let context = payload.request_context;
        let raw_path = payload.raw_path.or(context.http.path).unwrap_or_default();
        let path = match context.stage.as_deref() {
            None | Some("$default" | "") => raw_path,
            Some(stage) => {
                let rest = raw_path.strip_prefix('/').and_then(|path| path.strip_prefix(stage));
                match rest {
                    Some("") => "/".to_owned(),
                    Some(rest) if rest.starts_with('/') => rest.to_owned(),
                    _ => raw_path,
                }
            }
        };
        let host = context.domain_name.unwrap_or_default();
        let is_function_url = host.contains(".lambda-url.") || host.starts_with("localhost") || host.is_empty();
        Ok(Self {
            method: context.http.method,
            path,
            is_decoded: !is_function_url,
            query: query(&payload.raw_query_string.unwrap_or_default())?,
            headers: payload.headers.unwrap_or_default().into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
        })
    }

    /// The path.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// A parameter of the query.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// A header, by its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.get(name).or_else(|| {
            let named = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            named.map(|(_, value)| value)
        });
        found.map(String::as_str)
    }

    /// The object's key, which stands after `prefix` in the path. It is decoded exactly once, wherever that happens, and
    /// never normalised: a key is text and no path.
    ///
    /// # Errors
    /// [`ApiError::BadRequest`] for a broken escape, for bytes that are not UTF-8, and for a key that is empty or too long.
    pub(super) fn object_key(&self, prefix: &str) -> Result<ObjectKey, ApiError> {
        let raw = self.path.strip_prefix(prefix).unwrap_or_default();
        let text = if self.is_decoded {
            raw.to_owned()
        } else {
            if !escapes_are_whole(raw) {
                let message = "the key holds a `%` that no two hex digits follow; a literal percent sign is written %25";
                return Err(ApiError::bad_request(message));
            }
            let decoded = percent_decode_str(raw).decode_utf8();
            decoded.map_err(|_| ApiError::bad_request("the key is not UTF-8 once percent-decoded"))?.into_owned()
        };
        ObjectKey::new(text).map_err(|error| ApiError::bad_request(error.to_string()))
    }

    /// The bucket that is asked for, or the default one.
    ///
    /// # Errors
    /// [`ApiError::BadRequest`] when no bucket can have that name.
    pub(super) fn bucket(&self, default: &BucketName) -> Result<BucketName, ApiError> {
        self.parameter("bucket").map_or_else(
            || Ok(default.clone()),
            |name| BucketName::new(name).map_err(|error| ApiError::bad_request(error.to_string())),
        )
    }
}

/// Reads a query string, in which a space may be a `+`.
fn query(raw: &str) -> Result<BTreeMap<String, String>, ApiError> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        let decoded = percent_decode_str(&spaced).decode_utf8();
        decoded.map(std::borrow::Cow::into_owned).map_err(|_| ApiError::bad_request("the query is not UTF-8 once percent-decoded"))
    };
    let mut found = BTreeMap::new();
    for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name)?;
        if found.insert(name.clone(), decode(value)?).is_some() {
            return Err(ApiError::bad_request(format!("the query names `{name}` twice")));
        }
    }
    Ok(found)
}

fn escapes_are_whole(text: &str) -> bool {
    let is_hex = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    let bytes = text.as_bytes();
    let mut escapes = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%');
    escapes.all(|(index, _)| is_hex(bytes.get(index + 1)) && is_hex(bytes.get(index + 2)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(host: &str, stage: &str, path: &str, query: &str) -> Result<Request, ApiError> {
        let payload = json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query,
            "headers": {"accept": "*/*"}, "isBase64Encoded": false,
            "requestContext": {"accountId": "1", "apiId": "a", "domainName": host, "stage": stage, "timeEpoch": 1,
                "http": {"method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "x"}}
        });
        Request::new(serde_json::from_value(payload).unwrap())
    }

    #[test]
    fn keys_are_decoded_once_wherever_they_come_through() {
        let check = |host: &str, path: &str, expected: &str| {
            let key = request(host, "$default", path, "").unwrap().object_key("/images/").unwrap();
            assert_eq!(key.as_str(), expected, "{host} {path}");
        };
        let (gateway, function) = ("a1.execute-api.eu-central-1.amazonaws.com", "a1.lambda-url.eu-central-1.on.aws");
        check(function, "/images/in/a%20b+c%2Fd%2525.jpg", "in/a b+c/d%25.jpg");
        check(gateway, "/images/in/a b+c/d%25.jpg", "in/a b+c/d%25.jpg");
        check("images.example.com", "/images/100%.jpg", "100%.jpg");
        check(function, "/images/../../etc/passwd", "../../etc/passwd");
        for broken in ["/images/", "/images/%", "/images/%2", "/images/%zz", "/images/%ff"] {
            assert!(request(function, "$default", broken, "").unwrap().object_key("/images/").is_err(), "{broken}");
        }
    }

    #[test]
    fn the_stage_is_no_part_of_the_path() {
        let path = |stage: &str, path: &str| request("h", stage, path, "").unwrap().path().to_owned();
        assert_eq!(path("prod", "/prod/images/a"), "/images/a");
        assert_eq!(path("prod", "/prod"), "/");
        assert_eq!(path("prod", "/production/a"), "/production/a");
        assert_eq!(path("$default", "/images/a"), "/images/a");
    }

    #[test]
    fn what_there_is_none_of_may_be_null() {
        let payload = json!({"version": "2.0", "rawPath": "/infoimages", "rawQueryString": null, "headers": {"accept": null},
            "requestContext": {"http": {"method": "GET", "path": "/infoimages"}, "stage": null, "domainName": null}});
        let request = Request::new(serde_json::from_value(payload).unwrap()).unwrap();
        assert_eq!((request.path(), request.header("accept"), request.parameter("bucket")), ("/infoimages", None, None));
    }

    #[test]
    fn queries_are_forms() {
        let request_with = |query| request("h", "$default", "/", query);
        assert_eq!(request_with("prefix=in%2F+a&x").unwrap().parameter("prefix"), Some("in/ a"));
        assert!(request_with("bucket=a&bucket=b").is_err());
        let bucket = request_with("bucket=NO").unwrap().bucket(&BucketName::new("photos").unwrap());
        assert!(bucket.is_err());
    }
}
