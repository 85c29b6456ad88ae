//! Variants, as the flow writes them and as clients see and touch them.
#![allow(clippy::unwrap_used)]

mod support;

use minilab_embedded::*;
use minilab_model::*;
use minilab_pipeline::{NewVariant, ObjectStore as _, SourceState, StoreError, VariantBody};
use std::time::Duration;
use support::*;

fn variant(source: &ObjectRef, rule: &str, path: &str, body: VariantBody) -> NewVariant {
    NewVariant {
        destination: at(path),
        body,
        content_type: "image/jpeg".to_owned(),
        provenance: Provenance { source: source.clone(), rule: rule.to_owned(), recipe: "00ff".to_owned() },
    }
}

async fn source(store: &Embedded, path: &str, content: &[u8]) -> SourceVersion {
    let info = put(store, path, content).await.unwrap();
    SourceVersion { object: info.object, sequencer: info.sequencer }
}

async fn replace(store: &Embedded, source: &SourceVersion, rule: &str, path: &str, content: &[u8]) -> Result<(), StoreError> {
    let body = VariantBody::Bytes(content.to_vec().into());
    store.replace_variants(source, SourceState::Present, rule, vec![variant(&source.object, rule, path, body)]).await
}

#[tokio::test]
async fn a_job_that_runs_again_changes_nothing() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let version = source(store, "photos/a", b"source").await;
    replace(store, &version, "r", "prints/a", &bytes(1, 5000)).await.unwrap();
    let first = store.object(&at("prints/a")).await.unwrap();
    assert!(first.provenance);
    replace(store, &version, "r", "prints/a", &bytes(1, 5000)).await.unwrap();
    assert_eq!(store.object(&at("prints/a")).await.unwrap(), first);
    replace(store, &version, "r", "prints/a", &bytes(2, 5000)).await.unwrap();
    assert!(store.object(&at("prints/a")).await.unwrap().sequencer > first.sequencer);
    store.collect_garbage().await;
    assert_eq!(fixture.check().await.blobs, 1);
}

#[tokio::test]
async fn variants_outlive_a_restart_with_the_write_that_follows() {
    let fixture = Fixture::new().await;
    let version = source(&fixture.store, "photos/a", b"source").await;
    replace(&fixture.store, &version, "r", "prints/a", &bytes(1, 5000)).await.unwrap();
    put(&fixture.store, "photos/b", b"x").await.unwrap();
    let fixture = fixture.reopen().await;
    assert_eq!(get(&fixture.store, "prints/a").await.unwrap(), bytes(1, 5000));
    fixture.check().await;
}

#[tokio::test]
async fn a_copy_shares_the_source_and_outlives_it() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let version = source(store, "photos/a", &bytes(1, 5000)).await;
    let copy = variant(&version.object, "r", "prints/a", VariantBody::CopyOfSource);
    store.replace_variants(&version, SourceState::Present, "r", vec![copy]).await.unwrap();
    delete(store, "photos/a").await.unwrap();
    store.collect_garbage().await;
    assert_eq!(get(store, "prints/a").await.unwrap(), bytes(1, 5000));
    assert_eq!(fixture.check().await.blobs, 1);
}

#[tokio::test]
async fn what_clients_do_to_variants_starts_nothing_and_is_respected() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    // Variants within the reach of the rule, to see that they start nothing.
    let version = source(store, "photos/a", b"source").await;
    for path in ["photos/input/1", "photos/input/2", "photos/input/3"] {
        replace(store, &version, path, path, b"variant").await.unwrap();
    }
    delete(store, "photos/input/1").await.unwrap();
    let copy = CopyObject {
        source: at("photos/input/2"),
        source_precondition: Precondition::default(),
        destination: at("photos/input/copy"),
        precondition: Precondition::default(),
        attributes: None,
        tags: None,
        checksum: None,
        origin: Origin::default(),
    };
    assert!(store.copy_object(copy).await.unwrap().provenance);
    assert_eq!(store.claim(small(9, Duration::ZERO)).await.unwrap().len(), 0);
    // Somebody's own upload takes the place of a variant: it starts a job, and is never overwritten.
    put(store, "photos/input/3", b"own").await.unwrap();
    assert_eq!(store.claim(small(9, Duration::ZERO)).await.unwrap().len(), 1);
    let refused = replace(store, &version, "photos/input/3", "photos/input/3", b"variant").await;
    assert!(matches!(refused, Err(StoreError::Occupied { .. })), "{refused:?}");
    assert_eq!(get(store, "photos/input/3").await.unwrap(), b"own");
    // A client's copy of a variant is the client's: it stays when the source goes.
    delete(store, "photos/a").await.unwrap();
    let gone = SourceVersion { sequencer: Sequencer(u64::from(u32::MAX)), ..version };
    for rule in ["photos/input/1", "photos/input/2", "photos/input/3"] {
        store.replace_variants(&gone, SourceState::Gone, rule, Vec::new()).await.unwrap();
    }
    let query = ListQuery { bucket: bucket("photos"), prefix: String::new(), delimiter: None, after: None, max: 9 };
    let left = store.list_objects(query).await.unwrap().entries;
    let keys: Vec<_> = left.iter().map(|info| info.object.key.as_str()).collect();
    assert_eq!(keys, ["input/3", "input/copy"]);
    fixture.check().await;
}

#[tokio::test]
async fn a_late_job_about_an_earlier_removal_is_told_so() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let version = source(store, "photos/input/a", b"source").await;
    delete(store, "photos/input/a").await.unwrap();
    let first = store.claim(small(1, Duration::from_secs(60))).await.unwrap().remove(0).job.event.version();
    source(store, "photos/input/a", b"again").await;
    delete(store, "photos/input/a").await.unwrap();
    let late = store.replace_variants(&first, SourceState::Gone, "thumb", Vec::new()).await;
    assert!(matches!(late, Err(StoreError::Superseded { .. })), "{late:?}");
    let early = store.replace_variants(&version, SourceState::Present, "thumb", Vec::new()).await;
    assert!(matches!(early, Err(StoreError::Superseded { .. })), "{early:?}");
    let last = store.claim(small(1, Duration::from_secs(60))).await.unwrap().remove(0).job.event.version();
    store.replace_variants(&last, SourceState::Gone, "thumb", Vec::new()).await.unwrap();
    fixture.check().await;
}
