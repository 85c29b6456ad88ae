//! The lease protocol under random schedules: the queue's own commands, several workers that take them in any order, sleep
//! through their leases or die, a clock that jumps and processes that start anew. An observer keeps its own account of every
//! answer that was given, and compares.
#![allow(clippy::unwrap_used)]

use super::tests::{job, memory};
use super::{Claim, Enqueue, Heartbeat, MoveToLane, Release, RetryLater, bury, held};
use crate::commands::catalog::CommitJob;
use crate::writer::{Command, Transaction};
use crate::{ClaimOptions, EmbeddedError, FailedAttempt, LeasedJob, Planner, StoreLimits, queue};
use minilab_model::{Attempt, Event, Failure, FailureCause, Job, Lane, Lease, Priority, Timestamp};
use minilab_pipeline::{CatalogWrite, Commit, RecordChange};
use rusqlite::Connection;
use shuttle::rand::{Rng as _, thread_rng};
use shuttle::sync::{Arc, Mutex};
use shuttle::{Config, Runner, thread};
use std::collections::BTreeMap;
use std::time::Duration;

const LEASE: Duration = Duration::from_millis(100);
const ATTEMPTS: u32 = 3;
const WORKERS: usize = 3;

/// What the observer knows of a job.
#[derive(Debug, Default)]
struct Known {
    token: i64,
    /// The end of its lease, if it was claimed and not given back since.
    held_until: Option<i64>,
    /// Whether it is held to be given up.
    exhausted: bool,
    begun: u32,
    log: Vec<(u32, FailureCause)>,
    /// Whether it has ended, and as a dead letter.
    dead: Option<bool>,
}

struct World {
    connection: Connection,
    limits: StoreLimits,
    now: i64,
    known: BTreeMap<i64, Known>,
}

/// Ends a job as a dead letter, as the catalog's write does.
struct Bury {
    lease: Lease,
    failure: Failure,
}

impl Command for Bury {
    type Output = bool;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<bool, EmbeddedError> {
        let Some(held) = held(transaction, self.lease)? else { return Ok(false) };
        bury(transaction, held, &self.failure, None)?;
        Ok(true)
    }
}

impl World {
    fn new() -> Self {
        let limits = StoreLimits { attempts: ATTEMPTS, ..StoreLimits::default() };
        Self { connection: memory(), limits, now: 1_000, known: BTreeMap::new() }
    }

    fn run<C: Command>(&mut self, mut command: C) -> C::Output {
        self.connection.execute_batch("BEGIN").unwrap();
        // Shuttle's counted pointers are its own; the planner's is the standard library's.
        let planner: Planner = From::from(Box::new(|_: &Event| Vec::new()) as Box<dyn Fn(&Event) -> Vec<Job> + Send + Sync>);
        let now = Timestamp::from_millis(self.now);
        let output = command.run(&mut Transaction::new(&self.connection, planner, &self.limits, now, 0)).unwrap();
        self.connection.execute_batch("COMMIT").unwrap();
        output
    }

    fn claim(&mut self, lane: Lane, max: usize) -> Vec<LeasedJob> {
        let claimed = self.run(Claim(ClaimOptions { lane, max, lease: LEASE }));
        for leased in &claimed {
            let known = self.known.entry(leased.lease.job_id).or_default();
            assert_eq!(known.dead, None, "claimed after its end: {leased:?} {known:?}");
            assert!(leased.lease.token > known.token, "a token was given twice: {leased:?} {known:?}");
            assert!(known.held_until.is_none_or(|until| until <= self.now), "somebody holds it: {leased:?} {known:?}");
            known.slept();
            let log: Vec<_> = leased.attempts.iter().map(|attempt| (attempt.number, attempt.cause)).collect();
            assert_eq!(log, known.log, "the log is not complete: {leased:?}");
            let used_up = known.begun == ATTEMPTS && log.last().is_some_and(|last| last.1 == FailureCause::LeaseExpired);
            assert_eq!(leased.exhausted, used_up, "{leased:?} {known:?}");
            known.begun += u32::from(!used_up);
            assert_eq!(leased.attempt, known.begun, "attempts are counted wrong: {leased:?} {known:?}");
            assert!(known.begun <= ATTEMPTS, "{leased:?}");
            known.token = leased.lease.token;
            known.exhausted = leased.exhausted;
            known.held_until = Some(self.now + LEASE.as_millis() as i64);
        }
        claimed
    }

    /// Notes whether an answer to a worker was the right one; what is known of its job when it was heard.
    fn heard(&mut self, lease: Lease, heard: bool) -> Option<&mut Known> {
        let known = self.known.get_mut(&lease.job_id).unwrap();
        let is_newest = known.token == lease.token;
        let is_valid = is_newest && known.held_until.is_some_and(|until| until > self.now);
        assert!(heard || !is_valid, "refused though its lease is good: {lease:?} {known:?}");
        // A lease that ran out holds for as long as nobody else has claimed.
        let may_hold = is_newest && known.held_until.is_some() && known.dead.is_none();
        assert!(!heard || may_hold, "heard though its lease is lost: {lease:?} {known:?}");
        heard.then_some(known)
    }

    fn end(&mut self, lease: Lease) {
        let write = CatalogWrite {
            source: job(lease.job_id as u64, "a", None).event.version(),
            rule: "r".to_owned(),
            change: RecordChange::Dropped,
            notifications: Vec::new(),
            lease: Some(lease),
        };
        let heard = self.run(CommitJob(write)) == Commit::Applied;
        if let Some(known) = self.heard(lease, heard) {
            known.held_until = None;
            known.dead = Some(false);
        }
    }

    fn bury(&mut self, lease: Lease) {
        let cause = FailureCause::Damaged;
        let failure = Failure { rule: "r".to_owned(), cause, error: "damaged".to_owned() };
        let heard = self.run(Bury { lease, failure });
        if let Some(known) = self.heard(lease, heard) {
            known.fail(cause);
            known.dead = Some(true);
        }
    }

    fn retry_later(&mut self, lease: Lease, delay: Duration) {
        let cause = FailureCause::Unavailable;
        let attempt = Attempt { number: 0, ended_at: Timestamp::from_millis(self.now), cause, error: "busy".to_owned() };
        let heard = self.run(RetryLater { lease, failed: FailedAttempt { attempt, facts: None }, delay });
        if let Some(known) = self.heard(lease, heard) {
            known.fail(cause);
        }
    }

    fn give_back(&mut self, lease: Lease, heard: bool) {
        if let Some(known) = self.heard(lease, heard) {
            known.begun -= u32::from(!known.exhausted);
            known.held_until = None;
        }
    }

    fn heartbeat(&mut self, lease: Lease) {
        let lost = self.run(Heartbeat { leases: vec![lease], lease: LEASE });
        let until = self.now + LEASE.as_millis() as i64;
        if let Some(known) = self.heard(lease, lost.is_empty()) {
            known.held_until = Some(until);
        }
    }

    /// The process dies and starts again: nobody holds anything.
    fn restart(&mut self) {
        queue::free_leases(&mut self.connection, &self.limits, Timestamp::from_millis(self.now)).unwrap();
        self.known.values_mut().filter(|known| known.dead.is_none()).for_each(Known::slept);
    }

    /// Ends what is left, and compares the queue with what the observer knows.
    fn finish(mut self) {
        for lane in Lane::ALL {
            // Each claim may find some that sleep, and those that wait for a long time.
            for _ in 0..4 * ATTEMPTS {
                self.now += 1_000_000;
                for leased in self.claim(lane, 10) {
                    self.end(leased.lease);
                }
            }
        }
        let mut letters = 0;
        for (id, known) in &self.known {
            let state = self
                .connection
                .query_row("SELECT attempts FROM job WHERE id = ?1 AND state = 'dead'", [id], |row| row.get::<_, String>(0));
            match known.dead {
                None => panic!("job {id} never ended: {known:?}"),
                Some(false) => assert!(state.is_err(), "job {id} ended and is there"),
                Some(true) => {
                    let attempts: Vec<Attempt> = serde_json::from_str(&state.unwrap()).unwrap();
                    assert!(attempts.iter().map(|attempt| (attempt.number, attempt.cause)).eq(known.log.iter().copied()));
                    letters += 1;
                }
            }
        }
        let count = |sql: &str| self.connection.query_row(sql, (), |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(count("SELECT count(*) FROM job"), letters, "a job was lost from sight");
        assert_eq!(count("SELECT sum(count) FROM queue_count"), letters);
        assert_eq!(count("SELECT (SELECT count(*) FROM flow) + (SELECT count(*) FROM share)"), 0, "shares are left over");
    }
}

impl Known {
    /// The attempt under way, if any, ended without a word.
    fn slept(&mut self) {
        if self.held_until.take().is_some() && !self.exhausted {
            self.log.push((self.begun, FailureCause::LeaseExpired));
        }
    }

    fn fail(&mut self, cause: FailureCause) {
        if !self.exhausted {
            self.log.push((self.begun, cause));
        }
        self.held_until = None;
    }
}

/// Claims and does one thing after another with what it got, in any order and at any time.
fn work(world: &Mutex<World>) {
    for _ in 0..6 {
        let lane = if thread_rng().gen_bool(0.3) { Lane::Large } else { Lane::Small };
        let claimed = world.lock().unwrap().claim(lane, 2);
        for LeasedJob { lease, attempt, exhausted, .. } in claimed {
            let must_end = exhausted || attempt == ATTEMPTS;
            for _ in 0..3 {
                let action = thread_rng().gen_range(0..8);
                let mut world = world.lock().unwrap();
                match action {
                    0 => world.end(lease),
                    1 => world.bury(lease),
                    2 if exhausted || !must_end => {
                        let delay = Duration::from_millis(thread_rng().gen_range(0..300));
                        world.retry_later(lease, delay);
                    }
                    3 => {
                        let heard = world.run(Release(lease));
                        world.give_back(lease, heard);
                    }
                    4 => {
                        let heard = world.run(MoveToLane { lease, lane: Lane::Large });
                        world.give_back(lease, heard);
                    }
                    5 => world.heartbeat(lease),
                    6 => world.now += 60,
                    // It dies with this job in its hands.
                    _ => break,
                }
            }
        }
    }
}

fn run_once() {
    let mut world = World::new();
    let jobs = (1..=4_u64).map(|number| job(number, ["a/1", "a/2", "b/1", "c"][number as usize - 1], None)).collect();
    assert_eq!(world.run(Enqueue { jobs, priority: Priority::Foreground }), 4);
    for id in 1..=4 {
        world.known.insert(id, Known::default());
    }
    let world = Arc::new(Mutex::new(world));
    let mut threads: Vec<_> = (0..WORKERS)
        .map(|_| {
            let world = Arc::clone(&world);
            thread::spawn(move || work(&world))
        })
        .collect();
    let clock = Arc::clone(&world);
    threads.push(thread::spawn(move || {
        for _ in 0..8 {
            let mut world = clock.lock().unwrap();
            world.now += thread_rng().gen_range(0..150);
            if thread_rng().gen_bool(0.1) {
                world.restart();
            }
        }
    }));
    for thread in threads {
        thread.join().unwrap();
    }
    let world = Arc::into_inner(world).unwrap().into_inner().unwrap();
    world.finish();
}

#[test]
fn at_most_one_end_counts_and_no_job_is_lost() {
    let mut config = Config::new();
    // SQLite runs on the workers' stacks.
    config.stack_size = 1 << 20;
    Runner::new(shuttle::scheduler::RandomScheduler::new(200), config.clone()).run(run_once);
    Runner::new(shuttle::scheduler::PctScheduler::new(4, 200), config).run(run_once);
}
