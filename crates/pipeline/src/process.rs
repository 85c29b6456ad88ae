//! The image work of one job: header read, cost admitted, one decode, every variant made.

use crate::cpu_pool::CpuPool;
use crate::error::JobError;
use crate::store::{ObjectStore, SourceInfo};
use bytes::Bytes;
use minilab_imaging::{ImageError, Output, RenderOptions, Rendered};
use minilab_model::{ImageMetadata, Limits, Rule, SourceVersion, VariantSpec};
use std::sync::Arc;
use std::time::Instant;

/// Bytes read to find the header, before the work is admitted. Nearly every file has its header there, and many photos
/// are there whole, so that they are read once.
const HEADER_BYTES: u64 = 1 << 20;

/// What the image work gave.
#[derive(Debug)]
pub struct Processed {
    /// What the bytes say.
    pub metadata: ImageMetadata,
    /// The rendered variants, in the order of the rule; copies are not among them.
    pub outputs: Vec<Output>,
    /// What was odd about the file but did not stop the work.
    pub warnings: Vec<String>,
}

/// Reads the source and renders the rule's variants in one decode.
///
/// The source is not read beyond its header until its estimated cost fits into the pool's budget.
///
/// # Errors
/// [`JobError::Image`] when the image is refused, [`JobError::Store`] when it cannot be read, [`JobError::Panicked`].
pub async fn process<S: ObjectStore>(
    store: &S,
    pool: &CpuPool,
    limits: &Limits,
    rule: &Arc<Rule>,
    version: &SourceVersion,
    info: &SourceInfo,
) -> Result<Processed, JobError> {
    let refused = |error| JobError::Image { source_object: version.object.clone(), error };
    let limit = limits.decode.source_bytes;
    if info.size_bytes > limit {
        return Err(refused(ImageError::LimitExceeded { what: "source bytes", actual: info.size_bytes, limit }));
    }
    let head = store.read(version, 0..info.size_bytes.min(HEADER_BYTES)).await?;
    let estimated_bytes = match minilab_imaging::read_header(&head, &limits.decode) {
        Ok(header) => minilab_imaging::estimate(&header, info.size_bytes, &rendered_specs(rule)),
        // The header goes on past what was read. The rest is fetched first; its size is all that is known.
        Err(ImageError::HeaderIncomplete { .. }) if info.size_bytes > HEADER_BYTES => info.size_bytes,
        Err(error) => return Err(refused(error)),
    };
    let mut admission = pool.admit(estimated_bytes).await;
    let bytes = read_rest(store, version, info, head).await?;
    if estimated_bytes == info.size_bytes {
        let header = minilab_imaging::read_header(&bytes, &limits.decode).map_err(refused)?;
        drop(admission);
        admission = pool.admit(minilab_imaging::estimate(&header, info.size_bytes, &rendered_specs(rule))).await;
    }
    let (rule, limits) = (Arc::clone(rule), *limits);
    let rendered = pool.run(admission, move || render(&bytes, &rule, &limits)).await;
    match rendered {
        Ok(Ok(Rendered { metadata, outputs, warnings })) => Ok(Processed { metadata, outputs, warnings }),
        Ok(Err(error)) => Err(refused(error)),
        Err(panicked) => Err(JobError::Panicked { source_object: version.object.clone(), message: panicked.0 }),
    }
}

async fn read_rest<S: ObjectStore>(store: &S, version: &SourceVersion, info: &SourceInfo, head: Bytes) -> Result<Bytes, JobError> {
    if head.len() as u64 == info.size_bytes {
        return Ok(head);
    }
    drop(head);
    Ok(store.read(version, 0..info.size_bytes).await?)
}

fn render(bytes: &[u8], rule: &Rule, limits: &Limits) -> Result<Rendered, ImageError> {
    let deadline = Instant::now() + limits.decode.wall_time;
    let options = RenderOptions { limits, record_gps: rule.record_gps, deadline: Some(deadline) };
    minilab_imaging::render(bytes, &rendered_specs(rule), &options)
}

/// The variants that the engine makes; the others are copied by the store.
fn rendered_specs(rule: &Rule) -> Vec<VariantSpec> {
    rule.variants.iter().filter(|variant| !variant.is_copy()).cloned().collect()
}
