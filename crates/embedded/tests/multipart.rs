//! Multipart uploads.
#![allow(clippy::unwrap_used)]

mod support;

use minilab_embedded::*;
use minilab_model::*;
use minilab_pipeline::ObjectStore as _;
use sha2::{Digest as _, Sha256};
use support::*;

async fn part(store: &Embedded, path: &str, id: &UploadId, number: u16, content: &[u8]) -> CompletePart {
    let part = store.put_part(&at(path), id, number, stage(store, content).await.unwrap()).await.unwrap();
    CompletePart { number, etag: part.etag, checksum: part.checksum.map(|checksum| checksum.value) }
}

fn complete(path: &str, id: &UploadId, parts: Vec<CompletePart>) -> CompleteUpload {
    CompleteUpload {
        object: at(path),
        id: id.clone(),
        parts,
        precondition: Precondition::default(),
        expected_size_bytes: None,
        expected_checksum: None,
        origin: Origin::default(),
    }
}

async fn begin(store: &Embedded, path: &str) -> UploadId {
    let checksum = Some((ChecksumAlgorithm::Crc32, ChecksumType::FullObject));
    store.create_upload(&at(path), Attributes::default(), checksum).await.unwrap()
}

#[tokio::test]
async fn parts_become_one_object() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = begin(store, "photos/input/a").await;
    let contents = [bytes(1, 300_000), bytes(2, 100), bytes(3, 70_000), bytes(4, 5)];
    let mut parts = Vec::new();
    // Gaps in the numbers are legal, and the order of uploading does not matter.
    for (number, content) in [(9, &contents[2]), (2, &contents[0]), (10_000, &contents[3]), (5, &contents[1])] {
        parts.push(part(store, "photos/input/a", &id, number, content).await);
    }
    parts.sort_by_key(|part| part.number);
    // One is uploaded again, one is left out.
    part(store, "photos/input/a", &id, 2, &bytes(9, 400_000)).await;
    parts[0] = part(store, "photos/input/a", &id, 2, &contents[0]).await;
    part(store, "photos/input/a", &id, 7, &bytes(8, 300_000)).await;
    let whole = contents.concat();
    let expected = CompleteUpload {
        expected_size_bytes: Some(whole.len() as u64),
        expected_checksum: Some(stage(store, &whole).await.unwrap().checksum().unwrap().value.clone()),
        ..complete("photos/input/a", &id, parts.clone())
    };
    let info = store.complete_upload(expected.clone()).await.unwrap();
    assert!(info.etag.ends_with("-4"), "{}", info.etag);
    assert_eq!(info.checksum.as_ref().map(|checksum| checksum.value.clone()), expected.expected_checksum);
    assert_eq!(info.parts, Some(vec![300_000, 100, 70_000, 5]));
    assert_eq!(store.object(&at("photos/input/a")).await.unwrap(), info);
    assert_eq!(get(store, "photos/input/a").await.unwrap(), whole);
    let (_, reader) = store.open_object(&at("photos/input/a")).await.unwrap();
    for range in [299_990..300_110, 0..1, 300_099..300_101, 370_104..370_105, 299_999..370_103] {
        let expected = &whole[range.start as usize..range.end as usize];
        assert_eq!(&reader.read(range.clone()).await.unwrap()[..], expected, "{range:?}");
        let pieces: Vec<_> = futures::TryStreamExt::try_collect(reader.clone().into_stream(range)).await.unwrap();
        assert_eq!(<[bytes::Bytes]>::concat(&pieces), expected);
    }
    // The hash of the whole is computed when the flow asks for it, and kept.
    let source = SourceVersion { object: info.object.clone(), sequencer: info.sequencer };
    let sha256: [u8; 32] = Sha256::digest(&whole).into();
    assert_eq!(info.sha256, None);
    assert_eq!(store.head(&source).await.unwrap().sha256, hex::encode(sha256));
    assert_eq!(store.object(&info.object).await.unwrap().sha256, Some(sha256));
    // Again: the same answer, no second event.
    assert_eq!(store.complete_upload(expected).await.unwrap(), info);
    assert_eq!(store.queue_counts().await.unwrap().ready, 1);
    assert!(matches!(store.abort_upload(&info.object, &id).await, Err(EmbeddedError::NoSuchUpload { .. })));
    let fixture = fixture.reopen().await;
    fixture.store.collect_garbage().await;
    assert_eq!(get(&fixture.store, "photos/input/a").await.unwrap(), whole);
    assert_eq!(fixture.check().await.blobs, 2);
}

#[tokio::test]
async fn a_reader_of_many_parts_outlives_the_object() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = begin(store, "photos/a").await;
    let mut parts = Vec::new();
    for number in 1..=3 {
        parts.push(part(store, "photos/a", &id, number, &bytes(number.into(), 50_000)).await);
    }
    store.complete_upload(complete("photos/a", &id, parts)).await.unwrap();
    let (_, reader) = store.open_object(&at("photos/a")).await.unwrap();
    delete(store, "photos/a").await.unwrap();
    store.collect_garbage().await;
    assert_eq!(reader.read(0..u64::MAX).await.unwrap(), [bytes(1, 50_000), bytes(2, 50_000), bytes(3, 50_000)].concat());
    drop(reader);
    store.collect_garbage().await;
    assert_eq!(fixture.check().await.blobs, 0);
}

#[tokio::test]
async fn what_is_wrong_with_a_complete_is_said() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = begin(store, "photos/a").await;
    let one = part(store, "photos/a", &id, 1, &bytes(1, 9)).await;
    let two = part(store, "photos/a", &id, 2, &bytes(2, 9)).await;
    let attempt = |change: CompleteUpload| async { store.complete_upload(change).await.unwrap_err() };
    let plain = |parts: &[&CompletePart]| complete("photos/a", &id, parts.iter().map(|part| (*part).clone()).collect());
    assert!(matches!(attempt(plain(&[])).await, EmbeddedError::InvalidPartOrder));
    assert!(matches!(attempt(plain(&[&two, &one])).await, EmbeddedError::InvalidPartOrder));
    assert!(matches!(attempt(plain(&[&one, &one])).await, EmbeddedError::InvalidPartOrder));
    let missing = CompletePart { number: 3, ..two.clone() };
    assert!(matches!(attempt(plain(&[&one, &missing])).await, EmbeddedError::InvalidPart { number: 3 }));
    let other = CompletePart { etag: two.etag.clone(), ..one.clone() };
    assert!(matches!(attempt(plain(&[&other])).await, EmbeddedError::InvalidPart { number: 1 }));
    let wrong_sum = CompletePart { checksum: Some("AAAAAA==".to_owned()), ..one.clone() };
    assert!(matches!(attempt(plain(&[&wrong_sum])).await, EmbeddedError::InvalidPart { number: 1 }));
    assert!(matches!(attempt(plain(&[&one, &two])).await, EmbeddedError::EntityTooSmall { number: 1, size_bytes: 9, .. }));
    let wrong_size = CompleteUpload { expected_size_bytes: Some(8), ..plain(&[&one]) };
    assert!(matches!(attempt(wrong_size).await, EmbeddedError::SizeMismatch { expected_bytes: 8, actual_bytes: 9 }));
    let wrong_whole = CompleteUpload { expected_checksum: Some("AAAAAA==".to_owned()), ..plain(&[&one]) };
    assert!(matches!(attempt(wrong_whole).await, EmbeddedError::ChecksumMismatch { .. }));
    let elsewhere = CompleteUpload { object: at("photos/b"), ..plain(&[&one]) };
    assert!(matches!(attempt(elsewhere).await, EmbeddedError::NoSuchUpload { .. }));
    put(store, "photos/a", b"there").await.unwrap();
    let precondition = Precondition { if_none_match: Some(EtagCondition::Any), ..Precondition::default() };
    let first = CompleteUpload { precondition, ..plain(&[&one]) };
    assert!(matches!(attempt(first).await, EmbeddedError::PreconditionFailed));
    for number in [0, 10_001] {
        let refused = store.put_part(&at("photos/a"), &id, number, stage(store, b"x").await.unwrap()).await;
        assert!(matches!(refused, Err(EmbeddedError::InvalidPartNumber { .. })));
    }
    // After all that, it can still be completed.
    assert_eq!(store.complete_upload(plain(&[&one])).await.unwrap().size_bytes, 9);
    fixture.check().await;
}

#[tokio::test]
async fn parts_and_uploads_are_listed_by_pages() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let mut ids = Vec::new();
    for path in ["photos/b", "photos/a/1", "photos/a/2", "photos/b", "photos/c"] {
        ids.push((path, begin(store, path).await));
    }
    let (path, id) = &ids[0];
    for number in [3, 1, 2] {
        part(store, path, id, number, &bytes(number.into(), 20)).await;
    }
    let page = store.list_parts(&at(path), id, 0, 2).await.unwrap();
    assert_eq!(page.parts.iter().map(|part| part.number).collect::<Vec<_>>(), [1, 2]);
    let page = store.list_parts(&at(path), id, page.next.unwrap(), 2).await.unwrap();
    assert_eq!((page.parts.len(), page.parts[0].number, page.next), (1, 3, None));

    let list = |prefix: &str, delimiter: Option<&str>, max| {
        let (prefix, delimiter) = (prefix.to_owned(), delimiter.map(str::to_owned));
        async move {
            let mut seen = Vec::new();
            let (mut key_marker, mut upload_id_marker) = (None, None);
            loop {
                let (prefix, delimiter) = (prefix.clone(), delimiter.clone());
                let query = UploadQuery { bucket: bucket("photos"), prefix, delimiter, key_marker, upload_id_marker, max };
                let page = store.list_uploads(query).await.unwrap();
                seen.extend(page.common_prefixes);
                seen.extend(page.uploads.into_iter().map(|upload| format!("{} {}", upload.object.key, upload.id)));
                match page.next {
                    Some((key, id)) => (key_marker, upload_id_marker) = (Some(key), id),
                    None => return seen,
                }
            }
        }
    };
    let named = |index: usize| format!("{} {}", ids[index].0.strip_prefix("photos/").unwrap(), ids[index].1);
    for max in [1, 2, 10] {
        assert_eq!(list("", None, max).await, [named(1), named(2), named(0), named(3), named(4)]);
        assert_eq!(list("", Some("/"), max).await, ["a/".to_owned(), named(0), named(3), named(4)]);
        assert_eq!(list("b", Some("/"), max).await, [named(0), named(3)]);
    }
    for (path, id) in &ids {
        store.abort_upload(&at(path), id).await.unwrap();
    }
    assert_eq!(list("", None, 10).await, Vec::<String>::new());
    fixture.check().await;
}
