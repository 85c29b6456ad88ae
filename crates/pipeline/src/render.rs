//! Where the image work runs: on threads of this process, or in worker processes that can be killed.

use crate::cpu_pool::Admission;
use bytes::Bytes;
use minilab_imaging::{ImageError, RenderOptions, Rendered};
use minilab_model::{FailureCause, Limits, ObjectRef, PixelField, VariantSpec};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// Does the image work of one job.
///
/// # Contract
/// - The admission is held until the work is over, even when the future is dropped before: memory that is still in use
///   must not be given to somebody else.
/// - The work ends within [`DecodeLimits::wall_time`](minilab_model::DecodeLimits::wall_time), or soon after it, with
///   [`FailureCause::Deadline`].
/// - Whatever the bytes do to a decoder costs this one call: the next one is answered as if nothing had happened.
pub trait Renderer: Send + Sync + 'static {
    /// Makes every variant of `source` from one decode.
    ///
    /// # Errors
    /// [`RenderFailure`]; its cause says whether another try can help.
    fn render(
        &self,
        source: Bytes,
        work: RenderWork,
        admission: Admission,
    ) -> impl Future<Output = Result<Rendered, RenderFailure>> + Send;
}

/// What is to be made of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderWork {
    /// The variants that the engine makes; copies are not among them.
    pub variants: Vec<VariantSpec>,
    /// The bounds of the work.
    pub limits: Limits,
    /// Whether GPS coordinates go into the metadata.
    pub record_gps: bool,
    /// What of the pixels goes into the metadata.
    pub describe: Vec<PixelField>,
    /// Whether a damaged file gives what is there.
    pub tolerant: bool,
    /// The files that are laid over, by where they come from. They are too large for JSON, so whoever sends the work to
    /// another process sends them apart.
    #[serde(skip)]
    pub overlays: BTreeMap<ObjectRef, Vec<u8>>,
}

impl RenderWork {
    /// Does the work here and now.
    ///
    /// # Errors
    /// [`ImageError`].
    pub fn render(&self, source: &[u8]) -> Result<Rendered, ImageError> {
        let deadline = Instant::now() + self.limits.decode.wall_time;
        let options = RenderOptions {
            limits: &self.limits,
            record_gps: self.record_gps,
            describe: &self.describe,
            tolerant: self.tolerant,
            overlays: &self.overlays,
            deadline: Some(deadline),
        };
        minilab_imaging::render(source, &self.variants, &options)
    }
}

/// Why image work gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct RenderFailure {
    /// What kind of failure.
    pub cause: FailureCause,
    /// What is wrong, with its chain, one sentence.
    pub message: String,
}

impl From<ImageError> for RenderFailure {
    fn from(error: ImageError) -> Self {
        let cause = match &error {
            ImageError::NotAnImage { .. } => FailureCause::NotAnImage,
            ImageError::Unsupported { .. } => FailureCause::Unsupported,
            ImageError::LimitExceeded { .. } | ImageError::OutputLimitExceeded { .. } => FailureCause::OverLimit,
            ImageError::HeaderIncomplete { .. } | ImageError::Corrupt { .. } => FailureCause::Damaged,
            ImageError::Deadline => FailureCause::Deadline,
            ImageError::Step { .. } => FailureCause::Recipe,
            ImageError::Encode { .. } => FailureCause::Encoding,
            _ => FailureCause::Unknown,
        };
        Self { cause, message: error.to_string() }
    }
}

/// The image work on threads of this process: for platforms whose processes cannot be walled in, and where the machine
/// itself is the wall, as on Lambda. A decoder that loops is not stopped until it looks at its deadline.
#[derive(Debug, Clone, Copy, Default)]
pub struct InProcess;

impl Renderer for InProcess {
    async fn render(&self, source: Bytes, work: RenderWork, admission: Admission) -> Result<Rendered, RenderFailure> {
        let task = tokio::task::spawn_blocking(move || {
            let result = catch_unwind(AssertUnwindSafe(|| work.render(&source)));
            drop(admission);
            result
        });
        let died = |message: String| RenderFailure { cause: FailureCause::WorkerDied, message };
        match task.await {
            Ok(Ok(result)) => result.map_err(RenderFailure::from),
            Ok(Err(panic)) => Err(died(format!("the image work panicked: {}", panic_message(panic.as_ref())))),
            Err(error) => Err(died(format!("the image work did not end: {error}"))),
        }
    }
}

fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
