//! The image work of one job: header read, cost admitted, one decode, every variant made.

use crate::cpu_pool::CpuPool;
use crate::error::JobError;
use crate::render::{RenderFailure, RenderWork, Renderer};
use crate::stages::{Stage, StageTimes};
use crate::store::{ObjectStore, SourceInfo};
use bytes::Bytes;
use minilab_imaging::{Header, ImageError, Output, Rendered};
use minilab_model::{HeaderFacts, ImageMetadata, Lane, Limits, ObjectRef, Rule, SourceVersion, VariantSpec};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Bytes read to find the header, before the work is admitted. Nearly every file has its header there, and many photos
/// are there whole, so that they are read once.
const HEADER_BYTES: u64 = 1 << 20;

/// Largest file that is laid over images.
const OVERLAY_BYTES: u64 = 10 << 20;

/// What the image work gave.
#[derive(Debug)]
pub struct Processed {
    /// What the bytes say.
    pub metadata: ImageMetadata,
    /// SHA-256 of the source in hex, when the store had not said it.
    pub sha256: Option<String>,
    /// The rendered variants, in the order of the rule; copies are not among them.
    pub outputs: Vec<Output>,
    /// What was odd about the file but did not stop the work.
    pub warnings: Vec<String>,
}

/// How far the image work came.
#[derive(Debug)]
pub enum Progress {
    /// To the end.
    Done(Box<Processed>),
    /// The rule does not want content of this type.
    Unwanted,
    /// Nowhere: the work is estimated to take more memory than the small lane has.
    TooLarge {
        /// How much, in bytes.
        estimated_bytes: u64,
    },
}

/// Where and within what bounds the image work is done.
pub(crate) struct Workplace<'a, R> {
    pub(crate) pool: &'a CpuPool,
    pub(crate) renderer: &'a R,
    pub(crate) limits: &'a Limits,
    pub(crate) lane: Lane,
}

/// Reads the source and renders the rule's variants in one decode.
///
/// The source is not read beyond its header until its estimated cost fits into the pool's budget.
///
/// # Errors
/// [`JobError::Image`] when the image is refused, [`JobError::Store`] when it cannot be read.
pub(crate) async fn process<S: ObjectStore, R: Renderer>(
    store: &S,
    place: &Workplace<'_, R>,
    rule: &Rule,
    version: &SourceVersion,
    info: &SourceInfo,
    times: &mut StageTimes,
) -> Result<Progress, JobError> {
    let refused = |error: RenderFailure, facts: Option<HeaderFacts>| JobError::Image {
        source_object: version.object.clone(),
        error,
        facts: facts.map(Box::new),
    };
    let limits = place.limits;
    let head = times.time(Stage::Read, store.read(version, 0..info.size_bytes.min(HEADER_BYTES))).await?;
    times.read_bytes += head.len() as u64;
    times.format = minilab_imaging::sniff(&head);
    if !rule.accepts_content(content_type(&head)) {
        return Ok(Progress::Unwanted);
    }
    let limit = limits.decode.source_bytes;
    if info.size_bytes > limit {
        let error = ImageError::LimitExceeded { what: "source bytes", actual: info.size_bytes, limit };
        return Err(refused(error.into(), None));
    }
    let variants = rendered_specs(rule);
    let estimate = |header: &Header| minilab_imaging::estimate(header, info.size_bytes, &variants, limits);
    let mut header = match minilab_imaging::read_header(&head, &limits.decode) {
        Ok(header) => Some(header),
        // The header goes on past what was read. The rest is fetched first; its size is all that is known.
        Err(ImageError::HeaderIncomplete { .. }) if info.size_bytes > HEADER_BYTES => None,
        Err(error) => return Err(refused(error.into(), None)),
    };
    let mut estimated_bytes = header.as_ref().map_or(info.size_bytes, estimate);
    let too_large = |estimated_bytes| place.lane == Lane::Small && estimated_bytes > limits.lanes.small_bytes;
    if too_large(estimated_bytes) {
        return Ok(Progress::TooLarge { estimated_bytes });
    }
    let mut admission = times.time(Stage::Wait, place.pool.admit(place.lane, estimated_bytes)).await;
    let bytes = read_rest(store, version, info, head, times).await?;
    if header.is_none() {
        let found = minilab_imaging::read_header(&bytes, &limits.decode).map_err(|error| refused(error.into(), None))?;
        estimated_bytes = estimate(&found);
        if too_large(estimated_bytes) {
            return Ok(Progress::TooLarge { estimated_bytes });
        }
        drop(admission);
        admission = times.time(Stage::Wait, place.pool.admit(place.lane, estimated_bytes)).await;
        header = Some(found);
    }
    let facts = header.map(|header| facts(&header, estimated_bytes));
    times.time(Stage::Wait, place.pool.start(&mut admission)).await;
    let sha256 = match info.sha256.is_empty() {
        true => Some(times.time(Stage::Read, hash(bytes.clone())).await),
        false => None,
    };
    let overlays = times.time(Stage::Read, overlays(store, &variants)).await?;
    let work = RenderWork {
        variants,
        limits: *limits,
        record_gps: rule.record_gps,
        describe: rule.describe.clone(),
        tolerant: rule.tolerant,
        overlays,
    };
    match times.time(Stage::Render, place.renderer.render(bytes, work, admission)).await {
        Ok(Rendered { metadata, outputs, warnings }) => {
            times.made_bytes += outputs.iter().map(|output| output.bytes.len() as u64).sum::<u64>();
            Ok(Progress::Done(Box::new(Processed { metadata, sha256, outputs, warnings })))
        }
        Err(error) => Err(refused(error, facts)),
    }
}

/// The media type of the content that begins like this.
fn content_type(head: &[u8]) -> &'static str {
    minilab_imaging::sniff(head).map_or("application/octet-stream", |format| format.content_type())
}

fn facts(header: &Header, estimated_bytes: u64) -> HeaderFacts {
    HeaderFacts { format: header.format, width: header.width, height: header.height, estimated_bytes }
}

async fn read_rest<S: ObjectStore>(
    store: &S,
    version: &SourceVersion,
    info: &SourceInfo,
    head: Bytes,
    times: &mut StageTimes,
) -> Result<Bytes, JobError> {
    if head.len() as u64 == info.size_bytes {
        return Ok(head);
    }
    drop(head);
    let bytes = times.time(Stage::Read, store.read(version, 0..info.size_bytes)).await?;
    times.read_bytes += bytes.len() as u64;
    Ok(bytes)
}

/// SHA-256 in hex. Short work is done here: a thread of its own would cost more.
async fn hash(bytes: Bytes) -> String {
    let hash = |bytes: &[u8]| hex::encode(Sha256::digest(bytes));
    if bytes.len() <= HEADER_BYTES as usize {
        return hash(&bytes);
    }
    // A thread that cannot be had or that died has given nothing; the hash is then made where the job is.
    let kept = bytes.clone();
    tokio::task::spawn_blocking(move || hash(&bytes)).await.unwrap_or_else(|_| hash(&kept))
}

/// The files that the variants lay over. What is missing or too large is left out; the engine names it in its refusal.
async fn overlays<S: ObjectStore>(store: &S, variants: &[VariantSpec]) -> Result<BTreeMap<ObjectRef, Vec<u8>>, JobError> {
    let mut found = BTreeMap::new();
    for overlay in variants.iter().flat_map(VariantSpec::overlays) {
        if found.contains_key(overlay) {
            continue;
        }
        if let Some(bytes) = store.read_current(overlay, OVERLAY_BYTES).await? {
            found.insert(overlay.clone(), bytes.to_vec());
        }
    }
    Ok(found)
}

/// The variants that the engine makes; the others are copied by the store.
fn rendered_specs(rule: &Rule) -> Vec<VariantSpec> {
    rule.variants.iter().filter(|variant| !variant.is_copy()).cloned().collect()
}
