//! One call of a function, as far as the work needs to know: how long there is, and what it belongs to.

use std::time::{Duration, Instant};

/// What is kept back of a call's time to record what was not done, and to answer.
pub const CLOSING: Duration = Duration::from_secs(4);
/// Work is not begun with less time than this.
const LEAST: Duration = Duration::from_secs(3);

/// One call of a function.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// When Lambda ends it.
    pub deadline: Instant,
    /// X-Ray's trace header, when there is one.
    pub trace: Option<String>,
}

impl Invocation {
    /// When work must be over.
    #[must_use]
    pub fn work_until(&self) -> Instant {
        self.deadline.checked_sub(CLOSING).unwrap_or(self.deadline)
    }

    /// Whether there is time to begin something.
    #[must_use]
    pub fn has_time(&self) -> bool {
        self.work_until().saturating_duration_since(Instant::now()) >= LEAST
    }
}
