//! The line of an image, for each way in which work on it can end.

use crate::functions::log::Line;
use crate::metrics;
use minilab_model::{Event, Format, Job};
use minilab_pipeline::{Finished, JobError, Stage, StageTimes};
use std::time::Duration;

/// What every line of a delivery says.
pub(super) struct Report {
    pub(super) tier: String,
    pub(super) delivery: u32,
    pub(super) trace: Option<String>,
}

/// How long a job took, and where.
#[derive(Default)]
pub(super) struct Ended {
    pub(super) took: Duration,
    pub(super) times: StageTimes,
}

impl Report {
    pub(super) fn finished(&self, job: &Job, finished: Finished, ended: &Ended) {
        let (outcome, variants) = match finished {
            Finished::Processed { variants } => ("processed", Some(variants)),
            Finished::Skipped => ("skipped", None),
            Finished::Removed => ("removed", None),
            Finished::Failed => ("failed", None),
            Finished::Dropped | Finished::LeaseLost | Finished::TooLarge { .. } => ("superseded", None),
        };
        let line = self.job(job, outcome, ended).with("variants", variants);
        let line = if variants.is_some() { line.count(metrics::PROCESSED) } else { line };
        line.measure(metrics::DURATION, ended.took).print();
    }

    pub(super) fn failed(&self, job: &Job, error: &JobError, ended: &Ended) {
        self.error(job, "failed", error, ended).count(metrics::FAILED).measure(metrics::DURATION, ended.took).print();
    }

    pub(super) fn retried(&self, job: &Job, error: &JobError, ended: &Ended) {
        self.error(job, "retried", error, ended).count(metrics::RETRIED).measure(metrics::DURATION, ended.took).print();
    }

    pub(super) fn handed_on(&self, job: &Job, tier: &str, estimated_bytes: u64) {
        let line = self.event(&job.event, "handed_on").with("rule", &job.rule);
        line.with("to_tier", tier).with("estimated_bytes", estimated_bytes).print();
    }

    pub(super) fn nothing(&self, event: &Event, outcome: &'static str) {
        self.event(event, outcome).print();
    }

    pub(super) fn malformed(&self, error: &str) {
        self.line("malformed").with("error", error).count(metrics::FAILED).print();
    }

    pub(super) fn message_again(&self, message: &str, reason: &str) {
        self.line("again").with("message", message).with("error", reason).print();
    }

    fn error(&self, job: &Job, outcome: &'static str, error: &JobError, ended: &Ended) -> Line {
        self.job(job, outcome, ended).with("cause", error.cause().as_str()).with("error", error.chain())
    }

    fn job(&self, job: &Job, outcome: &'static str, ended: &Ended) -> Line {
        let times = &ended.times;
        let line = self.event(&job.event, outcome).with("rule", &job.rule).with("format", times.format.map(Format::as_str));
        let made = Some(times.made_bytes).filter(|bytes| *bytes > 0);
        let line = line.with("source_bytes", job.event.size_bytes).with("made_bytes", made).with_time("ms", Some(ended.took));
        let stages = [
            ("wait_ms", Stage::Wait),
            ("read_ms", Stage::Read),
            ("render_ms", Stage::Render),
            ("store_ms", Stage::Store),
            ("commit_ms", Stage::Commit),
        ];
        stages.into_iter().fold(line, |line, (name, stage)| line.with_time(name, times.elapsed(stage)))
    }

    fn event(&self, event: &Event, outcome: &'static str) -> Line {
        let line = self.line(outcome).with("bucket", event.bucket.as_str()).with("key", event.key.as_str());
        line.with("sequencer", event.sequencer).with("request", event.request_id.as_deref())
    }

    fn line(&self, outcome: &'static str) -> Line {
        let line = Line::new("process").of_tier(&self.tier).with("outcome", outcome);
        line.with("delivery", self.delivery).with("trace", self.trace.as_deref())
    }
}
