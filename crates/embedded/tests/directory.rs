//! The data directory: its lock, its schema, its mode, and what fsck finds in a damaged one.
#![allow(clippy::unwrap_used)]

mod support;

use minilab_embedded::*;
use rusqlite::Connection;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use support::*;
use tempfile::TempDir;

fn index(directory: &TempDir) -> Connection {
    Connection::open(directory.path().join("index.db")).unwrap()
}

#[tokio::test]
async fn two_processes_cannot_have_it() {
    let fixture = Fixture::new().await;
    let path = fixture.directory.path().to_owned();
    let Err(refused) = Embedded::open(OpenOptions::new(&path)) else { panic!("opened twice") };
    let expected = format!("the data directory {} is in use by process {}", path.display(), std::process::id());
    assert_eq!(refused.to_string(), expected);
    assert!(matches!(fsck(&path, |_| ()), Err(OpenError::Locked { .. })));
    // Totals can be read meanwhile.
    put(&fixture.store, "photos/a", b"12345").await.unwrap();
    let statistics = read_statistics(&path).unwrap();
    assert_eq!((statistics.buckets[0].objects, statistics.buckets[0].object_bytes), (1, 5));
    fixture.check().await;
    drop(Embedded::open(OpenOptions::new(&path)));
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let fixture = Fixture::new().await;
    let other = fixture.store.clone();
    put(&other, "photos/a", b"x").await.unwrap();
    fixture.store.close().await;
    fixture.store.close().await;
    assert!(matches!(put(&other, "photos/a", b"x").await, Err(EmbeddedError::Stopped { .. })));
    assert!(matches!(get(&other, "photos/a").await, Err(EmbeddedError::Stopped { .. })));
    assert!(matches!(other.health(), Health::NotReady { .. }));
    let fixture = fixture.reopen().await;
    assert_eq!(get(&fixture.store, "photos/a").await.unwrap(), b"x");
}

#[tokio::test]
async fn a_newer_schema_is_left_alone() {
    let fixture = Fixture::new().await;
    let path = fixture.directory.path().to_owned();
    fixture.store.close().await;
    index(&fixture.directory).pragma_update(None, "user_version", 700).unwrap();
    let expected = "the data directory was written by a newer minilab (schema 700, this binary knows ";
    for refused in [Embedded::open(OpenOptions::new(&path)).err(), fsck(&path, |_| ()).err(), read_statistics(&path).err()] {
        let refused = refused.unwrap().to_string();
        assert!(refused.starts_with(expected) && refused.ends_with("; use that version or newer"), "{refused}");
    }
}

#[tokio::test]
async fn nobody_else_may_look_into_it() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("new/data");
    drop(Embedded::open(OpenOptions::new(&path)).unwrap());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(matches!(fsck(parent.path(), |_| ()), Err(OpenError::NoStore { .. })));
    assert!(matches!(read_statistics(parent.path()), Err(OpenError::NoStore { .. })));
}

/// A closed store with two objects that share a blob and one that is inline; the blob's path.
async fn closed_store() -> (TempDir, PathBuf) {
    let fixture = Fixture::new().await;
    put(&fixture.store, "photos/long", &bytes(1, 5000)).await.unwrap();
    put(&fixture.store, "photos/short", b"short").await.unwrap();
    let copy = CopyObject {
        source: at("photos/long"),
        source_precondition: Precondition::default(),
        destination: at("prints/copy"),
        precondition: Precondition::default(),
        attributes: None,
        tags: None,
        checksum: None,
        origin: Origin::default(),
    };
    fixture.store.copy_object(copy).await.unwrap();
    fixture.store.close().await;
    let blob = blobs(fixture.directory.path()).remove(0);
    (fixture.directory, blob)
}

fn blobs(data_dir: &Path) -> Vec<PathBuf> {
    let directories = fs::read_dir(data_dir.join("blobs")).unwrap();
    directories.flat_map(|entry| fs::read_dir(entry.unwrap().path()).unwrap()).map(|entry| entry.unwrap().path()).collect()
}

/// What fsck finds, as subject and problem.
fn findings(directory: &TempDir) -> Vec<(String, String, bool)> {
    let report = fsck(directory.path(), |_| ()).unwrap();
    report.findings.into_iter().map(|finding| (finding.subject, finding.problem, finding.serious)).collect()
}

#[tokio::test]
async fn fsck_finds_nothing_where_nothing_is_wrong() {
    let (directory, _) = closed_store().await;
    let mut last = FsckProgress::default();
    let report = fsck(directory.path(), |progress| last = progress).unwrap();
    assert_eq!((report.objects, report.bytes, report.blobs, report.findings.len()), (3, 5005, 1, 0));
    assert_eq!(last, FsckProgress { bytes: 5005, total_bytes: 5005 });
}

#[tokio::test]
async fn fsck_finds_a_flipped_bit() {
    let (directory, blob) = closed_store().await;
    let mut content = fs::read(&blob).unwrap();
    content[4321] ^= 1;
    fs::write(&blob, content).unwrap();
    let found = findings(&directory);
    let subjects: Vec<_> = found.iter().map(|(subject, _, serious)| (subject.as_str(), *serious)).collect();
    assert_eq!(subjects, [("object photos/long", true), ("object prints/copy", true)]);
    assert!(found[0].1.ends_with("is not what was written: its SHA-256 differs"), "{}", found[0].1);
}

#[tokio::test]
async fn fsck_finds_a_short_and_a_missing_blob() {
    let (directory, blob) = closed_store().await;
    fs::File::options().write(true).open(&blob).unwrap().set_len(4999).unwrap();
    assert!(findings(&directory)[0].1.ends_with("has 4999 bytes instead of 5000"));
    fs::remove_file(&blob).unwrap();
    assert!(findings(&directory)[0].1.ends_with("is missing"));
}

#[tokio::test]
async fn fsck_finds_an_orphan_and_the_next_start_removes_it() {
    let (directory, _) = closed_store().await;
    let orphan = directory.path().join("blobs/00/00112233445566778899aabbccddeeff");
    fs::write(&orphan, "x").unwrap();
    let found = findings(&directory);
    assert_eq!((found.len(), found[0].0.as_str(), found[0].2), (1, "blob 00112233445566778899aabbccddeeff", false));
    let store = Embedded::open(options(&directory, limits())).unwrap();
    store.collect_garbage().await;
    store.close().await;
    assert!(!orphan.exists());
    assert_eq!(findings(&directory), []);
}

#[tokio::test]
async fn fsck_finds_what_the_index_has_wrong() {
    let check = |sql: &'static str, subject: &'static str| async move {
        let (directory, _) = closed_store().await;
        assert!(index(&directory).execute(sql, ()).unwrap() > 0);
        let found = findings(&directory);
        assert!(found.iter().any(|(about, _, serious)| about == subject && *serious), "{sql}: {found:?}");
    };
    check("UPDATE body SET inline = CAST('sHort' AS BLOB) WHERE inline IS NOT NULL", "object photos/short").await;
    check("UPDATE body SET use_count = 3 WHERE blob IS NOT NULL", "body 1").await;
    check("DELETE FROM object WHERE key = CAST('copy' AS BLOB)", "body 1").await;
    check("UPDATE object SET size_bytes = 4 WHERE key = CAST('short' AS BLOB)", "object photos/short").await;
    check("DELETE FROM body WHERE inline IS NOT NULL", "object photos/short").await;
    check("INSERT INTO statistic VALUES ('photos', 1, 0, 0)", "statistics of bucket photos").await;
    check("UPDATE counter SET value = 1", "object photos/short").await;
    let job = "INSERT INTO job (id, idempotency_key, sequencer, rule, action, state, due_ms, created_ms)
               VALUES (1, 'k', 9, 'r', 'process', 'ready', 0, 0)";
    check(job, "job 1").await;
    check("INSERT INTO share VALUES (1, 1, 'photos/', 1, 1)", "share 1").await;
    check("INSERT INTO flow VALUES (1, 'small', 'foreground', '', 1, 1, 1)", "flow 1").await;
    check("UPDATE queue_count SET count = 1 WHERE lane = 'large' AND state = 'dead'", "the dead jobs of lane large").await;
}
