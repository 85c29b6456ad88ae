//! Who may do what: every request carries a signature by a known key pair; whoever has one may do everything.

use crate::request::RequestLog;
use crate::service::MAX_XML_BYTES;
use http::header::CONTENT_LENGTH;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Result, s3_error};
use std::collections::HashMap;
use std::fmt;

/// A key pair that may sign requests.
#[derive(Clone)]
pub struct Credentials {
    /// The public half, sent with each request.
    pub access_key: String,
    /// The secret half, never sent and never logged.
    pub secret_key: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

/// The key pairs by access key.
pub(crate) struct Keyring(HashMap<String, SecretKey>);

impl Keyring {
    pub(crate) fn new(credentials: Vec<Credentials>) -> Self {
        Self(credentials.into_iter().map(|pair| (pair.access_key, SecretKey::from(pair.secret_key))).collect())
    }
}

#[async_trait::async_trait]
impl S3Auth for Keyring {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        self.0.get(access_key).cloned().ok_or_else(|| s3_error!(InvalidAccessKeyId))
    }
}

/// The operations whose body is content. All others have XML, which is read into memory as a whole.
const STREAMING: [&str; 3] = ["PutObject", "UploadPart", "PostObject"];

/// Refuses anonymous requests and too much XML, and notes for the log which operation a request turned out to be.
pub(crate) struct SignedOnly;

#[async_trait::async_trait]
impl S3Access for SignedOnly {
    async fn check(&self, request: &mut S3AccessContext<'_>) -> S3Result<()> {
        let operation = request.s3_op().name().to_owned();
        if let Some(log) = request.extensions_mut().get::<RequestLog>() {
            log.set_operation(operation);
        }
        if request.credentials().is_none() {
            return Err(s3_error!(AccessDenied, "Anonymous requests are not allowed: sign the request"));
        }
        // The protocol layer has the same limit, but calls its excess an internal error.
        let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if length > Some(MAX_XML_BYTES) && !STREAMING.contains(&request.s3_op().name()) {
            return Err(s3_error!(MaxMessageLengthExceeded));
        }
        Ok(())
    }
}
