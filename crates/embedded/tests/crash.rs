//! The process dies at any moment: what it acknowledged is there, whole, with its job, and nothing is half-written.
#![allow(clippy::unwrap_used)]

mod support;

use minilab_embedded::*;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use support::*;

/// Names the data directory to the child process that this test starts: itself.
const DATA_DIR: &str = "MINILAB_CRASH_TEST_DATA_DIR";
const ROUNDS: u32 = 20;

#[test]
fn what_was_acknowledged_survives_a_kill() {
    if let Some(data_dir) = std::env::var_os(DATA_DIR) {
        return upload_for_ever(Path::new(&data_dir));
    }
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged: BTreeMap<String, u32> = BTreeMap::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["what_was_acknowledged_survives_a_kill", "--exact", "--nocapture"])
            .env(DATA_DIR, directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // The kill comes after a number of acknowledgements that differs from round to round, in the midst of others.
        let mut left = 5 + round * 7 % 40;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let Some((key, seed)) = line.strip_prefix("put ").and_then(|rest| rest.split_once(' ')) else { continue };
            acknowledged.insert(key.to_owned(), seed.parse().unwrap());
            left = left.saturating_sub(1);
            if left == 0 {
                // More lines can follow that were written before: they count, too.
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert_eq!(left, 0, "the child ended by itself");
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(check(directory.path(), &acknowledged));
    }
}

async fn check(data_dir: &Path, acknowledged: &BTreeMap<String, u32>) {
    let report = fsck(data_dir, |_| ()).unwrap();
    assert!(report.findings.iter().all(|finding| !finding.serious), "{report:?}");
    let store = Embedded::open(OpenOptions { limits: limits(), ..OpenOptions::new(data_dir) }).unwrap();
    let mut newest = BTreeMap::new();
    for (key, seed) in acknowledged {
        let content = get(&store, &format!("photos/{key}")).await.unwrap();
        // A later upload of the key may have been written without being acknowledged, but never an earlier one.
        let found = u32::from_be_bytes(content[..4].try_into().unwrap());
        assert!(found >= *seed, "{key}: {found} is older than {seed}");
        assert_eq!(content, content_of(found), "{key}");
        newest.insert(key.clone(), store.object(&at(&format!("photos/{key}"))).await.unwrap().sequencer);
    }
    let jobs = store.jobs(JobFilter { max: usize::MAX, ..JobFilter::default() }).await.unwrap();
    for (key, sequencer) in newest {
        let found = jobs.iter().any(|job| job.job.event.key.as_str() == key && job.job.event.sequencer == sequencer);
        assert!(found, "{key} has no job");
    }
    store.collect_garbage().await;
    store.close().await;
    assert_eq!(fsck(data_dir, |_| ()).unwrap().findings, []);
}

fn content_of(seed: u32) -> Vec<u8> {
    let length = if seed.is_multiple_of(3) { 50_000 } else { 500 };
    [&seed.to_be_bytes()[..], &bytes(seed, length)].concat()
}

/// Uploads over the same few keys from four tasks and says so, until it is killed.
fn upload_for_ever(data_dir: &Path) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let planner = std::sync::Arc::new(plan);
        let store = Embedded::open(OpenOptions { limits: limits(), planner, ..OpenOptions::new(data_dir) }).unwrap();
        store.create_bucket(&bucket("photos")).await.unwrap();
        // Seeds go on rising from one process to the next.
        let last = store.buckets().await.unwrap().len() as u32;
        let begin = put(&store, "photos/begin", b"x").await.unwrap().sequencer.0 as u32 + last;
        let tasks = (0..4_u32).map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for number in 0.. {
                    let seed = (begin + number) * 4 + task;
                    let key = format!("input/{task}-{}", number % 5);
                    put(&store, &format!("photos/{key}"), &content_of(seed)).await.unwrap();
                    let mut stdout = std::io::stdout().lock();
                    writeln!(stdout, "put {key} {seed}").unwrap();
                    stdout.flush().unwrap();
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
}
