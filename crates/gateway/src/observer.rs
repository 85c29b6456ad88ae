//! Telling somebody what was answered: for metrics.

use http::StatusCode;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// An answer, when its head is ready; a body may still be streaming.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// The operation's name in S3, one of the protocol's; `-` when the request was not understood so far.
    pub operation: &'a str,
    /// The status.
    pub status: StatusCode,
    /// From the request's head to the answer's.
    pub elapsed: Duration,
}

/// Called with every answer. It must be quick.
#[derive(Clone)]
pub struct AnswerObserver(Arc<dyn Fn(Answered<'_>) + Send + Sync>);

impl AnswerObserver {
    /// An observer that calls `tell`.
    pub fn new(tell: impl Fn(Answered<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    pub(crate) fn tell(&self, answered: Answered<'_>) {
        (self.0)(answered);
    }
}

impl fmt::Debug for AnswerObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerObserver").finish_non_exhaustive()
    }
}
