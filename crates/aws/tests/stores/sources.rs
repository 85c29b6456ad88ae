//! Which version of a source is current, and what is read of it.

use super::*;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use minilab_pipeline::{Catalog as _, ObjectStore as _, SourceState, StoreError};
use sha2::{Digest as _, Sha256};

#[tokio::test]
#[ignore = "needs a moto server"]
async fn events_move_a_source_forward_only() {
    let backend = Backend::fresh(1).await;
    let source = backend.photo("a.jpg");
    let events: Vec<_> = [EventKind::CreatedPut, EventKind::RemovedDelete, EventKind::CreatedCopy]
        .map(|kind| event(&source, kind, "\"e\"", 5))
        .into();
    for (index, expected) in [
        (1, Observed::Current),
        (0, Observed::Superseded),
        (1, Observed::Current),
        (2, Observed::Current),
        (1, Observed::Superseded),
        (2, Observed::Current),
    ] {
        assert_eq!(backend.table.observe(&events[index]).await.unwrap(), expected, "event {index}");
        let item = backend.items("source").await.pop().unwrap();
        assert_eq!(item.contains_key(table::EXPIRES), item.contains_key("Gone"), "only what is gone expires");
    }
    let unheard = backend.store.head(&event(&backend.photo("b"), EventKind::CreatedPut, "e", 1).version()).await;
    assert!(matches!(unheard, Err(StoreError::Unavailable(_))), "an event that was not observed is no silent end");
}

#[tokio::test]
#[ignore = "needs a moto server"]
async fn a_write_whose_event_is_on_the_way_supersedes() {
    let backend = Backend::fresh(1).await;
    let source = backend.photo("a.jpg");
    let version = backend.upload(&source, b"first").await;
    let copy = vec![variant(&source, backend.print("copy"), VariantBody::CopyOfSource)];
    let put = backend.s3.put_object().bucket(source.bucket.as_str()).key(source.key.as_str());
    put.body(b"second".to_vec().into()).send().await.unwrap();
    assert!(matches!(backend.store.head(&version).await, Err(StoreError::Superseded { .. })));
    assert!(matches!(backend.store.read(&version, 0..2).await, Err(StoreError::Superseded { .. })));
    assert!(matches!(backend.store.hash(&version).await, Err(StoreError::Superseded { .. })));
    let tags = [("a".to_owned(), "1".to_owned())].into();
    assert!(matches!(backend.store.add_tags(&version, &tags).await, Err(StoreError::Superseded { .. })));
    // S3 refuses the copy of what has changed since. moto makes it.
    let copied = backend.store.replace_variants(&version, SourceState::Present, "rule", copy).await;
    assert!(matches!(copied, Ok(()) | Err(StoreError::Superseded { .. })), "{copied:?}");
    backend.s3.delete_object().bucket(source.bucket.as_str()).key(source.key.as_str()).send().await.unwrap();
    assert!(matches!(backend.store.head(&version).await, Err(StoreError::Superseded { .. })));
    assert!(matches!(backend.store.read(&version, 0..2).await, Err(StoreError::Superseded { .. })));
}

#[tokio::test]
#[ignore = "needs a moto server"]
async fn a_hash_is_told_however_the_source_was_uploaded() {
    let backend = Backend::fresh(1).await;
    let (bucket, bytes) = (backend.photos.as_str(), vec![7_u8; 5 << 20]);
    let expected = |bytes: &[u8]| hex::encode(Sha256::digest(bytes));
    let check = async |key: &str, etag: &str, bytes: &[u8]| {
        let event = event(&backend.photo(key), EventKind::CreatedPut, etag, bytes.len());
        backend.table.observe(&event).await.unwrap();
        assert_eq!(backend.store.hash(&event.version()).await.unwrap(), expected(bytes), "{key}");
        let told = backend.store.head(&event.version()).await.unwrap().sha256;
        assert!(told.is_empty() || told == expected(bytes), "{key}: {told}");
        told.is_empty()
    };
    let put = |key: &str| backend.s3.put_object().bucket(bucket).key(key).body(b"text".to_vec().into());
    let plain = put("plain").send().await.unwrap();
    assert!(check("plain", plain.e_tag().unwrap(), b"text").await);
    let summed = put("summed").checksum_algorithm(ChecksumAlgorithm::Sha256).send().await.unwrap();
    assert!(!check("summed", summed.e_tag().unwrap(), b"text").await, "S3 knows the hash");

    let upload = backend.s3.create_multipart_upload().bucket(bucket).key("parts");
    let upload = upload.checksum_algorithm(ChecksumAlgorithm::Sha256).send().await.unwrap().upload_id.unwrap();
    let mut parts = CompletedMultipartUpload::builder();
    for number in [1, 2] {
        let part = backend.s3.upload_part().bucket(bucket).key("parts").upload_id(&upload).part_number(number);
        let part = part.checksum_algorithm(ChecksumAlgorithm::Sha256).body(bytes.clone().into()).send().await.unwrap();
        parts = parts.parts(CompletedPart::builder().part_number(number).set_e_tag(part.e_tag).build());
    }
    let complete = backend.s3.complete_multipart_upload().bucket(bucket).key("parts").upload_id(&upload);
    let complete = complete.multipart_upload(parts.build()).send().await.unwrap();
    check("parts", complete.e_tag().unwrap(), &[bytes.clone(), bytes].concat()).await;
}

#[tokio::test]
#[ignore = "needs a moto server"]
async fn ranges_and_empty_sources_are_read() {
    let backend = Backend::fresh(1).await;
    let version = backend.upload(&backend.photo("a"), b"0123456789").await;
    for (range, expected) in [(0..10, "0123456789"), (3..4, "3"), (8..99, "89"), (10..99, ""), (5..5, "")] {
        assert_eq!(backend.store.read(&version, range.clone()).await.unwrap().as_ref(), expected.as_bytes(), "{range:?}");
    }
    let empty = backend.upload(&backend.photo("empty"), b"").await;
    assert_eq!(backend.store.read(&empty, 0..0).await.unwrap().len(), 0);
    assert_eq!(backend.store.read(&empty, 0..9).await.unwrap().len(), 0);
    assert_eq!(backend.store.hash(&empty).await.unwrap(), hex::encode(Sha256::digest(b"")));
}

#[tokio::test]
#[ignore = "needs a moto server"]
async fn a_storage_class_and_too_many_tags_are_minded() {
    let backend = Backend::fresh(1).await;
    let options = S3StoreOptions { storage_class: Some("STANDARD_IA".to_owned()) };
    let store = S3Store::new(backend.s3.clone(), backend.table.clone(), options);
    let source = backend.photo("a.jpg");
    let version = backend.upload(&source, b"x").await;
    let variants = vec![
        variant(&source, backend.print("made"), body("made")),
        variant(&source, backend.print("copied"), VariantBody::CopyOfSource),
    ];
    store.replace_variants(&version, SourceState::Present, "rule", variants).await.unwrap();
    for key in ["made", "copied"] {
        let head = backend.s3.head_object().bucket(backend.prints.as_str()).key(key).send().await.unwrap();
        assert_eq!(head.storage_class.unwrap().as_str(), "STANDARD_IA");
    }
    let tags = |range: std::ops::Range<u32>| range.map(|number| (format!("t{number}"), "1".to_owned())).collect();
    store.add_tags(&version, &tags(0..10)).await.unwrap();
    let refused = store.add_tags(&version, &tags(9..11)).await;
    assert!(matches!(refused, Err(StoreError::TooManyTags { .. })), "{refused:?}");
}

#[tokio::test]
#[ignore = "needs a moto server"]
async fn what_was_seen_before_another_function_wrote_is_not_believed() {
    let backend = Backend::fresh(1).await;
    let source = backend.photo("a.jpg");
    let other = TableOptions { name: backend.table_name.clone(), ..TableOptions::new(backend.photos.clone()) };
    let other = Table::new(backend.dynamo.clone(), other);
    let set = |text: &str| vec![variant(&source, backend.print("v"), body(text))];
    // The same content each time, so that S3 tells nothing.
    for has_a_note in [false, true] {
        let older = backend.upload(&source, b"the same").await;
        if has_a_note {
            backend.store.replace_variants(&older, SourceState::Present, "rule", set("older")).await.unwrap();
        }
        let newer = event(&source, EventKind::CreatedPut, &etag_of(&backend, &source).await, 8);
        assert_eq!(other.observe(&newer).await.unwrap(), Observed::Current);
        let late = backend.store.replace_variants(&older, SourceState::Present, "rule", set("late")).await;
        assert!(matches!(late, Err(StoreError::Superseded { .. })), "{late:?}");
        let expected = if has_a_note { vec!["v"] } else { Vec::new() };
        assert_eq!(backend.prints().await, expected);
        if has_a_note {
            assert_eq!(backend.download(&backend.print("v")).await.unwrap().bytes, b"older");
        }
        // Seen again, and behind again, before it is recorded.
        let again = backend.upload(&source, b"the same").await;
        let newest = event(&source, EventKind::CreatedPut, &etag_of(&backend, &source).await, 8);
        assert_eq!(other.observe(&newest).await.unwrap(), Observed::Current);
        let recorded = backend.catalog.commit(processed(&again, "rule", Format::Jpeg, 8)).await.unwrap();
        assert_eq!(recorded, minilab_pipeline::Commit::Superseded);
        assert!(backend.catalog.image(&source).await.unwrap().is_none());
    }
}

async fn etag_of(backend: &Backend, source: &ObjectRef) -> String {
    let head = backend.s3.head_object().bucket(source.bucket.as_str()).key(source.key.as_str()).send().await.unwrap();
    head.e_tag.unwrap()
}
