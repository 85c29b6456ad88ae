//! Finding jobs and changing many at once; what is kept of failures; jobs that end their process.
#![allow(clippy::unwrap_used)]

mod support;

use minilab_embedded::*;
use minilab_model::*;
use minilab_pipeline::{Catalog as _, CatalogWrite, Commit, RecordChange};
use std::time::Duration;
use support::*;

const LONG: Duration = Duration::from_secs(3600);

fn facts() -> HeaderFacts {
    HeaderFacts { format: Format::Png, width: 30_001, height: 2, estimated_bytes: 240_008 }
}

fn attempt_that(cause: FailureCause, facts: Option<HeaderFacts>) -> FailedAttempt {
    let attempt = Attempt { number: 1, ended_at: Timestamp::from_millis(0), cause, error: cause.to_string() };
    FailedAttempt { attempt, facts }
}

async fn fail(store: &Embedded, job: &LeasedJob, cause: FailureCause, facts: Option<HeaderFacts>) {
    let failure = Failure { rule: "thumb".to_owned(), cause, error: cause.to_string() };
    let write = CatalogWrite {
        source: job.job.event.version(),
        rule: job.job.rule.clone(),
        change: RecordChange::Failed { info: None, variants: Vec::new(), failure, facts },
        notifications: Vec::new(),
        lease: Some(job.lease),
    };
    assert_eq!(store.commit(write).await.unwrap(), Commit::Applied);
}

async fn claim(store: &Embedded, max: usize) -> Vec<LeasedJob> {
    store.claim(small(max, LONG)).await.unwrap()
}

async fn ids(store: &Embedded, filter: JobFilter) -> Vec<i64> {
    store.jobs(filter).await.unwrap().into_iter().map(|info| info.id).collect()
}

/// Six jobs, by number: a, b, c dead (damaged, over a limit, damaged), d waits (unavailable), e is held, f is ready. `b`, `d` and `f`
/// are under `input/x/`.
async fn six() -> Fixture {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    for key in ["a", "x/b", "c", "x/d", "e"] {
        put(store, &format!("photos/input/{key}"), key.as_bytes()).await.unwrap();
    }
    let mut jobs = claim(store, 5).await;
    jobs.sort_by_key(|job| job.lease.job_id);
    fail(store, &jobs[0], FailureCause::Damaged, None).await;
    fail(store, &jobs[1], FailureCause::OverLimit, Some(facts())).await;
    fail(store, &jobs[2], FailureCause::Damaged, None).await;
    assert!(store.retry_later(jobs[3].lease, attempt_that(FailureCause::Unavailable, Some(facts())), LONG).await.unwrap());
    put(store, "photos/input/x/f", b"f").await.unwrap();
    fixture
}

#[tokio::test]
async fn jobs_are_found_by_what_they_are_and_how_they_failed() {
    let fixture = six().await;
    let store = &fixture.store;
    let all = || JobFilter::default();
    let check = async |filter: JobFilter, expected: &[i64]| assert_eq!(ids(store, filter.clone()).await, expected, "{filter:?}");
    check(all(), &[1, 2, 3, 4, 5, 6]).await;
    check(JobFilter { state: Some(JobState::Dead), ..all() }, &[1, 2, 3]).await;
    check(JobFilter { state: Some(JobState::Ready), ..all() }, &[6]).await;
    check(JobFilter { cause: Some(FailureCause::Damaged), ..all() }, &[1, 3]).await;
    check(JobFilter { state: Some(JobState::Waiting), cause: Some(FailureCause::Damaged), ..all() }, &[]).await;
    check(JobFilter { state: Some(JobState::Dead), cause: Some(FailureCause::OverLimit), ..all() }, &[2]).await;
    check(JobFilter { bucket: Some(bucket("photos")), ..all() }, &[1, 2, 3, 4, 5, 6]).await;
    check(JobFilter { bucket: Some(bucket("prints")), ..all() }, &[]).await;
    let under_x = JobFilter { bucket: Some(bucket("photos")), prefix: Some("input/x/".to_owned()), ..all() };
    check(under_x.clone(), &[2, 4, 6]).await;
    check(JobFilter { bucket: None, ..under_x.clone() }, &[2, 4, 6]).await;
    check(JobFilter { state: Some(JobState::Dead), ..under_x.clone() }, &[2]).await;
    check(JobFilter { max: 2, ..under_x.clone() }, &[2, 4]).await;
    check(JobFilter { max: 2, after: Some(4), ..under_x }, &[6]).await;
    check(JobFilter { rule: Some("thumb".to_owned()), after: Some(5), ..all() }, &[6]).await;
    check(JobFilter { rule: Some("other".to_owned()), ..all() }, &[]).await;

    let dead = store.job(2).await.unwrap().unwrap();
    assert_eq!((dead.cause, dead.facts), (Some(FailureCause::OverLimit), Some(facts())));
    assert_eq!((dead.lane, dead.priority, dead.state), (Lane::Small, Priority::Foreground, JobState::Dead));
    let waiting = store.job(4).await.unwrap().unwrap();
    assert_eq!((waiting.cause, waiting.facts), (Some(FailureCause::Unavailable), Some(facts())));
    let ready = store.job(6).await.unwrap().unwrap();
    assert_eq!((ready.cause, ready.facts), (None, None));
    assert!(store.job(7).await.unwrap().is_none());
    fixture.check().await;
}

#[tokio::test]
async fn facts_outlive_a_later_failure_without_any() {
    let fixture = six().await;
    let store = &fixture.store;
    assert!(store.retry_job(4).await.unwrap());
    let jobs = claim(store, 10).await;
    let job = jobs.iter().find(|job| job.lease.job_id == 4).unwrap();
    fail(store, job, FailureCause::Deadline, None).await;
    let info = store.job(4).await.unwrap().unwrap();
    assert_eq!((info.cause, info.facts), (Some(FailureCause::Deadline), Some(facts())));
    let log: Vec<_> = info.attempts.iter().map(|attempt| attempt.cause).collect();
    assert_eq!(log, [FailureCause::Unavailable, FailureCause::Deadline]);
}

#[tokio::test]
async fn many_are_retried_and_discarded_at_once() {
    let fixture = six().await;
    let store = &fixture.store;
    let matching = |cause, state| JobSelection::Matching(JobMatch { cause, state, ..JobMatch::default() });
    // Neither those that are held nor those that are ready already.
    assert_eq!(store.retry_jobs(JobSelection::Ids(vec![5, 6, 7])).await.unwrap(), 0);
    assert_eq!(store.retry_jobs(matching(Some(FailureCause::Damaged), None)).await.unwrap(), 2);
    assert_eq!(ids(store, JobFilter { state: Some(JobState::Ready), ..JobFilter::default() }).await, [1, 3, 6]);
    assert_eq!(store.job(1).await.unwrap().unwrap().attempt, 0);
    assert_eq!(store.retry_jobs(matching(None, None)).await.unwrap(), 2);
    assert_eq!(store.discard_jobs(JobSelection::Ids(vec![1, 1, 99])).await.unwrap(), 1);
    assert_eq!(store.discard_jobs(matching(None, Some(JobState::Dead))).await.unwrap(), 0);
    let under_x = JobMatch { bucket: Some(bucket("photos")), prefix: Some("input/x/".to_owned()), ..JobMatch::default() };
    assert_eq!(store.discard_jobs(JobSelection::Matching(under_x)).await.unwrap(), 3);
    assert_eq!(ids(store, JobFilter::default()).await, [3, 5]);
    assert_eq!(store.discard_jobs(matching(None, None)).await.unwrap(), 2);
    assert_eq!(store.queue_counts().await.unwrap(), QueueCounts::default());
    fixture.check().await;
}

#[tokio::test]
async fn more_than_one_transaction_holds_are_changed_to_the_last() {
    let fixture = Fixture::in_memory().await;
    let store = &fixture.store;
    let event = |number: u64| Event {
        kind: EventKind::CreatedPut,
        bucket: bucket("photos"),
        key: ObjectKey::new(format!("{number}")).unwrap(),
        sequencer: Sequencer(number),
        etag: String::new(),
        size_bytes: 0,
        time: Timestamp::from_millis(0),
        request_id: None,
        requester: None,
    };
    let jobs = (1..=1_700).map(|number| Job { event: event(number), rule: "thumb".to_owned(), action: Action::Process }).collect();
    assert_eq!(store.enqueue(jobs, Priority::Background).await.unwrap(), 1_700);
    for job in claim(store, 1_200).await {
        assert!(store.retry_later(job.lease, attempt_that(FailureCause::Unavailable, None), LONG).await.unwrap());
    }
    let report = store.queue_report().await.unwrap();
    let counts = QueueCounts { ready: 500, waiting: 1_200, ..QueueCounts::default() };
    assert_eq!(report.lanes, [(Lane::Small, counts), (Lane::Large, QueueCounts::default())]);
    assert!(report.oldest_ready.is_some() && report.oldest_waiting.is_some());
    let waiting = JobMatch { state: Some(JobState::Waiting), ..JobMatch::default() };
    assert_eq!(store.retry_jobs(JobSelection::Matching(waiting)).await.unwrap(), 1_200);
    assert_eq!(store.discard_jobs(JobSelection::Matching(JobMatch::default())).await.unwrap(), 1_700);
    let report = store.queue_report().await.unwrap();
    assert_eq!((report.oldest_ready, report.oldest_waiting), (None, None));
    fixture.check().await;
}

#[tokio::test]
async fn a_job_that_ends_the_process_each_time_is_handed_out_to_be_given_up() {
    let mut fixture = Fixture::new().await;
    put(&fixture.store, "photos/input/poison", b"x").await.unwrap();
    for attempt in 1..=5 {
        let job = claim(&fixture.store, 1).await.pop().unwrap();
        assert_eq!((job.attempt, job.exhausted, job.attempts.len()), (attempt, false, attempt as usize - 1));
        // The process dies with the job in its hands.
        fixture = fixture.reopen().await;
        let info = fixture.store.job(job.lease.job_id).await.unwrap().unwrap();
        assert_eq!(info.cause, Some(FailureCause::LeaseExpired));
        // The first time it may have been by chance; later it waits.
        let expected = if attempt == 1 { JobState::Ready } else { JobState::Waiting };
        assert_eq!(info.state, expected);
        if info.state == JobState::Waiting {
            make_due(&fixture, info.id);
            fixture = fixture.reopen().await;
        }
    }
    let store = &fixture.store;
    let job = claim(store, 1).await.pop().unwrap();
    assert_eq!((job.attempt, job.exhausted), (5, true));
    let numbers: Vec<_> = job.attempts.iter().map(|attempt| (attempt.number, attempt.cause)).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5].map(|number| (number, FailureCause::LeaseExpired)));
    // Even if the end cannot be written, or is not lived to see, it is not run again.
    assert!(store.retry_later(job.lease, attempt_that(FailureCause::Unavailable, None), Duration::ZERO).await.unwrap());
    let job = claim(store, 1).await.pop().unwrap();
    assert_eq!((job.attempt, job.exhausted, job.attempts.len()), (5, true, 5));
    assert!(store.release(job.lease).await.unwrap());
    let job = claim(store, 1).await.pop().unwrap();
    assert!(job.exhausted);
    fail(store, &job, FailureCause::LeaseExpired, None).await;
    let info = store.job(job.lease.job_id).await.unwrap().unwrap();
    assert_eq!((info.state, info.cause, info.attempts.len()), (JobState::Dead, Some(FailureCause::LeaseExpired), 5));
    // A person may try it again, from the beginning.
    assert!(store.retry_job(info.id).await.unwrap());
    let job = claim(store, 1).await.pop().unwrap();
    assert_eq!((job.attempt, job.exhausted, job.attempts.len()), (1, false, 5));
    fixture.check().await;
}

#[tokio::test]
async fn a_lease_that_runs_out_time_and_again_uses_up_the_attempts() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    put(store, "photos/input/slow", b"x").await.unwrap();
    for attempt in 1..=5 {
        let job = store.claim(small(1, Duration::ZERO)).await.unwrap().pop().unwrap();
        assert_eq!((job.attempt, job.exhausted), (attempt, false));
    }
    let job = store.claim(small(1, Duration::ZERO)).await.unwrap().pop().unwrap();
    assert_eq!((job.attempt, job.exhausted, job.attempts.len()), (5, true, 5));
    fixture.check().await;
}

/// Takes a waiting job's time to have come, behind the store's back.
fn make_due(fixture: &Fixture, id: i64) {
    let index = rusqlite::Connection::open(fixture.directory.path().join("index.db")).unwrap();
    index.execute("UPDATE job SET due_ms = 0 WHERE id = ?1", [id]).unwrap();
}
