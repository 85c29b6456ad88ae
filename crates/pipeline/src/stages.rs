//! How long each part of a job took.

use minilab_model::Format;
use std::time::{Duration, Instant};
use tracing::Instrument;

/// A part of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Waiting for memory and for a core.
    Wait,
    /// Reading the source.
    Read,
    /// Decoding, resizing, encoding.
    Render,
    /// Writing the variants.
    Store,
    /// Writing the record, and with it the end of the job.
    Commit,
}

impl Stage {
    /// Every stage, in the order of a job.
    pub const ALL: [Self; 5] = [Self::Wait, Self::Read, Self::Render, Self::Store, Self::Commit];

    /// The name in metrics, logs and traces.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Read => "read",
            Self::Render => "render",
            Self::Store => "store",
            Self::Commit => "commit",
        }
    }
}

/// What one run of a job spent where, whether it succeeded or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StageTimes {
    /// The source's format, once its header was read.
    pub format: Option<Format>,
    /// Bytes of the source that were read.
    pub read_bytes: u64,
    /// Bytes of the variants that were made.
    pub made_bytes: u64,
    elapsed: [Option<Duration>; Stage::ALL.len()],
}

impl StageTimes {
    /// How long a stage took; `None` when the job did not come to it. A stage that is entered more than once counts
    /// together.
    #[must_use]
    pub fn elapsed(&self, stage: Stage) -> Option<Duration> {
        self.elapsed[stage as usize]
    }

    /// Carries out a part of a stage, in a span of its name, and adds the time it takes.
    pub(crate) async fn time<F: Future>(&mut self, stage: Stage, work: F) -> F::Output {
        let began = Instant::now();
        let done = work.instrument(tracing::info_span!("stage", name = stage.as_str())).await;
        let elapsed = &mut self.elapsed[stage as usize];
        *elapsed = Some(elapsed.unwrap_or_default() + began.elapsed());
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stage_counts_once_it_was_entered() {
        let mut times = StageTimes::default();
        assert_eq!(times.time(Stage::Read, async { 7 }).await, 7);
        let first = times.elapsed(Stage::Read);
        times.time(Stage::Read, tokio::task::yield_now()).await;
        assert!(first.is_some() && times.elapsed(Stage::Read) > first);
        assert_eq!(times.elapsed(Stage::Wait), None);
    }
}
