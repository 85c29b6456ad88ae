//! The catalog under random uploads, deletions, successes and failures: its totals are those of a recount.
#![allow(clippy::unwrap_used)]

mod support;

use minilab_embedded::*;
use minilab_model::*;
use minilab_pipeline::{Catalog as _, CatalogWrite, Commit, ObjectStore as _, RecordChange};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::sync::Arc;
use std::time::Duration;
use support::*;

#[derive(Debug, Clone)]
enum Operation {
    Put {
        key: u8,
        length: usize,
    },
    Delete {
        key: u8,
    },
    /// Ends up to so many jobs, each by the bits of a number.
    Work {
        jobs: usize,
        dice: u64,
    },
    /// Gives a dead letter another chance.
    Retry,
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let operation = prop_oneof![
        4 => (0..6_u8, 1..50_usize).prop_map(|(key, length)| Operation::Put { key, length }),
        2 => (0..6_u8).prop_map(|key| Operation::Delete { key }),
        5 => (1..5_usize, any::<u64>()).prop_map(|(jobs, dice)| Operation::Work { jobs, dice }),
        1 => Just(Operation::Retry),
    ];
    prop::collection::vec(operation, 80)
}

fn plan_two(event: &Event) -> Vec<Job> {
    let action = if event.kind.is_created() { Action::Process } else { Action::Remove };
    ["one", "two"].map(|rule| Job { event: event.clone(), rule: rule.to_owned(), action }).into()
}

#[test]
fn totals_are_those_of_a_recount() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut runner = TestRunner::new(ProptestConfig { cases: 15, failure_persistence: None, ..ProptestConfig::default() });
    let run = |operations: Vec<Operation>| {
        runtime.block_on(check(operations));
        Ok(())
    };
    runner.run(&operations(), run).unwrap();
}

async fn check(operations: Vec<Operation>) {
    let fixture = Fixture::in_memory().await;
    let store = &fixture.store;
    store.set_planner(Arc::new(plan_two));
    for operation in operations {
        match operation {
            Operation::Put { key, length } => {
                put(store, &format!("photos/{key}"), &bytes(key.into(), length)).await.unwrap();
            }
            Operation::Delete { key } => {
                delete(store, &format!("photos/{key}")).await.unwrap();
            }
            Operation::Work { jobs, dice } => {
                for (index, job) in store.claim(small(jobs, Duration::from_secs(60))).await.unwrap().iter().enumerate() {
                    work(store, job, dice >> (index * 8)).await;
                }
            }
            Operation::Retry => {
                let filter = JobFilter { state: Some(JobState::Dead), max: 1, ..JobFilter::default() };
                for letter in store.jobs(filter).await.unwrap() {
                    assert!(store.retry_job(letter.id).await.unwrap());
                }
            }
        }
        recount(store).await;
    }
    // With all work done, there is a record of each object and of nothing else.
    while let Some(job) = store.claim(small(1, Duration::from_secs(60))).await.unwrap().pop() {
        work(store, &job, 1).await;
    }
    recount(store).await;
    let query = ListQuery { bucket: bucket("photos"), prefix: String::new(), delimiter: None, after: None, max: 100 };
    let objects = store.list_objects(query).await.unwrap().entries;
    let mut records = store.recent_images(&bucket("photos"), 100).await.unwrap();
    records.sort_by(|left, right| left.key.cmp(&right.key));
    let current = |info: &ObjectInfo| (info.object.key.clone(), info.sequencer);
    let recorded: Vec<_> = records.iter().map(|record| (record.key.clone(), record.sequencer)).collect();
    assert_eq!(recorded, objects.iter().map(current).collect::<Vec<_>>());
    let report = fixture.check().await;
    assert_eq!(report.images, recorded.len() as u64);
}

async fn work(store: &Embedded, job: &LeasedJob, dice: u64) {
    let source = job.job.event.version();
    let change = match job.job.action {
        Action::Remove => RecordChange::Removed,
        Action::Process => match store.head(&source).await {
            Err(_) => RecordChange::Dropped,
            Ok(info) if dice.is_multiple_of(3) => RecordChange::Failed {
                info: dice.is_multiple_of(2).then_some(info),
                variants: Vec::new(),
                failure: Failure { rule: job.job.rule.clone(), cause: FailureCause::Damaged, error: "by the dice".to_owned() },
                facts: None,
            },
            Ok(info) => RecordChange::Processed {
                info,
                metadata: Box::new(metadata(source.sequencer)),
                variants: Vec::new(),
                recipe: String::new(),
            },
        },
    };
    let write = CatalogWrite { source, rule: job.job.rule.clone(), change, notifications: Vec::new(), lease: Some(job.lease) };
    assert_ne!(store.commit(write).await.unwrap(), Commit::LeaseLost);
}

fn metadata(sequencer: Sequencer) -> ImageMetadata {
    let format = if sequencer.0.is_multiple_of(2) { Format::Jpeg } else { Format::Png };
    ImageMetadata::new(format, 1, 1)
}

async fn recount(store: &Embedded) {
    let mut records = store.recent_images(&bucket("photos"), 100).await.unwrap();
    records.sort_by(|left, right| left.key.cmp(&right.key));
    let mut expected = CollectionStatistics::default();
    for record in &records {
        if record.state == ImageState::Failed {
            expected.failed += 1;
            continue;
        }
        expected.count += 1;
        expected.bytes += record.size_bytes;
        let format = record.metadata.as_ref().unwrap().format;
        *expected.types.entry(format.as_str().to_owned()).or_default() += 1;
        let sized = Some(SizedKey { key: record.key.clone(), size_bytes: record.size_bytes });
        if expected.largest.as_ref().is_none_or(|largest| largest.size_bytes < record.size_bytes) {
            expected.largest = sized.clone();
        }
        if expected.smallest.as_ref().is_none_or(|smallest| smallest.size_bytes > record.size_bytes) {
            expected.smallest = sized;
        }
    }
    assert_eq!(store.statistics(&bucket("photos")).await.unwrap(), expected);
}
