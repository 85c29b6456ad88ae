//! Listing by pages, with and without delimiters.
#![allow(clippy::unwrap_used)]

mod support;

use minilab_embedded::*;
use support::*;

fn query(prefix: &str, delimiter: Option<&str>, after: Option<ListCursor>, max: usize) -> ListQuery {
    ListQuery { bucket: bucket("photos"), prefix: prefix.to_owned(), delimiter: delimiter.map(str::to_owned), after, max }
}

/// All pages of `max`, as keys and common prefixes in the order in which they come.
async fn all(store: &Embedded, prefix: &str, delimiter: Option<&str>, max: usize) -> Vec<String> {
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = store.list_objects(query(prefix, delimiter, after, max)).await.unwrap();
        let mut names: Vec<String> = page.entries.iter().map(|info| info.object.key.as_str().to_owned()).collect();
        names.extend(page.common_prefixes);
        names.sort();
        assert!(names.len() <= max);
        seen.extend(names);
        match page.next {
            Some(next) => after = Some(next),
            None => return seen,
        }
    }
}

#[tokio::test]
async fn pages_come_in_order_of_bytes() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let keys = ["a", "a/", "a/1", "a/b/2", "a/é", "a0", "b//c", "b/c", "z", "\u{FFFD}", "\u{10FFFF}", "ä"];
    for key in keys {
        put(store, &format!("photos/{key}"), key.as_bytes()).await.unwrap();
    }
    let mut sorted = keys.map(str::to_owned);
    sorted.sort();
    for max in [1, 2, 3, 100] {
        assert_eq!(all(store, "", None, max).await, sorted, "{max}");
        assert_eq!(all(store, "", Some("/"), max).await, ["a", "a/", "a0", "b/", "z", "ä", "\u{FFFD}", "\u{10FFFF}"]);
        assert_eq!(all(store, "a/", Some("/"), max).await, ["a/", "a/1", "a/b/", "a/é"]);
        assert_eq!(all(store, "b/", Some("/"), max).await, ["b//", "b/c"]);
        assert_eq!(all(store, "a", Some("b/"), max).await, ["a", "a/", "a/1", "a/b/", "a/é", "a0"]);
        assert_eq!(all(store, "none", Some("/"), max).await, Vec::<String>::new());
    }
    let page = store.list_objects(query("", None, Some(ListCursor::Key("a/1".to_owned())), 1)).await.unwrap();
    assert_eq!(page.entries[0].object.key.as_str(), "a/b/2");
    let page = store.list_objects(query("", Some("/"), Some(ListCursor::Prefix("a/".to_owned())), 1)).await.unwrap();
    assert_eq!(page.entries[0].object.key.as_str(), "a0");
    let page = store.list_objects(query("", None, None, 0)).await.unwrap();
    assert_eq!(page, ListPage::default());
    let nowhere = ListQuery { bucket: bucket("nowhere"), ..query("", None, None, 1) };
    assert!(matches!(store.list_objects(nowhere).await, Err(EmbeddedError::NoSuchBucket(_))));
}
