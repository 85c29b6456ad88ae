//! The request body on its way into the protocol layer: a client that stops sending is cut off, and what is left
//! unread after a refusal is drained, so that the client sees the answer and not a reset connection.

use crate::request::BodyDigests;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use s3s::StdError;
use s3s::checksum::ChecksumHasher;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// Nothing of the body arrived for as long as a client may pause.
#[derive(Debug, thiserror::Error)]
#[error("nothing of the request body arrived for {} seconds", .0.as_secs())]
pub(crate) struct BodyIdle(pub(crate) Duration);

/// A body shared between the protocol layer, which reads it, and the service, which drains what was left.
#[derive(Debug)]
pub(crate) struct RequestBody<B>(Arc<Mutex<Reading<B>>>);

#[derive(Debug)]
struct Reading<B> {
    body: B,
    idle: Duration,
    deadline: Pin<Box<Sleep>>,
    waiting: bool,
    begun: bool,
    ended: bool,
    failed: bool,
    hasher: Option<(Hasher, BodyDigests)>,
}

struct Hasher(ChecksumHasher);

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hasher")
    }
}

impl<B> Clone for RequestBody<B> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<B> RequestBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<StdError>,
{
    /// Wraps `body`, which may pause for `idle` at most. With `digests`, all that passes is hashed into them.
    pub(crate) fn new(body: B, idle: Duration, digests: Option<BodyDigests>) -> Self {
        let hasher = digests.map(|digests| {
            let hasher = ChecksumHasher {
                md5: Some(s3s::crypto::Checksum::new()),
                crc32: Some(s3s::crypto::Checksum::new()),
                crc32c: Some(s3s::crypto::Checksum::new()),
                crc64nvme: Some(s3s::crypto::Checksum::new()),
                sha1: Some(s3s::crypto::Checksum::new()),
                sha256: Some(s3s::crypto::Checksum::new()),
                ..ChecksumHasher::default()
            };
            (Hasher(hasher), digests)
        });
        let ended = body.is_end_stream();
        let deadline = Box::pin(sleep(idle));
        Self(Arc::new(Mutex::new(Reading { body, idle, deadline, waiting: false, begun: false, ended, failed: false, hasher })))
    }

    /// Whether anything was asked of the body. A client that expects `100 Continue` sends nothing before.
    pub(crate) fn begun(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).begun
    }

    /// Whether the body was read to its end.
    pub(crate) fn is_finished(&self) -> bool {
        let reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        !reading.failed && (reading.ended || reading.body.is_end_stream())
    }

    /// Reads and drops what is left, up to `limit` bytes.
    pub(crate) async fn drain(&self, limit: u64) {
        let mut left = limit;
        loop {
            let frame = std::future::poll_fn(|cx| self.0.lock().unwrap_or_else(PoisonError::into_inner).poll(cx)).await;
            match frame {
                None | Some(Err(_)) => return,
                Some(Ok(frame)) => match left.checked_sub(frame.data_ref().map_or(0, |data| data.len() as u64)) {
                    Some(rest) => left = rest,
                    None => return,
                },
            }
        }
    }
}

impl<B> Reading<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<StdError>,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        if self.ended || self.failed {
            return Poll::Ready(None);
        }
        self.begun = true;
        let frame = match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                if !std::mem::replace(&mut self.waiting, true) {
                    self.deadline.as_mut().reset(Instant::now() + self.idle);
                }
                ready!(self.deadline.as_mut().poll(cx));
                self.failed = true;
                return Poll::Ready(Some(Err(Box::new(BodyIdle(self.idle)))));
            }
        };
        self.waiting = false;
        match &frame {
            Some(Ok(frame)) => {
                if let (Some((hasher, _)), Some(data)) = (&mut self.hasher, frame.data_ref()) {
                    hasher.0.update(data);
                }
            }
            Some(Err(_)) => self.failed = true,
            None => self.ended = true,
        }
        // A body with a known length may never be asked for the frame after its last.
        if (self.ended || self.body.is_end_stream())
            && !matches!(frame, Some(Err(_)))
            && let Some((hasher, digests)) = self.hasher.take()
        {
            digests.set(hasher.0.finalize());
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }
}

impl<B> Body for RequestBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<StdError>,
{
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).poll(cx)
    }

    fn is_end_stream(&self) -> bool {
        let reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reading.ended || reading.failed || reading.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).body.size_hint()
    }
}
