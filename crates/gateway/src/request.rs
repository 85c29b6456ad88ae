//! What belongs to one request from its arrival to its answer: the id, the operation's name, the digests of a body.

use minilab_embedded::Origin;
use s3s::S3Request;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The id of a request (`x-amz-request-id`): 16 upper-case hex digits, random.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) Arc<str>);

impl RequestId {
    pub(crate) fn random() -> Self {
        let mut bytes = [0; 8];
        // An id only has to be unlikely to repeat; without a random source the clock will do.
        if getrandom::fill(&mut bytes).is_err() {
            let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            bytes = (since_epoch.as_nanos() as u64).to_be_bytes();
        }
        Self(hex::encode_upper(bytes).into())
    }
}

/// Where a write comes from: the id of a request that came through the gateway's service, and who signed it.
pub(crate) fn origin<T>(request: &S3Request<T>) -> Origin {
    Origin {
        request_id: request.extensions.get::<RequestId>().map(|id| id.0.to_string()),
        requester: request.credentials.as_ref().map(|credentials| credentials.access_key.clone()),
    }
}

/// What the log line of a request needs and only the inside of the protocol layer knows.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestLog(Arc<OnceLock<String>>);

impl RequestLog {
    /// The first call counts.
    pub(crate) fn set_operation(&self, name: String) {
        let _ = self.0.set(name);
    }

    pub(crate) fn operation(&self) -> &str {
        self.0.get().map_or("-", String::as_str)
    }
}

/// Digests of a whole request body as it came, for operations whose body the protocol layer parses before the
/// handler could hash it. Empty until the body was read to its end.
#[derive(Debug, Clone, Default)]
pub(crate) struct BodyDigests(Arc<Mutex<Option<s3s::dto::Checksum>>>);

impl BodyDigests {
    pub(crate) fn set(&self, digests: s3s::dto::Checksum) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(digests);
    }

    pub(crate) fn get(&self) -> Option<s3s::dto::Checksum> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
