//! One suite for every [`ObjectStore`] and [`Catalog`]: what their contracts say, checked from outside.
//!
//! A backend gives a [`Fixture`]; each function here takes a fresh one. [`all`] runs them all.

use crate::catalog::{Catalog, CatalogWrite, Commit, RecordChange};
use crate::store::{NewVariant, ObjectStore, SourceInfo, SourceState, StoreError, VariantBody};
use minilab_model::{
    BucketName, Failure, FailureCause, Format, ImageMetadata, ImageState, ObjectRef, Provenance, Sequencer, SourceVersion,
    VariantRecord,
};
use std::collections::BTreeMap;
use std::future::Future;

/// A backend under test, with the buckets `photos` and `prints`.
pub trait Fixture: Sync {
    /// Its object store.
    type Store: ObjectStore;
    /// Its catalog.
    type Catalog: Catalog;

    /// The object store.
    fn store(&self) -> &Self::Store;
    /// The catalog.
    fn catalog(&self) -> &Self::Catalog;
    /// Writes a source as a client would.
    fn put(&self, object: &ObjectRef, bytes: &[u8]) -> impl Future<Output = SourceVersion> + Send;
    /// Deletes a source as a client would; the version is the removal's.
    fn delete(&self, object: &ObjectRef) -> impl Future<Output = SourceVersion> + Send;
    /// The object tags that a client would read.
    fn tags(&self, object: &ObjectRef) -> impl Future<Output = BTreeMap<String, String>> + Send;
    /// What a client would read: content, media type and user metadata.
    fn get(&self, object: &ObjectRef) -> impl Future<Output = Option<Stored>> + Send;
}

/// An object as a client reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its media type.
    pub content_type: Option<String>,
    /// Its user metadata.
    pub user_metadata: BTreeMap<String, String>,
}

/// Runs the whole suite, a fresh fixture for each part.
///
/// # Panics
/// When the backend breaks its contract.
pub async fn all<F: Fixture, M: Future<Output = F>>(make: impl Fn() -> M) {
    sources_are_read_by_version(&make().await).await;
    variants_are_replaced_as_a_set(&make().await).await;
    older_versions_cannot_write(&make().await).await;
    foreign_objects_are_left_alone(&make().await).await;
    sources_that_share_a_key_take_turns(&make().await).await;
    removal_takes_the_variants(&make().await).await;
    records_follow_the_newest_version(&make().await).await;
    statistics_follow_the_records(&make().await).await;
    failures_are_recorded_and_healed(&make().await).await;
    what_no_rule_wants_is_taken_back(&make().await).await;
    tags_are_joined(&make().await).await;
}

fn object(text: &str) -> ObjectRef {
    text.parse().expect("a test names valid objects")
}

fn variant(source: &ObjectRef, key: &str, body: VariantBody) -> NewVariant {
    NewVariant {
        destination: object(key),
        body,
        content_type: "image/jpeg".to_owned(),
        provenance: Provenance { source: source.clone(), rule: "rule".to_owned(), recipe: "00ff".to_owned() },
    }
}

fn bytes(text: &'static str) -> VariantBody {
    VariantBody::Bytes(text.as_bytes().into())
}

async fn sources_are_read_by_version<F: Fixture>(fixture: &F) {
    let source = object("photos/a b.jpg");
    let first = fixture.put(&source, b"first").await;
    let info = fixture.store().head(&first).await.expect("the source is there");
    assert_eq!(info.size_bytes, 5);
    let sha256 = "a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e";
    assert!(info.sha256.is_empty() || info.sha256 == sha256, "{}", info.sha256);
    assert_eq!(fixture.store().hash(&first).await.expect("the source is there"), sha256);
    assert_eq!(fixture.store().read(&first, 1..3).await.expect("in range").as_ref(), b"ir");
    assert_eq!(fixture.store().read(&first, 3..99).await.expect("cut to its length").as_ref(), b"st");
    let opened = async |bytes| fixture.store().open(&first, bytes).await.expect("the source is there");
    for (bytes, begins) in [(3, b"fir".as_slice()), (99, b"first")] {
        let (told, beginning) = opened(bytes).await;
        assert_eq!((told.size_bytes, &told.etag, beginning.as_ref()), (5, &info.etag, begins));
        assert_eq!((told.content_type, told.user_metadata), (info.content_type.clone(), info.user_metadata.clone()));
    }
    let current = async |name: &str, max| fixture.store().read_current(&object(name), max).await.expect("the store can say");
    assert_eq!(current("photos/a b.jpg", 5).await.as_deref(), Some(b"first".as_slice()));
    assert_eq!(current("photos/a b.jpg", 4).await, None, "it is larger");
    assert_eq!((current("photos/none", 9).await, current("no-such-bucket/a", 9).await), (None, None));
    let second = fixture.put(&source, b"second").await;
    assert!(second.sequencer > first.sequencer, "a later write has a larger sequencer");
    assert!(matches!(fixture.store().head(&first).await, Err(StoreError::Superseded { .. })));
    assert!(matches!(fixture.store().read(&first, 0..1).await, Err(StoreError::Superseded { .. })));
    assert!(matches!(fixture.store().open(&first, 1).await, Err(StoreError::Superseded { .. })));
    assert!(matches!(fixture.store().hash(&first).await, Err(StoreError::Superseded { .. })));
    fixture.delete(&source).await;
    assert!(matches!(fixture.store().head(&second).await, Err(StoreError::Superseded { .. })));
    assert!(matches!(fixture.store().open(&second, 1).await, Err(StoreError::Superseded { .. })));
}

async fn variants_are_replaced_as_a_set<F: Fixture>(fixture: &F) {
    let (store, source) = (fixture.store(), object("photos/a.jpg"));
    let first = fixture.put(&source, b"first").await;
    let both = vec![variant(&source, "prints/small", bytes("s1")), variant(&source, "prints/copy", VariantBody::CopyOfSource)];
    store.replace_variants(&first, SourceState::Present, "rule", both.clone()).await.expect("both are new");
    store.replace_variants(&first, SourceState::Present, "rule", both).await.expect("again changes nothing");
    let small = fixture.get(&object("prints/small")).await.expect("it was written");
    assert_eq!((small.bytes.as_slice(), small.content_type.as_deref()), (b"s1".as_slice(), Some("image/jpeg")));
    let value = |name: &str| small.user_metadata.get(name).map(String::as_str);
    assert_eq!((value("minilab-source"), value("minilab-recipe")), (Some("photos/a.jpg"), Some("00ff")));
    assert_eq!(fixture.get(&object("prints/copy")).await.expect("it was copied").bytes, b"first");

    let second = fixture.put(&source, b"second").await;
    let other_rule = vec![variant(&source, "prints/other", bytes("o"))];
    store.replace_variants(&second, SourceState::Present, "other", other_rule).await.expect("another rule's");
    let only_large = vec![variant(&source, "prints/large", bytes("l2"))];
    store.replace_variants(&second, SourceState::Present, "rule", only_large).await.expect("a newer version");
    for (key, there) in [("prints/large", true), ("prints/other", true), ("prints/small", false), ("prints/copy", false)] {
        assert_eq!(fixture.get(&object(key)).await.is_some(), there, "{key}");
    }
    let nowhere = vec![variant(&source, "prints/x", bytes("x")), variant(&source, "nowhere/x", bytes("x"))];
    let refused = store.replace_variants(&second, SourceState::Present, "rule", nowhere).await;
    assert!(matches!(refused, Err(StoreError::NoSuchBucket { .. })), "{refused:?}");
    assert!(fixture.get(&object("prints/x")).await.is_none(), "a call that fails changes nothing");
    assert!(fixture.get(&object("prints/large")).await.is_some(), "a call that fails changes nothing");
}

async fn older_versions_cannot_write<F: Fixture>(fixture: &F) {
    let (store, source) = (fixture.store(), object("photos/a.jpg"));
    let first = fixture.put(&source, b"first").await;
    let second = fixture.put(&source, b"second").await;
    let write = |version: SourceVersion, state, text| {
        let variants = vec![variant(&version.object, "prints/thumb", bytes(text))];
        async move { store.replace_variants(&version, state, "rule", variants).await }
    };
    assert!(matches!(write(first.clone(), SourceState::Present, "old").await, Err(StoreError::Superseded { .. })));
    assert!(fixture.get(&object("prints/thumb")).await.is_none());
    write(second.clone(), SourceState::Present, "new").await.expect("the current version writes");
    assert!(matches!(write(first, SourceState::Present, "old").await, Err(StoreError::Superseded { .. })));
    assert_eq!(fixture.get(&object("prints/thumb")).await.expect("still there").bytes, b"new");
    let removal = fixture.delete(&source).await;
    assert!(matches!(write(second, SourceState::Present, "late").await, Err(StoreError::Superseded { .. })));
    fixture.put(&source, b"third").await;
    let late = store.replace_variants(&removal, SourceState::Gone, "rule", Vec::new()).await;
    assert!(matches!(late, Err(StoreError::Superseded { .. })), "a newer upload keeps its variants: {late:?}");
    assert!(fixture.get(&object("prints/thumb")).await.is_some());
}

async fn foreign_objects_are_left_alone<F: Fixture>(fixture: &F) {
    let source = object("photos/a.jpg");
    let version = fixture.put(&source, b"first").await;
    fixture.put(&object("prints/taken"), b"somebody's own").await;
    let variants = vec![variant(&source, "prints/free", bytes("v")), variant(&source, "prints/taken", bytes("v"))];
    let refused = fixture.store().replace_variants(&version, SourceState::Present, "rule", variants).await;
    assert!(matches!(refused, Err(StoreError::Occupied { .. })), "{refused:?}");
    assert_eq!(fixture.get(&object("prints/taken")).await.expect("still there").bytes, b"somebody's own");
    assert!(fixture.get(&object("prints/free")).await.is_none(), "a call that fails changes nothing");
}

async fn sources_that_share_a_key_take_turns<F: Fixture>(fixture: &F) {
    let (store, first, second) = (fixture.store(), object("photos/a.jpg"), object("photos/a.png"));
    let older = fixture.put(&first, b"first").await;
    let newer = fixture.put(&second, b"second").await;
    let write = |version: SourceVersion, text| async move {
        let variants = vec![variant(&version.object, "prints/a", bytes(text))];
        store.replace_variants(&version, SourceState::Present, "rule", variants).await.expect("sharing is no error");
    };
    let there = || async { fixture.get(&object("prints/a")).await.map(|stored| stored.bytes) };
    write(older.clone(), "of the first").await;
    write(newer, "of the second").await;
    assert_eq!(there().await.as_deref(), Some(b"of the second".as_slice()));
    write(older, "of the first").await;
    assert_eq!(there().await.as_deref(), Some(b"of the second".as_slice()), "the source written later has the key");
    let removal = fixture.delete(&first).await;
    store.replace_variants(&removal, SourceState::Gone, "rule", Vec::new()).await.expect("nothing of its own is left");
    assert_eq!(there().await.as_deref(), Some(b"of the second".as_slice()), "a removal takes only its own variants");
    let newest = fixture.put(&first, b"third").await;
    write(newest, "of the third").await;
    assert_eq!(there().await.as_deref(), Some(b"of the third".as_slice()));
}

async fn removal_takes_the_variants<F: Fixture>(fixture: &F) {
    let (store, source) = (fixture.store(), object("photos/a.jpg"));
    let version = fixture.put(&source, b"first").await;
    let variants = vec![variant(&source, "prints/thumb", bytes("t"))];
    store.replace_variants(&version, SourceState::Present, "rule", variants).await.expect("written");
    let still_there = SourceVersion { sequencer: Sequencer(version.sequencer.0 + 1), ..version };
    let early = store.replace_variants(&still_there, SourceState::Gone, "rule", Vec::new()).await;
    assert!(matches!(early, Err(StoreError::Superseded { .. })), "the source is not gone: {early:?}");
    let removal = fixture.delete(&source).await;
    store.replace_variants(&removal, SourceState::Gone, "other", Vec::new()).await.expect("another rule has none");
    assert!(fixture.get(&object("prints/thumb")).await.is_some());
    store.replace_variants(&removal, SourceState::Gone, "rule", Vec::new()).await.expect("removed");
    assert!(fixture.get(&object("prints/thumb")).await.is_none());
}

fn processed(version: &SourceVersion, format: Format, size_bytes: u64, rule: &str) -> CatalogWrite {
    let metadata = ImageMetadata::new(format, 40, 30);
    let record = VariantRecord {
        name: "thumb".to_owned(),
        rule: rule.to_owned(),
        bucket: version.object.bucket.clone(),
        key: object(&format!("prints/{rule}-{}", version.sequencer)).key,
        format: Some(format),
        width: Some(4),
        height: Some(3),
        size_bytes: 9,
    };
    let change = RecordChange::Processed {
        info: info(size_bytes),
        metadata: Box::new(metadata),
        variants: vec![record],
        recipe: "00ff".to_owned(),
    };
    write(version, rule, change)
}

fn info(size_bytes: u64) -> SourceInfo {
    SourceInfo {
        size_bytes,
        etag: "e".to_owned(),
        sha256: "00".to_owned(),
        content_type: Some("text/plain".to_owned()),
        user_metadata: BTreeMap::new(),
        created_at: minilab_model::Timestamp::from_millis(1),
    }
}

fn failed(version: &SourceVersion, rule: &str) -> CatalogWrite {
    let failure = Failure { rule: rule.to_owned(), cause: FailureCause::NotAnImage, error: "not an image".to_owned() };
    write(version, rule, RecordChange::Failed { info: Some(info(7)), variants: Vec::new(), failure, facts: None })
}

fn write(version: &SourceVersion, rule: &str, change: RecordChange) -> CatalogWrite {
    CatalogWrite { source: version.clone(), rule: rule.to_owned(), change, notifications: Vec::new(), lease: None }
}

async fn commit<F: Fixture>(fixture: &F, write: CatalogWrite) -> Commit {
    fixture.catalog().commit(write).await.expect("the catalog is there")
}

async fn records_follow_the_newest_version<F: Fixture>(fixture: &F) {
    let source = object("photos/a.jpg");
    let first = fixture.put(&source, b"first").await;
    assert_eq!(commit(fixture, processed(&first, Format::Jpeg, 5, "one")).await, Commit::Applied);
    assert_eq!(commit(fixture, processed(&first, Format::Jpeg, 5, "two")).await, Commit::Applied);
    let record = || async { fixture.catalog().image(&source).await.expect("the catalog is there") };
    let written = record().await.expect("it was recorded");
    assert_eq!((written.state, written.variants.len(), written.content_type.as_str()), (ImageState::Processed, 2, "image/jpeg"));
    commit(fixture, processed(&first, Format::Jpeg, 5, "two")).await;
    assert_eq!(record().await.as_ref(), Some(&written), "the same write again changes nothing");

    let second = fixture.put(&source, b"second").await;
    assert_eq!(commit(fixture, processed(&second, Format::Png, 6, "one")).await, Commit::Applied);
    let newer = record().await.expect("it was recorded");
    assert_eq!((newer.sequencer, newer.size_bytes), (second.sequencer, 6));
    let keys = |rule: &str| {
        newer.variants.iter().filter(|variant| variant.rule == rule).map(|variant| variant.key.clone()).collect::<Vec<_>>()
    };
    assert_eq!((keys("one").len(), keys("two").len()), (1, 1), "another rule's variants stay until it has run");
    assert!(keys("one")[0].as_str().contains(&second.sequencer.to_string()));
    assert_eq!(commit(fixture, processed(&first, Format::Jpeg, 5, "two")).await, Commit::Superseded);
    assert_eq!(record().await.as_ref(), Some(&newer), "an older write changes nothing");

    let removal = fixture.delete(&source).await;
    assert_eq!(commit(fixture, processed(&second, Format::Png, 6, "two")).await, Commit::Superseded, "the source is gone");
    assert_eq!(commit(fixture, write(&removal, "one", RecordChange::Removed)).await, Commit::Applied);
    commit(fixture, write(&removal, "two", RecordChange::Removed)).await;
    assert!(record().await.is_none());
}

async fn statistics_follow_the_records<F: Fixture>(fixture: &F) {
    let bucket = BucketName::new("photos").expect("a valid name");
    let totals = || async { fixture.catalog().statistics(&bucket).await.expect("the catalog is there") };
    assert_eq!(totals().await, minilab_model::CollectionStatistics::default());
    let put = |key: &str| object(&format!("photos/{key}"));
    let a = fixture.put(&put("a"), b"a").await;
    let b = fixture.put(&put("b"), b"b").await;
    let c = fixture.put(&put("c"), b"c").await;
    for (version, format, size) in [(&a, Format::Jpeg, 10), (&b, Format::Png, 30), (&c, Format::Jpeg, 30)] {
        commit(fixture, processed(version, format, size, "one")).await;
        commit(fixture, processed(version, format, size, "two")).await;
    }
    let check = |found: minilab_model::CollectionStatistics, count, bytes, largest: &str, smallest: &str, jpeg, png| {
        let key = |sized: &Option<minilab_model::SizedKey>| sized.as_ref().map_or(String::new(), |sized| sized.key.to_string());
        assert_eq!((found.count, found.bytes), (count, bytes));
        assert_eq!((key(&found.largest), key(&found.smallest)), (largest.to_owned(), smallest.to_owned()));
        assert_eq!((found.types.get("jpeg").copied().unwrap_or(0), found.types.get("png").copied().unwrap_or(0)), (jpeg, png));
    };
    check(totals().await, 3, 70, "b", "a", 2, 1);
    let a2 = fixture.put(&put("a"), b"a2").await;
    commit(fixture, processed(&a2, Format::Png, 50, "one")).await;
    check(totals().await, 3, 110, "a", "b", 1, 2);
    let removal = fixture.delete(&put("a")).await;
    commit(fixture, write(&removal, "one", RecordChange::Removed)).await;
    commit(fixture, write(&removal, "two", RecordChange::Removed)).await;
    check(totals().await, 2, 60, "b", "b", 1, 1);
    let c2 = fixture.put(&put("c"), b"c2").await;
    commit(fixture, failed(&c2, "one")).await;
    check(totals().await, 1, 30, "b", "b", 0, 1);
    assert_eq!(totals().await.failed, 1);
    assert!(!totals().await.types.contains_key("jpeg"), "a type with no image is not listed");
}

async fn failures_are_recorded_and_healed<F: Fixture>(fixture: &F) {
    let source = object("photos/a.jpg");
    let first = fixture.put(&source, b"text").await;
    commit(fixture, failed(&first, "one")).await;
    let record = || async { fixture.catalog().image(&source).await.expect("the catalog is there").expect("recorded") };
    let broken = record().await;
    assert_eq!((broken.state, broken.failures.len(), broken.metadata.is_none()), (ImageState::Failed, 1, true));
    assert_eq!((broken.content_type.as_str(), broken.size_bytes), ("text/plain", 7));
    commit(fixture, processed(&first, Format::Jpeg, 4, "two")).await;
    assert_eq!(record().await.state, ImageState::Failed, "one rule's success does not hide another's failure");
    commit(fixture, processed(&first, Format::Jpeg, 4, "one")).await;
    assert_eq!((record().await.state, record().await.failures.len()), (ImageState::Processed, 0), "a replay heals");
    let second = fixture.put(&source, b"text again").await;
    commit(fixture, failed(&second, "one")).await;
    let third = fixture.put(&source, b"image").await;
    commit(fixture, processed(&third, Format::Jpeg, 4, "one")).await;
    assert_eq!((record().await.state, record().await.failures.len()), (ImageState::Processed, 0), "a newer version starts afresh");
}

async fn what_no_rule_wants_is_taken_back<F: Fixture>(fixture: &F) {
    let source = object("photos/a.jpg");
    let first = fixture.put(&source, b"first").await;
    assert_eq!(commit(fixture, processed(&first, Format::Jpeg, 5, "one")).await, Commit::Applied);
    assert_eq!(commit(fixture, processed(&first, Format::Jpeg, 5, "two")).await, Commit::Applied);
    assert_eq!(commit(fixture, write(&first, "one", RecordChange::Skipped)).await, Commit::Applied);
    let record = fixture.catalog().image(&source).await.expect("readable").expect("the other rule wants it");
    assert!(record.variants.iter().all(|variant| variant.rule == "two") && record.variants.len() == 1, "{record:?}");

    let second = fixture.put(&source, b"second").await;
    assert_eq!(commit(fixture, write(&first, "two", RecordChange::Skipped)).await, Commit::Superseded);
    assert_eq!(commit(fixture, write(&second, "two", RecordChange::Skipped)).await, Commit::Applied);
    assert_eq!(fixture.catalog().image(&source).await.expect("readable"), None, "it spoke of the older version");
    let statistics = fixture.catalog().statistics(&source.bucket).await.expect("readable");
    assert_eq!((statistics.count, statistics.bytes), (0, 0));
    assert_eq!(commit(fixture, processed(&second, Format::Png, 6, "one")).await, Commit::Applied);
    assert_eq!(commit(fixture, write(&second, "one", RecordChange::Skipped)).await, Commit::Applied);
    assert_eq!(fixture.catalog().image(&source).await.expect("readable"), None, "nobody wants it any more");
}

async fn tags_are_joined<F: Fixture>(fixture: &F) {
    let source = object("photos/a.jpg");
    let first = fixture.put(&source, b"first").await;
    let tags = |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    fixture.store().add_tags(&first, &tags(&[("a", "1"), ("b", "2")])).await.expect("the source is there");
    fixture.store().add_tags(&first, &tags(&[("b", "3")])).await.expect("the source is there");
    assert_eq!(fixture.tags(&source).await, tags(&[("a", "1"), ("b", "3")]));
    let info = fixture.store().head(&first).await.expect("tags make no new version");
    assert_eq!(info.size_bytes, 5);
    fixture.put(&source, b"second").await;
    let late = fixture.store().add_tags(&first, &tags(&[("c", "4")])).await;
    assert!(matches!(late, Err(StoreError::Superseded { .. })), "{late:?}");
}
