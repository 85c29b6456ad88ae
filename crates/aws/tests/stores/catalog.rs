//! Records and totals when many write at the same time.

use super::*;
use futures::StreamExt as _;
use minilab_pipeline::{Catalog as _, Commit};
use std::collections::BTreeMap;

/// Commits eight at a time.
async fn commit_all(backend: &Backend, writes: Vec<CatalogWrite>) {
    let commits = futures::stream::iter(writes.into_iter().map(|write| backend.catalog.commit(write)));
    let ends: Vec<_> = commits.buffer_unordered(8).collect().await;
    assert!(ends.iter().all(|end| *end.as_ref().unwrap() == Commit::Applied));
}

#[tokio::test]
#[ignore = "needs a moto server"]
async fn totals_are_exact_whoever_writes_at_the_same_time() {
    let backend = Backend::fresh(2).await;
    let format = |number: u64| if number.is_multiple_of(3) { Format::Png } else { Format::Jpeg };
    let mut versions = Vec::new();
    for number in 0..24_u64 {
        versions.push((number, backend.upload(&backend.photo(&format!("{number}.jpg")), b"x").await));
    }
    // Each event comes twice.
    let twice = versions.iter().chain(&versions);
    commit_all(&backend, twice.map(|(n, version)| processed(version, "one", format(*n), 100 + n)).collect()).await;
    // Some are written again, some go, one is broken.
    let mut writes = Vec::new();
    let mut expected = CollectionStatistics::default();
    for (number, version) in &mut versions {
        let mut size_bytes = 100 + *number;
        match *number {
            0..4 => {
                let removal = backend.remove(&version.object).await;
                let write = write(&removal, "one", RecordChange::Removed);
                writes.extend([write.clone(), write]);
                continue;
            }
            4..8 => {
                *version = backend.upload(&version.object, b"y").await;
                size_bytes += 1000;
                let write = processed(version, "one", format(*number), size_bytes);
                writes.extend([write.clone(), write]);
            }
            8 => {
                let failure = Failure { rule: "two".to_owned(), cause: FailureCause::Damaged, error: "broken".to_owned() };
                let change = RecordChange::Failed { info: None, variants: Vec::new(), failure, facts: None };
                writes.push(write(version, "two", change));
                expected.failed += 1;
                continue;
            }
            _ => {}
        }
        expected.count += 1;
        expected.bytes += size_bytes;
        *expected.types.entry(format(*number).as_str().to_owned()).or_default() += 1;
    }
    commit_all(&backend, writes).await;
    let key = |text: &str, size_bytes| Some(SizedKey { key: ObjectKey::new(text).unwrap(), size_bytes });
    (expected.largest, expected.smallest) = (key("7.jpg", 1107), key("9.jpg", 109));
    assert_eq!(backend.catalog.statistics(&backend.photos).await.unwrap(), expected);
    assert_eq!(backend.catalog.statistics(&backend.prints).await.unwrap(), CollectionStatistics::default());
}

#[tokio::test]
#[ignore = "needs a moto server"]
async fn rules_at_the_same_time_are_all_recorded_and_told_once() {
    let backend = Backend::fresh(1).await;
    let version = backend.upload(&backend.photo("a.jpg"), b"x").await;
    let rules = ["one", "two", "three", "four"];
    let told = |outcome, rule: &str| vec![note(&version, rule, outcome)];
    let writes = rules.iter().flat_map(|rule| {
        let mut write = processed(&version, rule, Format::Jpeg, 7);
        write.notifications = told(Outcome::Processed, rule);
        [write.clone(), write.clone(), write]
    });
    commit_all(&backend, writes.collect()).await;
    let record = backend.catalog.image(&version.object).await.unwrap().unwrap();
    assert_eq!((record.state, record.sequencer), (ImageState::Processed, version.sequencer));
    let totals = backend.catalog.statistics(&backend.photos).await.unwrap();
    assert_eq!((totals.count, totals.bytes), (1, 7));
    assert_eq!(told_rules(&backend).await, BTreeMap::from(rules.map(|rule| (rule.to_owned(), 1))));

    let removal = backend.remove(&version.object).await;
    let writes = rules.iter().chain(&["never ran"]).flat_map(|rule| {
        let mut write = write(&removal, rule, RecordChange::Removed);
        write.notifications = vec![note(&removal, rule, Outcome::Removed)];
        [write.clone(), write]
    });
    commit_all(&backend, writes.collect()).await;
    assert_eq!(backend.catalog.image(&version.object).await.unwrap(), None);
    assert_eq!(backend.catalog.statistics(&backend.photos).await.unwrap(), CollectionStatistics::default());
    assert_eq!(told_rules(&backend).await, BTreeMap::from(rules.map(|rule| (rule.to_owned(), 2))), "one more for each");
}

/// How many notifications of each rule are in the table.
async fn told_rules(backend: &Backend) -> BTreeMap<String, u32> {
    let mut told = BTreeMap::new();
    for item in backend.items(table::NOTIFICATION_KIND).await {
        assert!(item.contains_key(table::EXPIRES));
        let notification: Notification = serde_json::from_str(item[table::NOTIFICATION].as_s().unwrap()).unwrap();
        let Message::Outcome(message) = notification.message else { panic!("an outcome is told") };
        *told.entry(message.rule).or_default() += 1;
    }
    told
}

#[tokio::test]
#[ignore = "needs a moto server"]
async fn a_commit_whose_answer_is_lost_counts_once() {
    let backend = Backend::fresh(1).await;
    for requests in 0..6 {
        for loss in [wire::Loss::Request, wire::Loss::Answer] {
            let version = backend.upload(&backend.photo("a.jpg"), b"x").await;
            backend.wire.break_after(requests, loss);
            let _ = backend.catalog.commit(processed(&version, "one", Format::Jpeg, 7)).await;
            backend.wire.mend();
            backend.catalog.commit(processed(&version, "one", Format::Jpeg, 7)).await.unwrap();
            let totals = backend.catalog.statistics(&backend.photos).await.unwrap();
            assert_eq!((totals.count, totals.bytes), (1, 7), "{requests} {loss:?}");
        }
    }
}

#[tokio::test]
#[ignore = "needs a moto server"]
async fn among_equals_the_first_by_key_is_largest_and_smallest() {
    let backend = Backend::fresh(3).await;
    let long = |end: &str| format!("{}{end}", "z".repeat(1020));
    let sized = [("d", 5), ("b", 5), ("c", 9), ("a", 9), ("f", 9), ("e", 7), (&long("1"), 9), (&long("2"), 9)];
    for (key, size_bytes) in sized {
        let version = backend.upload(&backend.photo(key), b"x").await;
        backend.catalog.commit(processed(&version, "one", Format::Jpeg, size_bytes)).await.unwrap();
    }
    let totals = backend.catalog.statistics(&backend.photos).await.unwrap();
    let found = |sized: Option<SizedKey>| sized.map(|sized| (sized.key.as_str().to_owned(), sized.size_bytes));
    assert_eq!(found(totals.largest), Some(("a".to_owned(), 9)));
    assert_eq!(found(totals.smallest), Some(("b".to_owned(), 5)));
    assert_eq!((totals.count, totals.bytes), (8, 62));
}

#[tokio::test]
#[ignore = "needs a moto server"]
async fn an_item_of_a_table_that_was_there_before_keeps_what_it_has() {
    let backend = Backend::fresh(1).await;
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let put = backend.dynamo.put_item().table_name(&backend.table_name);
    put.item(table::DEFAULT_KEY, text("a.jpg")).item("Album", text("summer")).send().await.unwrap();
    let version = backend.upload(&backend.photo("a.jpg"), b"x").await;
    assert_eq!(backend.catalog.image(&version.object).await.unwrap(), None);
    backend.catalog.commit(processed(&version, "one", Format::Jpeg, 7)).await.unwrap();
    assert!(backend.catalog.image(&version.object).await.unwrap().is_some());
    let item = backend.items(table::IMAGE_KIND).await.pop().unwrap();
    assert_eq!((&item[table::DEFAULT_KEY], &item["Album"]), (&text("a.jpg"), &text("summer")));
    assert_eq!(backend.catalog.statistics(&backend.photos).await.unwrap().count, 1);
}
