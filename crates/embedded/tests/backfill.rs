//! Reading what rules have made, and taking away what belongs to none.
#![allow(clippy::unwrap_used)]

mod support;

use minilab_embedded::*;
use minilab_model::*;
use minilab_pipeline::plan::{Made, QueuedJob, Sniffed, SourceEntry};
use minilab_pipeline::{
    Catalog as _, CatalogWrite, Commit, NewVariant, ObjectStore as _, RecordChange, SourceInfo, SourceState, VariantBody,
};
use std::sync::Arc;
use std::time::Duration;
use support::*;

/// What a job of `rule` does: a variant at `destination`, and the record.
async fn process(store: &Embedded, version: &SourceVersion, rule: &str, destination: &str) {
    let provenance = Provenance { source: version.object.clone(), rule: rule.to_owned(), recipe: format!("recipe of {rule}") };
    let body = VariantBody::Bytes(bytes(1, 3000).into());
    let variant = NewVariant { destination: at(destination), body, content_type: "image/jpeg".to_owned(), provenance };
    store.replace_variants(version, SourceState::Present, rule, vec![variant]).await.unwrap();
    let info: SourceInfo = store.head(version).await.unwrap();
    let ObjectRef { bucket, key } = at(destination);
    let record = VariantRecord {
        name: "v".to_owned(),
        rule: rule.to_owned(),
        bucket,
        key,
        format: Some(Format::Jpeg),
        width: Some(1),
        height: Some(1),
        size_bytes: 3000,
    };
    let metadata = ImageMetadata::new(Format::Jpeg, 40, 30);
    let recipe = format!("recipe of {rule}");
    let change = RecordChange::Processed { info, metadata: Box::new(metadata), variants: vec![record], recipe };
    let write = CatalogWrite { source: version.clone(), rule: rule.to_owned(), change, notifications: Vec::new(), lease: None };
    assert_eq!(store.commit(write).await.unwrap(), Commit::Applied);
}

async fn source(store: &Embedded, path: &str) -> SourceVersion {
    let info = put(store, path, &bytes(7, 2000)).await.unwrap();
    SourceVersion { object: info.object, sequencer: info.sequencer }
}

fn rules(names: &[&str]) -> Arc<RuleSet> {
    let rules = names.iter().map(|name| serde_json::from_value(serde_json::json!({"name": name, "bucket": "photos"})).unwrap());
    Arc::new(RuleSet::new(rules.collect()).unwrap())
}

fn all_sources(store: &Embedded, prefix: &str, max: usize) -> Vec<SourceEntry> {
    let mut inventory = store.inventory().unwrap();
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = inventory.sources(&bucket("photos"), prefix, after.as_ref(), max).unwrap();
        all.extend(page.entries);
        match page.next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

fn all_made(store: &Embedded, max: usize) -> Vec<Made> {
    let mut inventory = store.inventory().unwrap();
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = inventory.made(after.as_ref(), max).unwrap();
        all.extend(page.entries);
        match page.next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

#[tokio::test]
async fn sources_are_read_with_what_is_known_of_them() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let version = source(store, "photos/a").await;
    process(store, &version, "one", "photos/z/a").await;
    process(store, &version, "two", "prints/a").await;
    source(store, "photos/input/b").await;
    for max in [1, 2, 100] {
        let sources = all_sources(store, "", max);
        let keys: Vec<&str> = sources.iter().map(|source| source.object.key.as_str()).collect();
        assert_eq!(keys, ["a", "input/b"], "a variant is no source, in pages of {max}");
        let a = &sources[0];
        assert_eq!((a.recorded, a.sequencer, a.image.unwrap().width), (Some(version.sequencer), version.sequencer, 40));
        assert_eq!(a.outcomes["one"].recipe.as_deref(), Some("recipe of one"));
        assert_eq!(sources[1].jobs["thumb"], QueuedJob::Alive);
        let made = all_made(store, max);
        assert_eq!(made.iter().map(|made| made.rule.as_str()).collect::<Vec<_>>(), ["one", "two"], "{made:?}");
        assert!(made.iter().all(|made| made.recorded && made.variants == 1 && made.variant_bytes == 3000), "{made:?}");
    }
    assert_eq!(all_sources(store, "input/", 10).len(), 1);
    let head = store.inventory().unwrap().head(&at("photos/a"), 16).unwrap().unwrap();
    assert_eq!(head, (version.sequencer, bytes(7, 16)));
    let job = store.claim(small(1, Duration::ZERO)).await.unwrap().remove(0).job.idempotency_key();
    let unfinished = store.inventory().unwrap().unfinished([&job]).unwrap();
    assert_eq!(unfinished.get(&job), Some(&UnfinishedJob::Alive));
}

#[tokio::test]
async fn an_orphan_goes_with_its_share_of_the_record() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let version = source(store, "photos/a").await;
    process(store, &version, "kept", "prints/kept").await;
    process(store, &version, "old", "prints/old").await;
    put(store, "prints/own", b"a client's").await.unwrap();
    let remove =
        |rules: Arc<RuleSet>, sniffed: Option<Sniffed>| store.remove_orphan(at("photos/a"), "old".to_owned(), rules, sniffed);
    assert_eq!(remove(rules(&["kept", "old"]), None).await.unwrap(), None, "it has its rule");
    let removed = remove(rules(&["kept"]), None).await.unwrap();
    assert_eq!(removed, Some(RemovedOrphan { variants: 1, bytes: 3000 }));
    let gone = store.object(&at("prints/old")).await;
    assert!(matches!(gone, Err(EmbeddedError::NoSuchKey(_))), "{gone:?}");
    let record = store.image(&at("photos/a")).await.unwrap().unwrap();
    assert_eq!(record.variants.iter().map(|variant| variant.rule.as_str()).collect::<Vec<_>>(), ["kept"]);
    assert_eq!(all_sources(store, "", 10)[0].outcomes.keys().collect::<Vec<_>>(), ["kept"]);
    let removed = store.remove_orphan(at("photos/a"), "kept".to_owned(), rules(&[]), None).await.unwrap();
    assert_eq!(removed.map(|removed| removed.variants), Some(1));
    assert_eq!(store.image(&at("photos/a")).await.unwrap(), None, "no rule speaks of it");
    assert_eq!(store.statistics(&bucket("photos")).await.unwrap().count, 0);
    get(store, "prints/own").await.unwrap();
    assert_eq!(all_made(store, 10), []);
    fixture.check().await;
}

#[tokio::test]
async fn a_rule_that_shared_a_key_with_an_orphan_is_to_make_it_again() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let version = source(store, "photos/a").await;
    // By name the later rule has the key: the other's record speaks of a variant that is not its own.
    process(store, &version, "z-old", "prints/a").await;
    process(store, &version, "a-new", "prints/a").await;
    let removed = store.remove_orphan(at("photos/a"), "z-old".to_owned(), rules(&["a-new"]), None).await.unwrap();
    assert_eq!(removed.map(|removed| removed.variants), Some(1));
    assert_eq!(all_sources(store, "", 10)[0].outcomes.len(), 0, "nothing says that the rule has been here");
    process(store, &version, "a-new", "prints/a").await;
    get(store, "prints/a").await.unwrap();
    fixture.check().await;
}

#[tokio::test]
async fn what_a_job_is_about_to_decide_is_left_to_it() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let version = source(store, "photos/input/a").await;
    process(store, &version, "thumb", "prints/a").await;
    let remove = || store.remove_orphan(at("photos/input/a"), "thumb".to_owned(), rules(&[]), None);
    assert_eq!(remove().await.unwrap(), None, "its job is in the queue");
    let job = store.claim(small(1, Duration::from_secs(60))).await.unwrap().remove(0);
    assert_eq!(remove().await.unwrap(), None, "its job runs");
    assert!(store.discard_job(job.lease.job_id).await.unwrap());
    assert!(remove().await.unwrap().is_some());
}
