//! The queue: leases, fencing, retries, dead letters, and what a restart leaves of them.
#![allow(clippy::unwrap_used)]

mod support;

use minilab_embedded::*;
use minilab_model::*;
use minilab_pipeline::{Catalog as _, CatalogWrite, Commit, RecordChange};
use std::time::Duration;
use support::*;

const LONG: Duration = Duration::from_secs(3600);

fn end(job: &LeasedJob, change: RecordChange) -> CatalogWrite {
    CatalogWrite {
        source: job.job.event.version(),
        rule: job.job.rule.clone(),
        change,
        notifications: Vec::new(),
        lease: Some(job.lease),
    }
}

fn failed() -> RecordChange {
    let failure = Failure { rule: "thumb".to_owned(), cause: FailureCause::NotAnImage, error: "not an image".to_owned() };
    RecordChange::Failed { info: None, variants: Vec::new(), failure, facts: None }
}

fn attempt(number: u32) -> Attempt {
    Attempt { number, ended_at: Timestamp::from_millis(0), cause: FailureCause::Unavailable, error: format!("attempt {number}") }
}

fn attempted(number: u32) -> FailedAttempt {
    FailedAttempt { attempt: attempt(number), facts: None }
}

async fn counts(store: &Embedded) -> [u64; 4] {
    let QueueCounts { ready, leased, waiting, dead } = store.queue_counts().await.unwrap();
    [ready, leased, waiting, dead]
}

#[tokio::test]
async fn jobs_are_claimed_in_order_and_once() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let mut arrivals = store.job_arrivals();
    for key in ["a", "b", "c"] {
        put(store, &format!("photos/input/{key}"), b"x").await.unwrap();
    }
    put(store, "photos/elsewhere", b"x").await.unwrap();
    assert!(arrivals.has_changed().unwrap());
    assert_eq!(*arrivals.borrow_and_update(), 3);
    let first = store.claim(small(2, LONG)).await.unwrap();
    let keys: Vec<_> = first.iter().map(|job| job.job.event.key.as_str()).collect();
    assert_eq!(keys, ["input/a", "input/b"]);
    let second = store.claim(small(2, LONG)).await.unwrap();
    assert_eq!(second.len(), 1);
    assert!(store.claim(small(2, LONG)).await.unwrap().is_empty());
    assert_eq!(store.pending_job(&at("photos/input/b")).await.unwrap(), Some(first[1].job.event.clone()));
    assert_eq!(store.catalog_commit(end(&first[0], RecordChange::Dropped)).await, Commit::Applied);
    assert_eq!(store.catalog_commit(end(&first[0], RecordChange::Dropped)).await, Commit::LeaseLost);
    assert_eq!(counts(store).await, [0, 2, 0, 0]);
    assert_eq!(store.pending_job(&at("photos/input/a")).await.unwrap(), None);
    fixture.check().await;
}

trait CommitShortly {
    async fn catalog_commit(&self, write: CatalogWrite) -> Commit;
}

impl CommitShortly for Embedded {
    async fn catalog_commit(&self, write: CatalogWrite) -> Commit {
        self.commit(write).await.unwrap()
    }
}

#[tokio::test]
async fn who_slept_through_its_lease_changes_nothing() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    put(store, "photos/input/a", b"x").await.unwrap();
    let slow = store.claim(small(1, Duration::ZERO)).await.unwrap().remove(0);
    let quick = store.claim(small(1, LONG)).await.unwrap().remove(0);
    assert_eq!(quick.lease.job_id, slow.lease.job_id);
    assert!(quick.lease.token > slow.lease.token);
    assert_eq!((slow.attempt, quick.attempt), (1, 2));
    assert_eq!(store.heartbeat(&[slow.lease, quick.lease], LONG).await.unwrap(), [slow.lease]);
    assert!(!store.retry_later(slow.lease, attempted(1), LONG).await.unwrap());
    assert!(!store.release(slow.lease).await.unwrap());
    assert_eq!(store.catalog_commit(end(&slow, failed())).await, Commit::LeaseLost);
    assert_eq!(store.image(&at("photos/input/a")).await.unwrap(), None);
    assert_eq!(store.catalog_commit(end(&quick, failed())).await, Commit::Applied);
    assert_eq!(counts(store).await, [0, 0, 0, 1]);
    fixture.check().await;
}

#[tokio::test]
async fn a_lease_that_ran_out_holds_until_another_claims() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    put(store, "photos/input/a", b"x").await.unwrap();
    let job = store.claim(small(1, Duration::ZERO)).await.unwrap().remove(0);
    assert!(store.next_due(Lane::Small).await.unwrap().is_some());
    assert!(store.heartbeat(&[job.lease], LONG).await.unwrap().is_empty());
    assert!(store.claim(small(1, LONG)).await.unwrap().is_empty());
    assert_eq!(store.catalog_commit(end(&job, RecordChange::Dropped)).await, Commit::Applied);
    assert_eq!(store.next_due(Lane::Small).await.unwrap(), None);
}

#[tokio::test]
async fn failures_wait_and_a_release_does_not_count() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    put(store, "photos/input/a", b"x").await.unwrap();
    let job = store.claim(small(1, LONG)).await.unwrap().remove(0);
    assert!(store.release(job.lease).await.unwrap());
    let job = store.claim(small(1, LONG)).await.unwrap().remove(0);
    assert_eq!(job.attempt, 1);
    assert!(store.retry_later(job.lease, attempted(1), LONG).await.unwrap());
    assert_eq!(counts(store).await, [0, 0, 1, 0]);
    assert!(store.claim(small(1, LONG)).await.unwrap().is_empty());
    assert!(store.next_due(Lane::Small).await.unwrap().unwrap() > job.job.event.time);
    let id = job.lease.job_id;
    assert!(store.retry_job(id).await.unwrap());
    let job = store.claim(small(1, LONG)).await.unwrap().remove(0);
    assert_eq!((job.attempt, job.attempts.clone()), (1, vec![attempt(1)]));
    assert_eq!(store.catalog_commit(end(&job, failed())).await, Commit::Applied);
    let letters = store.jobs(JobFilter { state: Some(JobState::Dead), max: 10, ..JobFilter::default() }).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].id, letters[0].state, letters[0].attempts.len()), (id, JobState::Dead, 2));
    assert_eq!(letters[0].attempts[1].error, "not an image");
    assert_eq!(letters[0].job, job.job);
    assert!(store.retry_job(id).await.unwrap() && !store.retry_job(id).await.unwrap());
    assert!(store.discard_job(id).await.unwrap() && !store.discard_job(id).await.unwrap());
    fixture.check().await;
}

#[tokio::test]
async fn a_restart_frees_what_was_claimed_and_keeps_the_rest() {
    let fixture = Fixture::new().await;
    for key in ["a", "b", "c", "d"] {
        put(&fixture.store, &format!("photos/input/{key}"), b"x").await.unwrap();
    }
    let jobs = fixture.store.claim(small(3, LONG)).await.unwrap();
    assert!(fixture.store.retry_later(jobs[1].lease, attempted(1), LONG).await.unwrap());
    fixture.store.catalog_commit(end(&jobs[2], failed())).await;
    let before = jobs[0].lease;
    let fixture = fixture.reopen().await;
    let store = &fixture.store;
    assert_eq!(counts(store).await, [2, 0, 1, 1]);
    let again = store.claim(small(10, LONG)).await.unwrap();
    assert_eq!(again[0].lease.job_id, before.job_id);
    assert_eq!((again[0].attempt, again.len()), (2, 2));
    assert_eq!(store.heartbeat(&[before], LONG).await.unwrap(), [before]);
    fixture.check().await;
}

#[tokio::test]
async fn a_newer_upload_takes_the_place_of_a_job_that_has_not_begun() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    put(store, "photos/input/a", b"1").await.unwrap();
    let begun = store.claim(small(1, LONG)).await.unwrap().remove(0);
    put(store, "photos/input/a", b"2").await.unwrap();
    put(store, "photos/input/a", b"3").await.unwrap();
    put(store, "photos/input/b", b"3").await.unwrap();
    assert_eq!(counts(store).await, [2, 1, 0, 0]);
    delete(store, "photos/input/a").await.unwrap();
    assert_eq!(counts(store).await, [2, 1, 0, 0]);
    assert_eq!(store.pending_job(&at("photos/input/a")).await.unwrap(), Some(begun.job.event.clone()));
    let jobs = store.claim(small(10, LONG)).await.unwrap();
    let actions: Vec<_> = jobs.iter().map(|job| (job.job.event.key.as_str(), job.job.action)).collect();
    assert_eq!(actions, [("input/b", Action::Process), ("input/a", Action::Remove)]);
    assert_eq!(store.catalog_commit(end(&begun, failed())).await, Commit::Superseded);
    assert_eq!(store.image(&at("photos/input/a")).await.unwrap(), None);
    assert_eq!(counts(store).await, [0, 2, 0, 0]);
    fixture.check().await;
}

#[tokio::test]
async fn a_job_is_queued_once_however_often_it_comes() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    put(store, "photos/input/a", b"1").await.unwrap();
    let job = store.claim(small(1, LONG)).await.unwrap().remove(0);
    assert_eq!(store.enqueue(vec![job.job.clone(), job.job.clone()], Priority::Foreground).await.unwrap(), 0);
    assert_eq!(store.catalog_commit(end(&job, RecordChange::Dropped)).await, Commit::Applied);
    assert_eq!(store.enqueue(vec![job.job.clone(), job.job.clone()], Priority::Foreground).await.unwrap(), 1);
    let again = store.claim(small(1, LONG)).await.unwrap().remove(0);
    assert!(again.lease.job_id > job.lease.job_id);
    fixture.check().await;
}
