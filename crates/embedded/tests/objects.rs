//! Objects: writing, reading, copying, deleting, conditions, durability over a restart.
#![allow(clippy::unwrap_used)]

mod support;

use minilab_embedded::*;
use minilab_model::*;
use support::*;

#[tokio::test]
async fn what_is_put_is_there_after_a_restart() {
    let fixture = Fixture::new().await;
    let contents = [b"".to_vec(), bytes(1, 1000), bytes(2, 1025), bytes(3, 262_144), bytes(4, 1_500_000)];
    for (index, content) in contents.iter().enumerate() {
        let info = put(&fixture.store, &format!("photos/{index}"), content).await.unwrap();
        assert_eq!(info.size_bytes, content.len() as u64);
        assert_eq!(info, fixture.store.object(&info.object).await.unwrap());
    }
    let fixture = fixture.reopen().await;
    for (index, content) in contents.iter().enumerate() {
        assert_eq!(&get(&fixture.store, &format!("photos/{index}")).await.unwrap(), content);
    }
    assert_eq!(fixture.store.buckets().await.unwrap().len(), 2);
    let again = put(&fixture.store, "photos/0", b"new").await.unwrap();
    assert!(again.sequencer > fixture.store.object(&at("photos/4")).await.unwrap().sequencer);
    fixture.check().await;
}

#[tokio::test]
async fn ranges_are_cut_to_the_content() {
    let fixture = Fixture::new().await;
    let content = bytes(1, 700_000);
    put(&fixture.store, "photos/a", &content).await.unwrap();
    let (_, reader) = fixture.store.open_object(&at("photos/a")).await.unwrap();
    for range in [0..1, 262_143..262_145, 699_999..700_000, 5..5, 699_000..u64::MAX, 800_000..900_000] {
        let end = range.end.min(700_000) as usize;
        let expected = &content[(range.start as usize).min(end)..end];
        assert_eq!(&reader.read(range.clone()).await.unwrap()[..], expected, "{range:?}");
        let pieces: Vec<_> = futures::TryStreamExt::try_collect(reader.clone().into_stream(range.clone())).await.unwrap();
        assert_eq!(<[bytes::Bytes]>::concat(&pieces), expected, "{range:?}");
    }
}

#[tokio::test]
async fn a_reader_keeps_the_version_that_it_opened() {
    let fixture = Fixture::new().await;
    let old = bytes(1, 100_000);
    put(&fixture.store, "photos/a", &old).await.unwrap();
    let (_, reader) = fixture.store.open_object(&at("photos/a")).await.unwrap();
    put(&fixture.store, "photos/a", b"new").await.unwrap();
    fixture.store.collect_garbage().await;
    assert_eq!(reader.read(0..u64::MAX).await.unwrap(), old);
    assert_eq!(get(&fixture.store, "photos/a").await.unwrap(), b"new");
    assert_eq!(fixture.check().await.blobs, 0, "the replaced blob was not collected");
}

#[tokio::test]
async fn of_many_that_must_be_first_one_is() {
    let fixture = Fixture::new().await;
    let tasks: Vec<_> = (0..100)
        .map(|number: u32| {
            let store = fixture.store.clone();
            tokio::spawn(async move {
                let body = stage(&store, &number.to_be_bytes()).await?;
                let precondition = Precondition { if_none_match: Some(EtagCondition::Any), ..Precondition::default() };
                store.put_object(PutObject { precondition, ..put_of("photos/input/one", body) }).await
            })
        })
        .collect();
    let mut won = Vec::new();
    for (number, task) in (0_u32..).zip(tasks) {
        match task.await.unwrap() {
            Ok(_) => won.push(number),
            Err(EmbeddedError::PreconditionFailed) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(won.len(), 1);
    assert_eq!(get(&fixture.store, "photos/input/one").await.unwrap(), won[0].to_be_bytes());
    assert_eq!(fixture.store.queue_counts().await.unwrap().ready, 1);
    fixture.check().await;
}

#[tokio::test]
async fn conditions_on_writes_follow_s3() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let attempt = |condition: Precondition| async move {
        let body = stage(store, b"x").await.unwrap();
        store.put_object(PutObject { precondition: condition, ..put_of("photos/a", body) }).await.map(|info| info.etag)
    };
    let matching =
        |etag: &str| Precondition { if_match: Some(EtagCondition::OneOf(vec![etag.to_owned()])), ..Precondition::default() };
    let none_matching =
        |etag: &str| Precondition { if_none_match: Some(EtagCondition::OneOf(vec![etag.to_owned()])), ..Precondition::default() };
    assert!(matches!(attempt(matching("0")).await, Err(EmbeddedError::NoSuchKey(_))));
    let etag = attempt(none_matching("0")).await.unwrap();
    assert_eq!(etag, "9dd4e461268c8034f5c8564e155c67a6");
    assert!(matches!(attempt(matching("0")).await, Err(EmbeddedError::PreconditionFailed)));
    assert!(matches!(attempt(none_matching(&etag)).await, Err(EmbeddedError::PreconditionFailed)));
    attempt(matching(&etag)).await.unwrap();
    attempt(none_matching("0")).await.unwrap();
    let refused = store.delete_object(&at("photos/a"), matching("0"), Origin::default()).await;
    assert!(matches!(refused, Err(EmbeddedError::PreconditionFailed)));
    assert!(store.delete_object(&at("photos/a"), matching(&etag), Origin::default()).await.unwrap());
    assert!(!store.delete_object(&at("photos/a"), matching(&etag), Origin::default()).await.unwrap());
    fixture.check().await;
}

#[tokio::test]
async fn copies_share_their_content() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let content = bytes(1, 50_000);
    let original = put(store, "photos/a", &content).await.unwrap();
    let copy = |from: &str, to: &str| CopyObject {
        source: at(from),
        source_precondition: Precondition::default(),
        destination: at(to),
        precondition: Precondition::default(),
        attributes: None,
        tags: None,
        checksum: None,
        origin: Origin::default(),
    };
    let copied = store.copy_object(copy("photos/a", "prints/b")).await.unwrap();
    assert_eq!((&copied.etag, &copied.checksum, copied.sha256), (&original.etag, &original.checksum, original.sha256));
    let checked = CopyObject { checksum: Some(ChecksumAlgorithm::Sha256), ..copy("photos/a", "prints/c") };
    let checked = store.copy_object(checked).await.unwrap();
    assert_eq!(checked.checksum.unwrap().algorithm, ChecksumAlgorithm::Sha256);
    // Onto itself, with other attributes.
    let attributes = Attributes { content_type: Some("image/jpeg".to_owned()), ..Attributes::default() };
    let renamed = CopyObject { attributes: Some(attributes.clone()), ..copy("prints/b", "prints/b") };
    assert_eq!(store.copy_object(renamed).await.unwrap().attributes, attributes);
    for path in ["photos/a", "prints/c"] {
        assert!(delete(store, path).await.unwrap());
    }
    store.collect_garbage().await;
    assert_eq!(get(store, "prints/b").await.unwrap(), content);
    assert!(matches!(store.copy_object(copy("photos/a", "prints/d")).await, Err(EmbeddedError::NoSuchKey(_))));
    assert_eq!(fixture.check().await.blobs, 1);
}

#[tokio::test]
async fn a_body_has_a_limit() {
    let fixture = Fixture::new().await;
    let mut writer = fixture.store.write_body(BodyOptions { max_bytes: 10, checksum: None });
    writer.write("12345".into()).await.unwrap();
    let refused = writer.write("678901".into()).await;
    assert!(matches!(refused, Err(EmbeddedError::EntityTooLarge { limit_bytes: 10 })));
}

#[tokio::test]
async fn a_body_that_waits_is_no_garbage() {
    let fixture = Fixture::new().await;
    let body = stage(&fixture.store, &bytes(1, 100_000)).await.unwrap();
    fixture.store.collect_garbage().await;
    fixture.store.put_object(put_of("photos/a", body)).await.unwrap();
    fixture.store.collect_garbage().await;
    assert_eq!(get(&fixture.store, "photos/a").await.unwrap(), bytes(1, 100_000));
    fixture.check().await;
}

#[tokio::test]
async fn an_abandoned_body_leaves_nothing() {
    let fixture = Fixture::new().await;
    let mut writer = fixture.store.write_body(BodyOptions { max_bytes: 1 << 30, checksum: None });
    writer.write(bytes(1, 1_000_000).into()).await.unwrap();
    drop(writer);
    drop(stage(&fixture.store, &bytes(2, 1_000_000)).await.unwrap());
    let nowhere = put(&fixture.store, "nowhere/a", &bytes(3, 1_000_000)).await;
    assert!(matches!(nowhere, Err(EmbeddedError::NoSuchBucket(_))));
    assert_eq!(fixture.check().await.blobs, 0);
}

#[tokio::test]
async fn a_bucket_goes_only_when_empty() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    assert!(!store.create_bucket(&bucket("photos")).await.unwrap());
    put(store, "photos/a", &bytes(1, 5000)).await.unwrap();
    assert!(matches!(store.delete_bucket(&bucket("photos")).await, Err(EmbeddedError::BucketNotEmpty(_))));
    assert_eq!(
        store.delete_objects(&bucket("photos"), vec![at("photos/a").key, at("photos/b").key], Origin::default()).await.unwrap(),
        [true, false]
    );
    let id = store.create_upload(&at("photos/up"), Attributes::default(), None).await.unwrap();
    store.put_part(&at("photos/up"), &id, 1, stage(store, &bytes(2, 5000)).await.unwrap()).await.unwrap();
    store.delete_bucket(&bucket("photos")).await.unwrap();
    assert!(matches!(store.bucket(&bucket("photos")).await, Err(EmbeddedError::NoSuchBucket(_))));
    assert!(store.create_bucket(&bucket("photos")).await.unwrap());
    store.collect_garbage().await;
    assert_eq!(fixture.check().await.blobs, 0);
}

#[tokio::test]
async fn events_tell_what_happened() {
    let events = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let fixture = Fixture::new().await;
    let seen = std::sync::Arc::clone(&events);
    fixture.store.set_planner(std::sync::Arc::new(move |event: &Event| {
        seen.lock().unwrap().push((String::from(event.kind), event.key.as_str().to_owned(), event.size_bytes));
        Vec::new()
    }));
    let store = &fixture.store;
    put(store, "photos/a", b"12345").await.unwrap();
    delete(store, "photos/a").await.unwrap();
    delete(store, "photos/a").await.unwrap();
    // A marked object starts nothing, neither when it comes nor when it goes.
    let mut marked = put_of("photos/b", stage(store, b"x").await.unwrap());
    marked.attributes.user.insert("Minilab-Source".to_owned(), "photos/a".to_owned());
    assert!(store.put_object(marked).await.unwrap().provenance);
    delete(store, "photos/b").await.unwrap();
    let event = |kind: &str, key: &str, size| (kind.to_owned(), key.to_owned(), size);
    assert_eq!(
        *events.lock().unwrap(),
        [event("s3:ObjectCreated:Put", "a", 5), event("s3:ObjectRemoved:Delete", "a", 0), event("s3:ObjectRemoved:Delete", "a", 0)]
    );
}
