//! A store in a temporary directory, and short ways to say common things.
#![allow(dead_code, clippy::unwrap_used)]

use bytes::Bytes;
use futures::TryStreamExt as _;
use minilab_embedded::*;
use minilab_model::*;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// A store and its directory, which is checked for damage when the fixture is taken apart by [`Fixture::check`].
pub struct Fixture {
    pub store: Embedded,
    pub faults: Faults,
    pub directory: TempDir,
}

impl Fixture {
    /// A store with the buckets `photos` and `prints` and one rule, `thumb`, for keys in `photos` under `input/`.
    pub async fn new() -> Self {
        Self::with(limits()).await
    }

    pub async fn with(limits: StoreLimits) -> Self {
        Self::within(tempfile::tempdir().unwrap(), limits).await
    }

    /// A store on a file system that forgets, where there is one: for tests of many writes that lose no power.
    pub async fn in_memory() -> Self {
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        Self::within(directory.unwrap(), limits()).await
    }

    async fn within(directory: TempDir, limits: StoreLimits) -> Self {
        let faults = Faults::default();
        let store = Embedded::open_with_faults(options(&directory, limits), faults.clone()).unwrap();
        for name in ["photos", "prints"] {
            assert!(store.create_bucket(&bucket(name)).await.unwrap());
        }
        Self { store, faults, directory }
    }

    /// Closes the store and opens it again.
    pub async fn reopen(self) -> Self {
        let Self { store, directory, faults } = self;
        drop(store);
        let store = Embedded::open_with_faults(options(&directory, limits()), faults.clone()).unwrap();
        Self { store, faults, directory }
    }

    /// Closes the store and expects fsck to find nothing wrong.
    pub async fn check(self) -> FsckReport {
        let Self { store, directory, .. } = self;
        store.close().await;
        let report = fsck(directory.path(), |_| ()).unwrap();
        assert_eq!(report.findings, [], "{report:?}");
        report
    }
}

/// Limits for tests: short bodies go to files, garbage goes at once, parts may be small.
pub fn limits() -> StoreLimits {
    StoreLimits {
        inline_bytes: 1024,
        reserve_fraction: 0.0,
        reserve_bytes: 0,
        blob_grace: Duration::ZERO,
        part_min_bytes: 10,
        ..StoreLimits::default()
    }
}

pub fn options(directory: &TempDir, limits: StoreLimits) -> OpenOptions {
    OpenOptions { data_dir: directory.path().to_owned(), planner: Arc::new(plan), limits }
}

/// One rule, `thumb`.
pub fn plan(event: &Event) -> Vec<Job> {
    if event.bucket.as_str() != "photos" || !event.key.as_str().starts_with("input/") {
        return Vec::new();
    }
    let action = if event.kind.is_created() { Action::Process } else { Action::Remove };
    vec![Job { event: event.clone(), rule: "thumb".to_owned(), action }]
}

pub fn bucket(name: &str) -> BucketName {
    BucketName::new(name).unwrap()
}

/// `bucket/key`
pub fn at(path: &str) -> ObjectRef {
    let (bucket_name, key) = path.split_once('/').unwrap();
    ObjectRef::new(bucket(bucket_name), ObjectKey::new(key).unwrap())
}

pub async fn stage(store: &Embedded, content: &[u8]) -> Result<StagedBody, EmbeddedError> {
    let mut writer = store.write_body(BodyOptions { max_bytes: 1 << 30, checksum: Some(ChecksumAlgorithm::Crc32) });
    for piece in content.chunks(50_000) {
        writer.write(Bytes::copy_from_slice(piece)).await?;
    }
    writer.finish().await
}

pub fn put_of(path: &str, body: StagedBody) -> PutObject {
    PutObject {
        object: at(path),
        body,
        attributes: Attributes::default(),
        precondition: Precondition::default(),
        kind: EventKind::CreatedPut,
        origin: Origin::default(),
    }
}

pub async fn put(store: &Embedded, path: &str, content: &[u8]) -> Result<ObjectInfo, EmbeddedError> {
    let body = stage(store, content).await?;
    store.put_object(put_of(path, body)).await
}

pub async fn get(store: &Embedded, path: &str) -> Result<Vec<u8>, EmbeddedError> {
    let (info, reader) = store.open_object(&at(path)).await?;
    let pieces: Vec<Bytes> = reader.into_stream(0..u64::MAX).try_collect().await.unwrap();
    let content = pieces.concat();
    assert_eq!(info.size_bytes, content.len() as u64);
    Ok(content)
}

pub async fn delete(store: &Embedded, path: &str) -> Result<bool, EmbeddedError> {
    store.delete_object(&at(path), Precondition::default(), Origin::default()).await
}

/// Bytes that differ from place to place and from seed to seed.
pub fn bytes(seed: u32, length: usize) -> Vec<u8> {
    (0..length as u32).map(|place| (place.wrapping_mul(2_654_435_761) ^ seed.wrapping_mul(40_503)).to_be_bytes()[1]).collect()
}

/// A claim of at most `max` jobs of the small lane.
pub fn small(max: usize, lease: Duration) -> ClaimOptions {
    ClaimOptions { lane: Lane::Small, max, lease }
}
