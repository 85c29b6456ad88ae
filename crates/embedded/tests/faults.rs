//! Each step of the commit protocol fails once: nothing is half-visible, and the store goes on or says why not.
#![allow(clippy::unwrap_used)]

mod support;

use futures::FutureExt as _;
use minilab_embedded::*;
use minilab_model::*;
use rustix::io::Errno;
use std::sync::Arc;
use support::*;

const IO: i32 = Errno::IO.raw_os_error();
const FULL: i32 = Errno::NOSPC.raw_os_error();

/// Overwrites an object while `point` fails with `errno`, and expects the old one to be there after it. Gives the error.
async fn overwrite_fails(fixture: &Fixture, point: FaultPoint, errno: i32) -> EmbeddedError {
    put(&fixture.store, "photos/input/a", &bytes(1, 5000)).await.unwrap();
    let before = fixture.store.object(&at("photos/input/a")).await.unwrap();
    // The store's own writes are done now, so that the failure meets ours.
    fixture.store.collect_garbage().await;
    fixture.faults.arm(point, errno);
    let error = put(&fixture.store, "photos/input/a", &bytes(2, 6000)).await.unwrap_err();
    assert_eq!(fixture.store.object(&at("photos/input/a")).await.unwrap(), before);
    assert_eq!(get(&fixture.store, "photos/input/a").await.unwrap(), bytes(1, 5000));
    assert_eq!(fixture.store.queue_counts().await.unwrap().ready, 1);
    error
}

async fn goes_on(fixture: Fixture) {
    assert_eq!(fixture.store.health(), Health::Ready);
    put(&fixture.store, "photos/input/a", &bytes(3, 7000)).await.unwrap();
    assert_eq!(get(&fixture.store, "photos/input/a").await.unwrap(), bytes(3, 7000));
    fixture.store.collect_garbage().await;
    assert_eq!(fixture.check().await.blobs, 1);
}

async fn has_stopped(fixture: Fixture, error: EmbeddedError) {
    assert!(matches!(error, EmbeddedError::Stopped { .. }), "{error}");
    let Health::NotReady { reason } = fixture.store.health() else { panic!("the store says that it is ready") };
    assert!(reason.contains("fsync") || reason.contains("commit"), "{reason}");
    for path in ["photos/b", "photos/input/a"] {
        assert!(matches!(put(&fixture.store, path, b"later").await, Err(EmbeddedError::Stopped { .. })));
    }
    assert!(matches!(fixture.store.claim(small(1, std::time::Duration::ZERO)).await, Err(EmbeddedError::Stopped { .. })));
    let fixture = fixture.reopen().await;
    assert_eq!(get(&fixture.store, "photos/input/a").await.unwrap(), bytes(1, 5000));
    goes_on(fixture).await;
}

#[tokio::test]
async fn a_failed_write_of_a_blob_fails_one_upload() {
    let fixture = Fixture::new().await;
    let error = overwrite_fails(&fixture, FaultPoint::BlobWrite, IO).await;
    assert!(matches!(error, EmbeddedError::Io { .. }), "{error}");
    goes_on(fixture).await;
}

#[tokio::test]
async fn a_full_disk_fails_one_upload() {
    for point in [FaultPoint::BlobWrite, FaultPoint::BlobSync, FaultPoint::DirectorySync, FaultPoint::Commit] {
        let fixture = Fixture::new().await;
        let error = overwrite_fails(&fixture, point, FULL).await;
        assert!(matches!(error, EmbeddedError::DiskFull { .. }), "{point:?}: {error}");
        goes_on(fixture).await;
    }
}

#[tokio::test]
async fn a_failed_sync_stops_the_store() {
    for point in [FaultPoint::BlobSync, FaultPoint::DirectorySync, FaultPoint::Commit] {
        let fixture = Fixture::new().await;
        let error = overwrite_fails(&fixture, point, IO).await;
        has_stopped(fixture, error).await;
    }
}

#[tokio::test]
async fn below_the_reserve_only_what_needs_no_room_is_done() {
    let fixture = Fixture::new().await;
    put(&fixture.store, "photos/a", b"x").await.unwrap();
    put(&fixture.store, "photos/b", b"x").await.unwrap();
    let Fixture { store, directory, .. } = fixture;
    drop(store);
    let store = Embedded::open(options(&directory, StoreLimits { reserve_fraction: 2.0, ..limits() })).unwrap();
    let Health::NotReady { reason } = store.health() else { panic!("the store says that it is ready") };
    assert!(reason.contains("kept in reserve"), "{reason}");
    assert!(matches!(put(&store, "photos/c", b"x").await, Err(EmbeddedError::DiskFull { .. })));
    assert!(matches!(store.create_bucket(&bucket("more")).await, Err(EmbeddedError::DiskFull { .. })));
    let upload = store.create_upload(&at("photos/c"), Attributes::default(), None).await;
    assert!(matches!(upload, Err(EmbeddedError::DiskFull { .. })));
    assert_eq!(get(&store, "photos/a").await.unwrap(), b"x");
    assert!(delete(&store, "photos/a").await.unwrap());
}

#[tokio::test]
async fn a_panic_answers_those_who_wait_and_stops_the_store() {
    let fixture = Fixture::new().await;
    fixture.store.set_planner(Arc::new(|event: &Event| match event.key.as_str() {
        "input/bad" => panic!("no plan"),
        _ => Vec::new(),
    }));
    let puts = ["a", "input/bad", "b", "c"].map(|key| {
        let store = fixture.store.clone();
        tokio::spawn(async move { put(&store, &format!("photos/{key}"), &bytes(1, 3000)).await })
    });
    let mut acknowledged = Vec::new();
    for (key, put) in ["a", "input/bad", "b", "c"].into_iter().zip(puts) {
        match put.await.unwrap() {
            Ok(_) => acknowledged.push(key),
            Err(EmbeddedError::Stopped { reason }) => assert!(reason.contains("no plan"), "{reason}"),
            Err(error) => panic!("{error}"),
        }
    }
    assert!(!acknowledged.contains(&"input/bad"));
    let fixture = fixture.reopen().await;
    let listed = fixture.store.list_objects(ListQuery {
        bucket: bucket("photos"),
        prefix: String::new(),
        delimiter: None,
        after: None,
        max: 10,
    });
    let listed: Vec<_> = listed.await.unwrap().entries.into_iter().map(|info| info.object.key).collect();
    assert_eq!(listed.iter().map(ObjectKey::as_str).collect::<Vec<_>>(), acknowledged);
    fixture.store.collect_garbage().await;
    assert_eq!(fixture.check().await.blobs, acknowledged.len() as u64);
}

#[tokio::test]
async fn a_commit_runs_to_its_end_when_nobody_waits() {
    let fixture = Fixture::new().await;
    let body = stage(&fixture.store, &bytes(1, 5000)).await.unwrap();
    // The planner holds the commit up until the request is gone.
    let (go_on, told) = std::sync::mpsc::channel::<()>();
    let told = std::sync::Mutex::new(told);
    fixture.store.set_planner(Arc::new(move |_: &Event| {
        let _ = told.lock().unwrap().recv();
        Vec::new()
    }));
    let request = put_of("photos/a", body);
    assert!(fixture.store.put_object(request).now_or_never().is_none());
    drop(go_on);
    // The writer takes commands in order.
    put(&fixture.store, "photos/b", b"x").await.unwrap();
    assert_eq!(get(&fixture.store, "photos/a").await.unwrap(), bytes(1, 5000));
    fixture.check().await;
}

#[tokio::test]
async fn too_many_waiting_writes_are_refused() {
    let fixture = Fixture::with(StoreLimits { queue_depth: 4, batch: 1, ..limits() }).await;
    let (enter, entered) = tokio::sync::mpsc::unbounded_channel();
    let (leave, left) = std::sync::mpsc::channel::<()>();
    let left = std::sync::Mutex::new(left);
    fixture.store.set_planner(Arc::new(move |_: &Event| {
        let _ = enter.send(());
        let _ = left.lock().unwrap().recv();
        Vec::new()
    }));
    let mut entered = entered;
    let running = tokio::spawn({
        let store = fixture.store.clone();
        async move { put(&store, "photos/a", b"x").await }
    });
    entered.recv().await.unwrap();
    // One is being written; four may wait, of which one may be the store's own; the others are refused at once.
    let keys: Vec<String> = (0..9).map(|number| format!("photos/{number}")).collect();
    let mut waiting = Vec::new();
    let mut refused = 0;
    for key in &keys {
        let mut one = Box::pin(put(&fixture.store, key, b"x"));
        match one.as_mut().now_or_never() {
            None => waiting.push(one),
            Some(Err(EmbeddedError::Busy)) => refused += 1,
            Some(answer) => panic!("{answer:?}"),
        }
    }
    assert!((5..=6).contains(&refused), "{} wait", waiting.len());
    drop(leave);
    running.await.unwrap().unwrap();
    for one in waiting {
        one.await.unwrap();
    }
    fixture.check().await;
}
