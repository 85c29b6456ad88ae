//! What the server tells at `/metrics`.
//!
//! Some of it is counted here as it happens ([`Counters`]), since the start of this process; the rest is asked of those
//! who know it when somebody looks ([`page`]). Labels are words of the program: there is no label for a key, a client or
//! an address.

mod page;

pub use page::{Sources, page};

use crate::metrics::{Histogram, Labelled};
use minilab_gateway::Answered;
use minilab_model::{Event, Format, Timestamp};
use minilab_pipeline::{Finished, JobError, Stage, StageTimes};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// What is counted while the server runs.
#[derive(Debug, Default)]
pub struct Counters {
    /// By operation and status.
    s3_requests: Labelled<(String, u16), u64>,
    /// By operation.
    s3_times: Labelled<String, Histogram>,
    /// By outcome and cause.
    attempts: Labelled<(&'static str, &'static str), u64>,
    /// By result.
    finished: Labelled<&'static str, u64>,
    /// By stage and format.
    stages: Labelled<(&'static str, &'static str), Histogram>,
    /// From the upload's commit to the job's, by result.
    latencies: Labelled<&'static str, Histogram>,
    read_bytes: AtomicU64,
    made_bytes: AtomicU64,
}

/// How an attempt at a job ended that did not finish it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptEnd {
    /// It will be tried again.
    Retry,
    /// It was the last one.
    DeadLetter,
}

impl Counters {
    /// Counts an answer of the S3 gateway.
    pub fn answered(&self, answered: Answered<'_>) {
        let operation = answered.operation.to_owned();
        self.s3_requests.count((operation.clone(), answered.status.as_u16()));
        self.s3_times.update(operation, || Histogram::new(Histogram::QUICK), |times| times.observe(answered.elapsed));
    }

    /// Counts an attempt that finished its job.
    pub fn finished(&self, event: &Event, finished: Finished, times: &StageTimes) {
        self.times(times);
        let Some(result) = result(finished) else { return };
        self.attempts.count((if finished == Finished::LeaseLost { "lost" } else { "finished" }, ""));
        self.end(event, result);
    }

    /// Counts an attempt that failed.
    pub fn failed(&self, event: &Event, error: &JobError, end: AttemptEnd, times: &StageTimes) {
        self.times(times);
        let outcome = match end {
            AttemptEnd::Retry => "retried",
            AttemptEnd::DeadLetter => "dead",
        };
        self.attempts.count((outcome, error.cause().as_str()));
        if end == AttemptEnd::DeadLetter {
            self.end(event, "failed");
        }
    }

    fn end(&self, event: &Event, result: &'static str) {
        self.finished.count(result);
        let since_upload = Timestamp::from(SystemTime::now()).as_millis() - event.time.as_millis();
        let latency = Duration::from_millis(u64::try_from(since_upload).unwrap_or(0));
        self.latencies.update(result, || Histogram::new(Histogram::PATIENT), |latencies| latencies.observe(latency));
    }

    fn times(&self, times: &StageTimes) {
        self.read_bytes.fetch_add(times.read_bytes, Ordering::Relaxed);
        self.made_bytes.fetch_add(times.made_bytes, Ordering::Relaxed);
        let format = times.format.map_or("unknown", Format::as_str);
        for stage in Stage::ALL {
            let Some(elapsed) = times.elapsed(stage) else { continue };
            let key = (stage.as_str(), format);
            self.stages.update(key, || Histogram::new(Histogram::QUICK), |times| times.observe(elapsed));
        }
    }
}

/// The name of a result; `None` where the job goes on elsewhere.
pub fn result(finished: Finished) -> Option<&'static str> {
    Some(match finished {
        Finished::Processed { .. } => "processed",
        Finished::Skipped => "skipped",
        Finished::Failed => "failed",
        Finished::Removed => "removed",
        Finished::Dropped => "dropped",
        Finished::LeaseLost => "lease_lost",
        Finished::TooLarge { .. } => return None,
    })
}
