//! Lists, and keys of every kind.

use super::*;
use minilab_aws::stores::{ListOrder, ListRequest};
use minilab_pipeline::{Catalog as _, ObjectStore as _, SourceState};

/// All pages, and how many there were.
async fn pages(backend: &Backend, order: ListOrder, limit: usize) -> (Vec<String>, usize) {
    let mut request = ListRequest { bucket: backend.photos.clone(), order, limit, cursor: None };
    let (mut keys, mut count) = (Vec::new(), 0);
    loop {
        let page = backend.catalog.list(&request).await.unwrap();
        assert!(page.records.len() <= limit);
        keys.extend(page.records.into_iter().map(|record| record.key.as_str().to_owned()));
        count += 1;
        match page.next {
            Some(next) => request.cursor = Some(next),
            None => return (keys, count),
        }
    }
}

#[tokio::test]
#[ignore = "needs a moto server"]
async fn lists_come_in_pages() {
    let backend = Backend::fresh(3).await;
    let mut uploaded = Vec::new();
    for number in [3, 1, 4, 15, 9, 2, 6, 5, 35, 8, 97] {
        for directory in ["a", "b"] {
            let key = format!("{directory}/{number:02}.jpg");
            let version = backend.upload(&backend.photo(&key), b"x").await;
            backend.catalog.commit(processed(&version, "one", Format::Jpeg, 7)).await.unwrap();
            uploaded.push(key);
            // Uploads of one millisecond would be in the order of their keys.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    let by_key = |prefix: &str| ListOrder::Key { prefix: prefix.to_owned() };
    let mut sorted = uploaded.clone();
    sorted.sort();
    let of_b: Vec<_> = sorted.iter().filter(|key| key.starts_with("b/")).cloned().collect();
    for (limit, of_22, of_11) in [(4, 6, 3), (11, 2, 1), (22, 1, 1), (1, 22, 11)] {
        let newest: Vec<_> = uploaded.iter().rev().cloned().collect();
        assert_eq!(pages(&backend, ListOrder::Newest, limit).await, (newest, of_22), "{limit}");
        assert_eq!(pages(&backend, by_key(""), limit).await, (sorted.clone(), of_22), "{limit}");
        assert_eq!(pages(&backend, by_key("b/"), limit).await, (of_b.clone(), of_11), "{limit}");
    }
    for nothing in ["c", "b/98", &"x".repeat(3000)] {
        assert_eq!(pages(&backend, by_key(nothing), 4).await, (Vec::new(), 1));
    }
    let page = |cursor: &str, order| {
        let cursor = Some(cursor.to_owned());
        let request = ListRequest { bucket: backend.photos.clone(), order, limit: 0, cursor };
        let catalog = &backend.catalog;
        async move { catalog.list(&request).await.unwrap().records.len() }
    };
    assert_eq!(page("a/99", by_key("")).await, 1, "a limit of none is taken for one");
    assert_eq!((page("zzz", by_key("b/")).await, page("", ListOrder::Newest).await), (0, 1));
    assert_eq!(page(&"x".repeat(3000), ListOrder::Newest).await, 0);
}

#[tokio::test]
#[ignore = "needs a moto server"]
async fn keys_of_every_kind_go_all_the_way() {
    let backend = Backend::fresh(2).await;
    let keys = [
        "a b+c%20.jpg".to_owned(),
        "ä/🖼/ö.jpg".to_owned(),
        "a//b/../c".to_owned(),
        "s3://other/x".to_owned(),
        "minilab#source#x".to_owned(),
        "quote\"'<>&?#=;,:@!$*()[]{}|\\^`~".to_owned(),
        " leads and trails ".to_owned(),
        "x".repeat(1024),
        "ä".repeat(512),
        "🖼".repeat(256),
    ];
    for key in &keys {
        let source = backend.photo(key);
        let version = backend.upload(&source, key.as_bytes()).await;
        let info = backend.store.head(&version).await.unwrap();
        assert_eq!(info.size_bytes, key.len() as u64);
        assert_eq!(backend.store.read(&version, 0..info.size_bytes).await.unwrap().as_ref(), key.as_bytes(), "{key}");
        let made = variant(&source, backend.print(key), body(key));
        let copy = variant(&source, backend.print(&key.chars().rev().collect::<String>()), VariantBody::CopyOfSource);
        backend.store.replace_variants(&version, SourceState::Present, "rule", vec![made, copy.clone()]).await.unwrap();
        assert_eq!(backend.download(&backend.print(key)).await.unwrap().bytes, key.as_bytes(), "{key}");
        assert_eq!(backend.download(&copy.destination).await.unwrap().bytes, key.as_bytes(), "{key}");
        backend.catalog.commit(processed(&version, "rule", Format::Jpeg, info.size_bytes)).await.unwrap();
        assert_eq!(backend.catalog.image(&source).await.unwrap().unwrap().key, source.key);
    }
    let mut sorted = keys.clone();
    sorted.sort();
    assert_eq!(pages(&backend, ListOrder::Key { prefix: String::new() }, 3).await, (sorted.into(), 4));
    let newest: Vec<_> = keys.iter().rev().cloned().collect();
    assert_eq!(pages(&backend, ListOrder::Newest, 3).await.0, newest);
    let totals = backend.catalog.statistics(&backend.photos).await.unwrap();
    assert_eq!((totals.count, totals.largest.map(|sized| sized.size_bytes)), (10, Some(1024)));
    for key in &keys {
        let removal = backend.remove(&backend.photo(key)).await;
        backend.store.replace_variants(&removal, SourceState::Gone, "rule", Vec::new()).await.unwrap();
        backend.catalog.commit(write(&removal, "rule", RecordChange::Removed)).await.unwrap();
    }
    assert!(backend.prints().await.is_empty());
    assert_eq!(backend.catalog.statistics(&backend.photos).await.unwrap(), CollectionStatistics::default());
}
