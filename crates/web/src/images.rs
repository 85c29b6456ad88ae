use crate::error::WebError;
use crate::json::tagged_json;
use crate::object_key::object_key;
use crate::query::{BucketQuery, bucket, query};
use crate::routes::Web;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Uri};
use minilab_embedded::{Embedded, EmbeddedError, JobFilter, JobState, ObjectInfo};
use minilab_model::{Action, BucketName, Event, ImageRecord, ImageState, Job, ObjectKey, ObjectRef, Sequencer, Timestamp};
use minilab_pipeline::Catalog as _;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Images in one answer unless `limit` says otherwise, and at most.
const LIMIT: (usize, usize) = (60, 200);

/// `GET /images/{key}`: what is known of one source image.
pub(crate) async fn one(State(web): State<Web>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    let source = ObjectRef::new(bucket(query::<BucketQuery>(&uri)?.bucket, &web.options)?, object_key(uri.path(), "/images/")?);
    match find(&web.store, &source).await? {
        Some(record) => tagged_json(&headers, &record),
        None => Err(WebError::NoImage(source)),
    }
}

/// What is known of a source image: its record, or, while a newer version of it waits to be processed, that it is
/// pending. `None` when no rule has matched it.
///
/// # Errors
/// [`WebError::Store`] or [`WebError::Catalog`] when it cannot be read.
pub(crate) async fn find(store: &Embedded, source: &ObjectRef) -> Result<Option<ImageRecord>, WebError> {
    // The job is asked for first: one that ends in between has written its record by the time that is read.
    let pending = store.pending_job(source).await?;
    let record = store.image(source).await?;
    let Some(event) = pending else { return Ok(record) };
    match record {
        Some(record) if record.sequencer > event.sequencer => Ok(Some(record)),
        Some(mut record) if record.sequencer == event.sequencer => {
            mark_unfinished(&mut record);
            Ok(Some(record))
        }
        older => match store.object(source).await {
            Ok(info) if info.sequencer == event.sequencer => Ok(Some(pending_record(&event, info))),
            // The job is about a version that is no more; it will end without a trace.
            Ok(_) | Err(EmbeddedError::NoSuchKey(_) | EmbeddedError::NoSuchBucket(_)) => Ok(older),
            Err(error) => Err(error.into()),
        },
    }
}

/// A further rule still works on this version. A failure stays to be seen.
fn mark_unfinished(record: &mut ImageRecord) {
    if record.state == ImageState::Processed {
        record.state = ImageState::Pending;
    }
}

fn pending_record(event: &Event, info: ObjectInfo) -> ImageRecord {
    ImageRecord {
        bucket: event.bucket.clone(),
        key: event.key.clone(),
        sequencer: event.sequencer,
        state: ImageState::Pending,
        content_type: info.attributes.content_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
        metadata: None,
        size_bytes: event.size_bytes,
        etag: event.etag.clone(),
        // Of a multipart object it is known only once it has been processed.
        sha256: info.sha256.map(hex::encode).unwrap_or_default(),
        created_at: event.time,
        variants: Vec::new(),
        failures: Vec::new(),
    }
}

#[derive(Debug, Deserialize)]
struct NewestQuery {
    bucket: Option<String>,
    limit: Option<usize>,
}

#[derive(Debug, Serialize)]
struct Newest {
    bucket: BucketName,
    images: Vec<Listed>,
}

/// An image in a list.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Listed {
    Recorded(Box<ImageRecord>),
    Pending(PendingImage),
}

/// What the event alone says of an image that waits to be processed. The names are those of [`ImageRecord`].
#[derive(Debug, Serialize)]
struct PendingImage {
    #[serde(flatten)]
    object: ObjectRef,
    sequencer: Sequencer,
    state: ImageState,
    size_bytes: u64,
    etag: String,
    created_at: Timestamp,
    variants: [(); 0],
}

impl Listed {
    fn sequencer(&self) -> Sequencer {
        match self {
            Self::Recorded(record) => record.sequencer,
            Self::Pending(pending) => pending.sequencer,
        }
    }
}

/// `GET /api/v1/images`: the newest images of a bucket, those that still wait included.
pub(crate) async fn newest(State(web): State<Web>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    let NewestQuery { bucket: asked, limit } = query(&uri)?;
    let bucket = bucket(asked, &web.options)?;
    web.store.bucket(&bucket).await?;
    let limit = limit.unwrap_or(LIMIT.0).clamp(1, LIMIT.1);
    // Jobs first, for the same reason as in `find`.
    let waiting = waiting_in(&web.store, &bucket, limit).await?;
    let recorded = web.store.recent_images(&bucket, limit).await?;
    let images = with_waiting(recorded, waiting, limit);
    tagged_json(&headers, &Newest { bucket, images })
}

/// The events of sources in `bucket` that wait for a rule, at most `max` jobs of each state, newest version of each key.
async fn waiting_in(store: &Embedded, bucket: &BucketName, max: usize) -> Result<HashMap<ObjectKey, Event>, WebError> {
    let mut events: HashMap<ObjectKey, Event> = HashMap::new();
    for state in [JobState::Leased, JobState::Ready, JobState::Waiting] {
        for info in store.jobs(JobFilter { state: Some(state), bucket: Some(bucket.clone()), max, ..JobFilter::default() }).await? {
            let Job { event, action, .. } = info.job;
            if action != Action::Process || event.bucket != *bucket {
                continue;
            }
            match events.entry(event.key.clone()) {
                Entry::Occupied(mut known) if known.get().sequencer < event.sequencer => drop(known.insert(event)),
                Entry::Occupied(_) => {}
                Entry::Vacant(free) => drop(free.insert(event)),
            }
        }
    }
    Ok(events)
}

/// Records and waiting events as one list, newest first, each key once.
fn with_waiting(recorded: Vec<ImageRecord>, mut waiting: HashMap<ObjectKey, Event>, limit: usize) -> Vec<Listed> {
    let mut images: Vec<Listed> = Vec::with_capacity(recorded.len() + waiting.len());
    for mut record in recorded {
        match waiting.remove(&record.key) {
            Some(event) if event.sequencer > record.sequencer => images.push(pending_image(event)),
            Some(event) if event.sequencer == record.sequencer => {
                mark_unfinished(&mut record);
                images.push(Listed::Recorded(Box::new(record)));
            }
            _ => images.push(Listed::Recorded(Box::new(record))),
        }
    }
    images.extend(waiting.into_values().map(pending_image));
    images.sort_by_key(|image| Reverse(image.sequencer()));
    images.truncate(limit);
    images
}

fn pending_image(event: Event) -> Listed {
    Listed::Pending(PendingImage {
        object: event.object(),
        sequencer: event.sequencer,
        state: ImageState::Pending,
        size_bytes: event.size_bytes,
        etag: event.etag,
        created_at: event.time,
        variants: [],
    })
}
