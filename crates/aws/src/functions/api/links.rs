//! Links to objects, good for a short while.

use super::answer::ApiError;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::presigning::PresigningConfig;
use minilab_model::{ObjectKey, ObjectRef};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::future::Future;
use std::time::Duration;

/// The types that a browser shows in its window; everything else is saved.
const SHOWN: [&str; 5] = ["image/jpeg", "image/png", "image/gif", "image/webp", "image/avif"];

/// All but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What the receiver of a link is to make of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkOptions {
    /// Whether the link is asked with HEAD: the method is part of the signature.
    pub is_head: bool,
    /// How long it holds.
    pub lifetime: Duration,
    /// The media type that S3 is to state.
    pub content_type: String,
    /// The `Content-Disposition` that S3 is to state.
    pub disposition: String,
}

impl LinkOptions {
    /// An object of this type, stated at upload, is shown when it is a picture and saved when it is anything else, or when that
    /// is asked for.
    pub(super) fn new(object: &ObjectRef, stated: Option<&str>, is_forced: bool, is_head: bool, lifetime: Duration) -> Self {
        let essence = stated.and_then(|stated| stated.split(';').next()).unwrap_or_default().trim().to_ascii_lowercase();
        let is_shown = SHOWN.contains(&essence.as_str());
        let kind = if is_shown && !is_forced { "inline" } else { "attachment" };
        let content_type = if is_shown { essence } else { "application/octet-stream".to_owned() };
        Self { is_head, lifetime, content_type, disposition: format!("{kind}; filename*=UTF-8''{}", file_name(&object.key)) }
    }
}

/// Where objects are looked up and links to them are made.
pub trait Links: Send + Sync + 'static {
    /// The media type that was stated when an object was written; `None` of the outer kind when there is no such object.
    fn stated_type(&self, object: &ObjectRef) -> impl Future<Output = Result<Option<Option<String>>, String>> + Send;

    /// A link to an object.
    fn link(&self, object: &ObjectRef, options: &LinkOptions) -> impl Future<Output = Result<String, String>> + Send;
}

/// Presigned requests to S3.
#[derive(Debug, Clone)]
pub struct S3Links {
    client: Client,
}

impl S3Links {
    /// Links that are signed as this client is.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

impl Links for S3Links {
    async fn stated_type(&self, object: &ObjectRef) -> Result<Option<Option<String>>, String> {
        let head = self.client.head_object().bucket(object.bucket.as_str()).key(object.key.as_str()).send().await;
        match head {
            Ok(head) => Ok(Some(head.content_type)),
            Err(error) => match error.raw_response().map(|response| response.status().as_u16()) {
                // Without the right to list, S3 says 403 of what is not there.
                Some(403..=405) => Ok(None),
                _ => Err(DisplayErrorContext(error).to_string()),
            },
        }
    }

    async fn link(&self, object: &ObjectRef, options: &LinkOptions) -> Result<String, String> {
        let presigning = PresigningConfig::expires_in(options.lifetime).map_err(|error| error.to_string())?;
        let (bucket, key) = (object.bucket.as_str(), object.key.as_str());
        let (content_type, disposition) = (&options.content_type, &options.disposition);
        let signed = if options.is_head {
            let request = self.client.head_object().bucket(bucket).key(key);
            let request = request.response_content_type(content_type).response_content_disposition(disposition);
            request.presigned(presigning).await.map_err(|error| DisplayErrorContext(error).to_string())?
        } else {
            let request = self.client.get_object().bucket(bucket).key(key);
            let request = request.response_content_type(content_type).response_content_disposition(disposition);
            request.presigned(presigning).await.map_err(|error| DisplayErrorContext(error).to_string())?
        };
        Ok(signed.uri().to_owned())
    }
}

impl From<LinkFailure> for ApiError {
    fn from(LinkFailure(reason): LinkFailure) -> Self {
        Self::Objects(reason)
    }
}

/// What S3 said when it did not answer.
pub(super) struct LinkFailure(pub(super) String);

/// The key's last part as an extended parameter (RFC 8187). It names no directory, ends no header, and does not turn the text
/// around with bidirectional controls.
fn file_name(key: &ObjectKey) -> String {
    let turns_text = |c| matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{061C}');
    let is_safe = |c: char| !c.is_control() && !turns_text(c) && !matches!(c, '/' | '\\' | ':');
    let name: String = key.name().chars().map(|c| if is_safe(c) { c } else { '_' }).collect();
    let name = match name.trim_matches(['.', ' ']) {
        "" => "download",
        _ => name.as_str(),
    };
    utf8_percent_encode(name, RESERVED).to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_pictures_are_shown() {
        let check = |key: &str, stated: Option<&str>, forced, content_type: &str, disposition: &str| {
            let object: ObjectRef = format!("photos/{key}").parse().unwrap();
            let options = LinkOptions::new(&object, stated, forced, false, Duration::from_secs(1));
            assert_eq!((options.content_type.as_str(), options.disposition.as_str()), (content_type, disposition));
        };
        check("in/a b.jpg", Some("Image/JPEG; x=y"), false, "image/jpeg", "inline; filename*=UTF-8''a%20b.jpg");
        check("a.jpg", Some("image/jpeg"), true, "image/jpeg", "attachment; filename*=UTF-8''a.jpg");
        for stated in [Some("text/html"), Some("image/svg+xml"), None] {
            check("x\r\n.htm", stated, false, "application/octet-stream", "attachment; filename*=UTF-8''x__.htm");
        }
        check("a/..", None, false, "application/octet-stream", "attachment; filename*=UTF-8''download");
    }
}
