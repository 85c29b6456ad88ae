//! The beginning of a source, as it is now.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata as _};
use bytes::Bytes;
use minilab_model::{Event, ObjectRef, Provenance};
use std::future::Future;

/// How an object begins.
#[derive(Debug, Clone)]
pub struct Start {
    /// The first bytes.
    pub bytes: Bytes,
    /// Length of the whole object in bytes.
    pub size_bytes: u64,
    /// Whether it carries our provenance.
    pub is_variant: bool,
}

/// Why the beginning of a source could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It cannot be read: it is gone, empty, or not ours to read.
    #[error("{object} cannot be read: {code}")]
    Refused {
        /// The source.
        object: ObjectRef,
        /// S3's code.
        code: String,
    },
    /// It may be read another time.
    #[error("{object} cannot be read now: {reason}")]
    Unavailable {
        /// The source.
        object: ObjectRef,
        /// What went wrong.
        reason: String,
    },
}

/// Where sources are read from.
pub trait Sources: Send + Sync + 'static {
    /// At most `max_bytes` of the beginning of an event's source. Which version it is plays no part: where there is a newer
    /// one, this event is superseded.
    ///
    /// # Errors
    /// [`SourceError`].
    fn start(&self, event: &Event, max_bytes: u64) -> impl Future<Output = Result<Start, SourceError>> + Send;
}

/// Sources on S3.
#[derive(Debug, Clone)]
pub struct S3Sources {
    client: Client,
}

impl S3Sources {
    /// Sources that this client reads.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

impl Sources for S3Sources {
    async fn start(&self, event: &Event, max_bytes: u64) -> Result<Start, SourceError> {
        let range = format!("bytes=0-{}", max_bytes.max(1) - 1);
        let request = self.client.get_object().bucket(event.bucket.as_str()).key(event.key.as_str()).range(range);
        let unavailable = |reason: String| SourceError::Unavailable { object: event.object(), reason };
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => {
                let status = error.raw_response().map(|response| response.status().as_u16());
                return Err(match status {
                    Some(status @ 400..=499) if status != 408 && status != 429 => {
                        let code = error.code().map_or_else(|| format!("status {status}"), str::to_owned);
                        SourceError::Refused { object: event.object(), code }
                    }
                    _ => unavailable(DisplayErrorContext(error).to_string()),
                });
            }
        };
        // `bytes 0-65535/1234567`; a server that knows no ranges sends all, and its length is the whole.
        let total = answer.content_range().and_then(|range| range.rsplit('/').next()).and_then(|total| total.parse().ok());
        let size_bytes = total.or_else(|| answer.content_length().and_then(|length| u64::try_from(length).ok()));
        let is_variant = answer.metadata().is_some_and(|metadata| Provenance::is_marked(metadata.keys().map(String::as_str)));
        let mut body = answer.body;
        let mut bytes = Vec::new();
        // Whatever the server sends, no more is taken than was asked for.
        while (bytes.len() as u64) < max_bytes {
            match body.try_next().await {
                Ok(Some(part)) => {
                    let room = usize::try_from(max_bytes).unwrap_or(usize::MAX).saturating_sub(bytes.len());
                    bytes.extend_from_slice(part.get(..room).unwrap_or(&part));
                }
                Ok(None) => break,
                Err(error) => return Err(unavailable(error.to_string())),
            }
        }
        let size_bytes = size_bytes.unwrap_or(bytes.len() as u64);
        Ok(Start { bytes: bytes.into(), size_bytes, is_variant })
    }
}
