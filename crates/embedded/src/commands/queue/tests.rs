//! Whose job is next, and what finding it costs.
#![allow(clippy::unwrap_used)]

use super::count::COUNT;
use super::fair::{FIND_FLOW, FIND_SHARE, JOIN_FLOW, NEXT_FLOW, NEXT_JOB};
use super::*;
use crate::commands::event::{FORGET, IDLE, KNOWN, OLDER};
use crate::{ClaimOptions, LeasedJob, StoreLimits, schema};
use minilab_model::{Event, EventKind, ObjectKey, Sequencer};
use rusqlite::{Connection, StatementStatus};
use std::sync::Arc;

/// An index in memory.
pub(super) fn memory() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    connection.set_prepared_statement_cache_capacity(100);
    schema::migrate(&mut connection, std::path::Path::new("memory")).unwrap();
    connection
}

/// A job about a key of the bucket `photos`.
pub(super) fn job(sequencer: u64, key: &str, requester: Option<&str>) -> Job {
    let event = Event {
        kind: EventKind::CreatedPut,
        bucket: "photos".parse().unwrap(),
        key: ObjectKey::new(key).unwrap(),
        sequencer: Sequencer(sequencer),
        etag: String::new(),
        size_bytes: 0,
        time: Timestamp::from_millis(0),
        request_id: None,
        requester: requester.map(str::to_owned),
    };
    Job { event, rule: "r".to_owned(), action: Action::Process }
}

/// A queue and its clock.
struct Queue {
    connection: Connection,
    limits: StoreLimits,
    now: i64,
    sequencer: u64,
}

impl Queue {
    fn new() -> Self {
        Self { connection: memory(), limits: StoreLimits::default(), now: 1_000, sequencer: 0 }
    }

    fn run<C: Command>(&mut self, mut command: C) -> C::Output {
        let now = Timestamp::from_millis(self.now);
        let mut transaction = Transaction::new(&self.connection, Arc::new(|_| Vec::new()), &self.limits, now, 0);
        command.run(&mut transaction).unwrap()
    }

    /// Queues `count` jobs, one for each key that `key` makes of a number.
    fn queue(&mut self, count: u64, requester: &str, priority: Priority, key: impl Fn(u64) -> String) {
        let jobs = (0..count).map(|number| job(self.sequencer + number + 1, &key(number), Some(requester))).collect();
        self.sequencer += count;
        assert_eq!(self.run(Enqueue { jobs, priority }) as u64, count);
    }

    fn claim(&mut self, max: usize) -> Vec<LeasedJob> {
        self.run(Claim(ClaimOptions { lane: Lane::Small, max, lease: Duration::from_secs(3600) }))
    }

    /// Claims one by one until one is like this; how many claims that took.
    fn claims_until(&mut self, wanted: impl Fn(&Job) -> bool) -> usize {
        (1..).find(|_| wanted(&self.claim(1).pop().unwrap().job)).unwrap()
    }

    /// Claims so many one by one; how many of them are like this.
    fn among_next(&mut self, claims: usize, wanted: impl Fn(&Job) -> bool) -> usize {
        (0..claims).filter(|_| wanted(&self.claim(1).pop().unwrap().job)).count()
    }
}

fn by<'a>(requester: &'a str) -> impl Fn(&Job) -> bool + 'a {
    move |job| job.event.requester.as_deref() == Some(requester)
}

fn under<'a>(prefix: &'a str) -> impl Fn(&Job) -> bool + 'a {
    move |job| job.event.key.as_str().starts_with(prefix)
}

#[test]
fn ten_thousand_of_one_directory_do_not_starve_one_of_another() {
    let mut queue = Queue::new();
    queue.queue(10_000, "one", Priority::Foreground, |number| format!("many/at/once/{number}"));
    queue.claim(100);
    queue.queue(1, "one", Priority::Foreground, |_| "many/others/single".to_owned());
    let claims = queue.claims_until(under("many/others/"));
    assert!(claims <= 3, "{claims}");
    // And several directories are served evenly.
    for directory in ["a/a/", "b/b/", "c/c/"] {
        queue.queue(100, "one", Priority::Foreground, |number| format!("{directory}{number}"));
    }
    let claimed: Vec<Job> = queue.claim(100).into_iter().map(|leased| leased.job).collect();
    for directory in ["a/a/", "b/b/", "c/c/", "many/at/"] {
        let count = claimed.iter().filter(|job| under(directory)(job)).count();
        assert!((24..=26).contains(&count), "{directory}: {count}");
    }
}

#[test]
fn ten_thousand_of_one_requester_do_not_starve_one_of_another() {
    let mut queue = Queue::new();
    // Spread over many directories, which must not make it many requesters.
    queue.queue(10_000, "many", Priority::Foreground, |number| format!("{}/{number}", number % 1000));
    queue.claim(100);
    queue.queue(1, "single", Priority::Foreground, |_| "0/single".to_owned());
    let claims = queue.claims_until(by("single"));
    assert!(claims <= 3, "{claims}");
    queue.queue(500, "second", Priority::Foreground, |number| format!("0/second-{number}"));
    let count = queue.among_next(200, by("second"));
    assert!((98..=102).contains(&count), "{count}");
}

#[test]
fn who_was_away_has_saved_up_nothing() {
    let mut queue = Queue::new();
    queue.queue(1, "early", Priority::Foreground, |_| "early/first".to_owned());
    queue.queue(5_000, "steady", Priority::Foreground, |number| format!("steady/{number}"));
    assert_eq!(queue.among_next(1_001, by("steady")), 1_000);
    queue.queue(1_000, "early", Priority::Foreground, |number| format!("early/{number}"));
    let count = queue.among_next(100, by("early"));
    assert!((49..=51).contains(&count), "{count}");
}

#[test]
fn the_background_gets_what_nobody_else_wants() {
    let mut queue = Queue::new();
    // Its jobs are those of many requesters and directories: still it is one.
    for requester in ["one", "two", "three"] {
        queue.queue(2_000, requester, Priority::Background, |number| format!("{requester}/{}/old-{number}", number % 100));
    }
    assert_eq!(queue.claim(500).len(), 500);
    queue.queue(1, "one", Priority::Foreground, |_| "one/7/new".to_owned());
    let is_new = |job: &Job| job.event.key.as_str().contains("/new");
    let claims = queue.claims_until(is_new);
    assert!(claims <= 2, "{claims}");
    queue.queue(2_000, "one", Priority::Foreground, |number| format!("one/7/new-{number}"));
    let count = queue.among_next(1_700, is_new);
    assert!((1_598..=1_602).contains(&count), "{count} of 1700: one in 17 is the background's");
}

#[test]
fn uploads_and_retries_do_not_starve_each_other() {
    let mut queue = Queue::new();
    queue.queue(1_000, "one", Priority::Foreground, |number| format!("a/a/{number}"));
    for leased in queue.claim(500) {
        let attempt =
            Attempt { number: 1, ended_at: Timestamp::from_millis(0), cause: FailureCause::Unavailable, error: String::new() };
        let failed = FailedAttempt { attempt, facts: None };
        assert!(queue.run(RetryLater { lease: leased.lease, failed, delay: Duration::from_secs(1) }));
    }
    queue.now += 1_000;
    let retried = |leased: &LeasedJob| leased.attempt == 2;
    let count = queue.claim(200).iter().filter(|leased| retried(leased)).count();
    assert!((98..=102).contains(&count), "{count}");
    // One by one, too.
    let count = (0..200).filter(|_| retried(&queue.claim(1)[0])).count();
    assert!((98..=102).contains(&count), "{count}");
    queue.queue(1, "one", Priority::Foreground, |_| "b/b/single".to_owned());
    let claims = queue.claims_until(under("b/b/"));
    assert!(claims <= 4, "{claims}");
}

#[test]
fn what_is_given_back_is_next() {
    let mut queue = Queue::new();
    queue.queue(100, "one", Priority::Foreground, |number| format!("a/a/{number}"));
    let claimed = queue.claim(50);
    assert!(queue.run(Release(claimed[0].lease)));
    assert_eq!(queue.claim(1)[0].lease.job_id, claimed[0].lease.job_id);
}

#[test]
fn lanes_have_their_own_turns() {
    let mut queue = Queue::new();
    queue.queue(10, "one", Priority::Foreground, |number| format!("a/a/{number}"));
    queue.queue(1, "two", Priority::Foreground, |_| "b/b/0".to_owned());
    for leased in queue.claim(11) {
        assert!(queue.run(MoveToLane { lease: leased.lease, lane: Lane::Large }));
    }
    assert!(queue.claim(1).is_empty());
    let large = ClaimOptions { lane: Lane::Large, max: 2, lease: Duration::from_secs(3600) };
    let claimed = queue.run(Claim(large));
    assert!(claimed.iter().any(|leased| by("two")(&leased.job)));
    assert!(claimed.iter().all(|leased| leased.attempt == 1), "a move is no attempt");
}

#[test]
fn nothing_is_remembered_of_who_has_no_ready_jobs() {
    let mut queue = Queue::new();
    for round in 0..3 {
        for requester in 0..50 {
            queue.queue(2, &format!("r{requester}"), Priority::Foreground, |number| format!("{requester}/{round}/{number}"));
        }
        // Newer versions take the place of some, others are claimed.
        let newer = (0..20).map(|key| job(1_000_000 + round * 100 + key, &format!("{key}/{round}/0"), Some("newer"))).collect();
        queue.run(Enqueue { jobs: newer, priority: Priority::Foreground });
        assert_eq!(queue.claim(1_000).len(), 100);
        let left = "SELECT (SELECT count(*) FROM flow) + (SELECT count(*) FROM share)";
        assert_eq!(queue.connection.query_row(left, (), |row| row.get::<_, i64>(0)).unwrap(), 0);
    }
}

/// Runs a command and expects each of these statements, if it used them, to take few steps of SQLite's machine for a row.
fn expect_cheap(queue: &mut Queue, statements: &[&str], times: i32, run: impl FnOnce(&mut Queue)) {
    for sql in statements {
        queue.connection.prepare_cached(sql).unwrap().reset_status(StatementStatus::VmStep);
    }
    run(queue);
    for sql in statements {
        let steps = queue.connection.prepare_cached(sql).unwrap().get_status(StatementStatus::VmStep);
        assert!((times..200 * times).contains(&steps), "{steps} steps for {sql}");
    }
}

#[test]
fn the_queue_costs_the_same_for_many_jobs_shares_and_requesters() {
    let mut queue = Queue::new();
    queue.connection.execute_batch("BEGIN").unwrap();
    queue.queue(10_000, "many", Priority::Foreground, |number| format!("{}/{number}", number % 3_000));
    for requester in 0..5_000 {
        queue.queue(1, &format!("r{requester}"), Priority::Foreground, |_| format!("r/{requester}"));
    }
    let claims = [NEXT_FLOW, NEXT_JOB, claim::CLAIM];
    expect_cheap(&mut queue, &claims, 10, |queue| assert_eq!(queue.claim(10).len(), 10));
    expect_cheap(&mut queue, &[claim::WAITING, claim::LEASED], 1, |queue| drop(queue.claim(1)));
    let newer = job(1_000_000, "r/4999", Some("many"));
    expect_cheap(&mut queue, &[KNOWN, COUNT, FIND_FLOW, JOIN_FLOW, FIND_SHARE, OLDER, IDLE, FORGET], 1, |queue| {
        assert_eq!(queue.run(Enqueue { jobs: vec![newer], priority: Priority::Foreground }), 1);
    });
    let ready: i64 = queue.connection.query_row("SELECT count(*) FROM job WHERE state = 'ready'", (), |row| row.get(0)).unwrap();
    assert_eq!(ready, 15_000 - 11, "the newer job took the place of the older one");
}
