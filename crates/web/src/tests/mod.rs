//! The whole router over a real store in a directory of its own, asked as a client would.

#![allow(clippy::unwrap_used)]

mod access;
mod deliveries;
mod downloads;
mod images;
mod jobs;
mod page;
mod uploads;

use crate::options::{Access, WebOptions};
use crate::routes::router;
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use minilab_embedded::{
    Attributes, BodyOptions, ClaimOptions, Embedded, ObjectInfo, OpenOptions, Origin, Precondition, PutObject, StoreLimits,
};
use minilab_model::{
    Action, BucketName, ColorSpace, Event, EventKind, Format, ImageMetadata, Job, Lane, ObjectKey, ObjectRef, VariantRecord,
};
use minilab_pipeline::{Catalog as _, CatalogWrite, Commit, RecordChange, SourceInfo};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tower::ServiceExt as _;

/// The name that requests are addressed to unless they say otherwise.
const HOST: &str = "localhost:8080";

/// A store with one rule (`prints`, for `input/` of bucket `photos`) and the router over it.
struct Shop {
    store: Embedded,
    router: Router,
    _data_dir: TempDir,
}

/// An answer, read to its end.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> serde_json::Value {
        assert_eq!(self.header(header::CONTENT_TYPE), "application/json");
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The code of a JSON error, whose message names no file of this machine.
    fn error_code(&self) -> String {
        let error = &self.json()["error"];
        assert!(!error["message"].as_str().unwrap().contains("/tmp"), "{error}");
        error["code"].as_str().unwrap().to_owned()
    }
}

fn photos() -> BucketName {
    BucketName::new("photos").unwrap()
}

fn in_photos(key: &str) -> ObjectRef {
    ObjectRef::new(photos(), ObjectKey::new(key).unwrap())
}

fn plan(event: &Event) -> Vec<Job> {
    let action = if event.kind.is_created() { Action::Process } else { Action::Remove };
    let concerned = event.bucket == photos() && event.key.as_str().starts_with("input/");
    let job = Job { event: event.clone(), rule: "prints".to_owned(), action };
    if concerned { vec![job] } else { Vec::new() }
}

/// A request to [`HOST`] without a body.
fn request(method: Method, path: &str) -> Request<Body> {
    Request::builder().method(method).uri(path).header(header::HOST, HOST).body(Body::empty()).unwrap()
}

impl Shop {
    async fn open() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut WebOptions)) -> Self {
        let data_dir = tempfile::tempdir().unwrap();
        // The tests write a few kilobytes; how full the disk is otherwise is not their business.
        let limits = StoreLimits { reserve_fraction: 0.0, reserve_bytes: 0, ..StoreLimits::default() };
        let options = OpenOptions { planner: Arc::new(plan), limits, ..OpenOptions::new(data_dir.path()) };
        let store = Embedded::open(options).unwrap();
        store.create_bucket(&photos()).await.unwrap();
        let mut options = WebOptions::loopback(photos(), "http://127.0.0.1:4569");
        options.upload_prefix = "input/".to_owned();
        change(&mut options);
        Self { router: router(store.clone(), options), store, _data_dir: data_dir }
    }

    async fn with_access(access: Access) -> Self {
        Self::with(|options| options.access = access).await
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let (head, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        Answer { status: head.status, headers: head.headers, body: body.collect().await.unwrap().to_bytes() }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(request(Method::GET, path)).await
    }

    async fn get_with(&self, path: &str, name: header::HeaderName, value: &str) -> Answer {
        let mut request = request(Method::GET, path);
        request.headers_mut().insert(name, value.parse().unwrap());
        self.send(request).await
    }

    /// Puts an object as the S3 gateway would.
    async fn put(&self, object: &ObjectRef, content: &[u8]) -> ObjectInfo {
        // What an object says of itself must not matter.
        self.put_with(object, content, Attributes { content_type: Some("text/html".to_owned()), ..Attributes::default() }).await
    }

    async fn put_with(&self, object: &ObjectRef, content: &[u8], attributes: Attributes) -> ObjectInfo {
        let mut writer = self.store.write_body(BodyOptions { max_bytes: 1 << 30, checksum: None });
        writer.write(Bytes::copy_from_slice(content)).await.unwrap();
        let put = PutObject {
            object: object.clone(),
            body: writer.finish().await.unwrap(),
            attributes,
            precondition: Precondition::default(),
            kind: EventKind::CreatedPut,
            origin: Origin::default(),
        };
        self.store.put_object(put).await.unwrap()
    }

    /// Does the one job that waits, with this outcome.
    async fn work(&self, outcome: impl FnOnce(SourceInfo) -> RecordChange) {
        let leased = self.store.claim(claim(1)).await.unwrap().pop().expect("no job waits");
        let source = leased.job.event.version();
        let info = minilab_pipeline::ObjectStore::head(&self.store, &source).await.unwrap();
        let write = CatalogWrite {
            source,
            rule: leased.job.rule,
            change: outcome(info),
            notifications: Vec::new(),
            lease: Some(leased.lease),
        };
        assert_eq!(self.store.commit(write).await.unwrap(), Commit::Applied);
    }

    /// Does the one job that waits: a JPEG with one variant.
    async fn develop(&self) {
        self.work(|info| RecordChange::Processed {
            info,
            metadata: Box::new(metadata()),
            variants: vec![variant()],
            recipe: String::new(),
        })
        .await;
    }
}

fn metadata() -> ImageMetadata {
    ImageMetadata {
        color_space: ColorSpace::Ycbcr,
        exif: BTreeMap::from([("camera_model".to_owned(), "X-T3".into())]),
        thumbhash: Some("1QcSHQRnh493V4dIh4eXh1h4kJUI".to_owned()),
        ..ImageMetadata::new(Format::Jpeg, 600, 400)
    }
}

fn variant() -> VariantRecord {
    VariantRecord {
        name: "thumb".to_owned(),
        rule: "prints".to_owned(),
        bucket: photos(),
        key: ObjectKey::new("output/a.jpg").unwrap(),
        format: Some(Format::Jpeg),
        width: Some(128),
        height: Some(85),
        size_bytes: 3054,
    }
}

/// A claim of at most `max` jobs.
fn claim(max: usize) -> ClaimOptions {
    ClaimOptions { lane: Lane::Small, max, lease: Duration::from_secs(60) }
}
