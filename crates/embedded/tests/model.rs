//! The store against a model: random operations on objects, the same done to a map, and compared after each.
#![allow(clippy::unwrap_used)]

mod support;

use minilab_embedded::*;
use minilab_model::*;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::collections::BTreeMap;
use support::*;

const KEYS: [&str; 7] = ["a", "a/b", "a/b/c", "a0", "input/x", "é", "z"];

#[derive(Debug, Clone)]
enum Operation {
    Put { key: usize, length: usize, condition: Condition },
    Delete { key: usize },
    DeleteMany { keys: Vec<usize> },
    Copy { from: usize, to: usize },
    Multipart { key: usize, lengths: Vec<usize>, abort: bool },
    Reopen,
    Collect,
}

#[derive(Debug, Clone, Copy)]
enum Condition {
    None,
    Absent,
    Present,
    Current,
    Other,
}

/// What stands at a key.
#[derive(Debug, Clone, PartialEq)]
struct Expected {
    content: Vec<u8>,
    etag: String,
    user: BTreeMap<String, String>,
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let key = || 0..KEYS.len();
    // Empty, inline, at the border, in a file.
    let length = || prop_oneof![Just(0), 1..1000_usize, Just(1024), Just(1025), 2000..400_000_usize];
    let condition = prop_oneof![
        4 => Just(Condition::None),
        1 => Just(Condition::Absent),
        1 => Just(Condition::Present),
        1 => Just(Condition::Current),
        1 => Just(Condition::Other),
    ];
    let operation = prop_oneof![
        10 => (key(), length(), condition).prop_map(|(key, length, condition)| Operation::Put { key, length, condition }),
        4 => key().prop_map(|key| Operation::Delete { key }),
        1 => prop::collection::vec(key(), 0..4).prop_map(|keys| Operation::DeleteMany { keys }),
        4 => (key(), key()).prop_map(|(from, to)| Operation::Copy { from, to }),
        3 => (key(), prop::collection::vec(10..3000_usize, 1..4), any::<bool>())
            .prop_map(|(key, lengths, abort)| Operation::Multipart { key, lengths, abort }),
        1 => Just(Operation::Reopen),
        1 => Just(Operation::Collect),
    ];
    prop::collection::vec(operation, 100)
}

#[test]
fn objects_behave_like_a_map() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut runner = TestRunner::new(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() });
    let run = |operations: Vec<Operation>| {
        runtime.block_on(check(operations));
        Ok(())
    };
    runner.run(&operations(), run).unwrap();
}

async fn check(operations: Vec<Operation>) {
    let mut fixture = Fixture::in_memory().await;
    let mut model: BTreeMap<&str, Expected> = BTreeMap::new();
    let mut sequencers: BTreeMap<&str, Sequencer> = BTreeMap::new();
    for (seed, operation) in (0..).zip(operations) {
        let changed = match operation {
            Operation::Reopen => {
                fixture = fixture.reopen().await;
                None
            }
            Operation::Collect => {
                fixture.store.collect_garbage().await;
                None
            }
            other => apply(&fixture.store, &mut model, other, seed).await,
        };
        if let Some((key, info)) = changed {
            let last = sequencers.insert(key, info.sequencer);
            assert!(last.is_none_or(|last| last < info.sequencer), "{key}: {last:?} {info:?}");
        }
        compare(&fixture.store, &model).await;
    }
    fixture.store.collect_garbage().await;
    fixture.check().await;
}

/// Does an operation to the store and the model; the key that was written, and what the store said of it.
async fn apply(
    store: &Embedded,
    model: &mut BTreeMap<&'static str, Expected>,
    operation: Operation,
    seed: u32,
) -> Option<(&'static str, ObjectInfo)> {
    match operation {
        Operation::Put { key, length, condition } => {
            let key = KEYS[key];
            let content = bytes(seed, length);
            let there = model.get(key).map(|expected| expected.etag.clone());
            let (precondition, passes) = conditions(condition, there.as_deref());
            let body = stage(store, &content).await.unwrap();
            let etag = body.etag();
            let user = BTreeMap::from([("seed".to_owned(), seed.to_string())]);
            let attributes = Attributes { user: user.clone(), ..Attributes::default() };
            let put = PutObject { precondition, attributes, ..put_of(&format!("photos/{key}"), body) };
            let answer = store.put_object(put).await;
            assert_eq!(answer.is_ok(), passes, "{key} {condition:?} {there:?} {answer:?}");
            let info = answer.ok()?;
            model.insert(key, Expected { content, etag, user });
            Some((key, info))
        }
        Operation::Delete { key } => {
            let was_there = delete(store, &format!("photos/{}", KEYS[key])).await.unwrap();
            assert_eq!(was_there, model.remove(KEYS[key]).is_some());
            None
        }
        Operation::DeleteMany { keys } => {
            let listed = keys.iter().map(|key| ObjectKey::new(KEYS[*key]).unwrap()).collect();
            let answers = store.delete_objects(&bucket("photos"), listed, Origin::default()).await.unwrap();
            let expected: Vec<_> = keys.iter().map(|key| model.remove(KEYS[*key]).is_some()).collect();
            assert_eq!(answers, expected);
            None
        }
        Operation::Copy { from, to } => {
            let copy = CopyObject {
                source: at(&format!("photos/{}", KEYS[from])),
                source_precondition: Precondition::default(),
                destination: at(&format!("photos/{}", KEYS[to])),
                precondition: Precondition::default(),
                attributes: None,
                tags: None,
                checksum: None,
                origin: Origin::default(),
            };
            let answer = store.copy_object(copy).await;
            let source = model.get(KEYS[from]).cloned();
            assert_eq!(answer.is_ok(), source.is_some(), "{answer:?}");
            model.insert(KEYS[to], source?);
            Some((KEYS[to], answer.unwrap()))
        }
        Operation::Multipart { key, lengths, abort } => {
            let object = at(&format!("photos/{}", KEYS[key]));
            let id = store.create_upload(&object, Attributes::default(), None).await.unwrap();
            let mut content = Vec::new();
            let mut parts = Vec::new();
            for (number, length) in (1..).zip(lengths) {
                let piece = bytes(seed + u32::from(number), length);
                let part = store.put_part(&object, &id, number, stage(store, &piece).await.unwrap()).await.unwrap();
                parts.push(CompletePart { number, etag: part.etag, checksum: None });
                content.extend(piece);
            }
            if abort {
                store.abort_upload(&object, &id).await.unwrap();
                return None;
            }
            let complete = CompleteUpload {
                object,
                id,
                parts,
                precondition: Precondition::default(),
                expected_size_bytes: None,
                expected_checksum: None,
                origin: Origin::default(),
            };
            let info = store.complete_upload(complete).await.unwrap();
            model.insert(KEYS[key], Expected { content, etag: info.etag.clone(), user: BTreeMap::new() });
            Some((KEYS[key], info))
        }
        Operation::Reopen | Operation::Collect => None,
    }
}

/// The condition of a put, and whether it holds where an object with this ETag (or none) stands.
fn conditions(condition: Condition, there: Option<&str>) -> (Precondition, bool) {
    let one_of = |etag: &str| Some(EtagCondition::OneOf(vec!["0".repeat(32), etag.to_owned()]));
    let none = Precondition::default();
    match condition {
        Condition::None => (none, true),
        Condition::Absent => (Precondition { if_none_match: Some(EtagCondition::Any), ..none }, there.is_none()),
        Condition::Present => (Precondition { if_match: Some(EtagCondition::Any), ..none }, there.is_some()),
        Condition::Current => (Precondition { if_match: one_of(there.unwrap_or("1")), ..none }, there.is_some()),
        Condition::Other => (Precondition { if_none_match: one_of(there.unwrap_or("1")), ..none }, there.is_none()),
    }
}

async fn compare(store: &Embedded, model: &BTreeMap<&str, Expected>) {
    let query = ListQuery { bucket: bucket("photos"), prefix: String::new(), delimiter: None, after: None, max: KEYS.len() + 1 };
    let listed = store.list_objects(query).await.unwrap().entries;
    let keys: Vec<_> = listed.iter().map(|info| info.object.key.as_str()).collect();
    assert_eq!(keys, model.keys().copied().collect::<Vec<_>>());
    for (info, expected) in listed.into_iter().zip(model.values()) {
        let (opened, reader) = store.open_object(&info.object).await.unwrap();
        assert_eq!(ObjectInfo { parts: None, ..opened }, info);
        let content = reader.read(0..u64::MAX).await.unwrap().to_vec();
        assert_eq!(Expected { content, etag: info.etag, user: info.attributes.user }, *expected);
    }
}
