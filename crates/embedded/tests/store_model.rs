//! The store against a model: objects, queue and catalog together, 100,000 random operations. Uploads, deletions, copies and
//! backfills make jobs; workers claim them, sleep, fail, come back with leases that are long lost; people retry and
//! discard; the process starts anew. Every answer is foretold by the model, and what the store holds is compared with it
//! again and again.
//!
//! Which job is claimed is the business of fairness, tested elsewhere: here any that can be claimed will do.
#![allow(clippy::unwrap_used)]

mod support;

use minilab_embedded::*;
use minilab_model::*;
use minilab_pipeline::{Catalog as _, CatalogWrite, Commit, RecordChange, SourceInfo};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::collections::BTreeMap;
use std::time::Duration;
use support::*;

/// So many threads with so many runs of so many operations: 100,000 in all. They take some 45 s of processor time.
const THREADS: u32 = 2;
const RUNS: u32 = 50;
const OPERATIONS: usize = 1_000;
/// Operations between two comparisons of everything.
const COMPARE_EVERY: usize = 40;

const KEYS: [&str; 6] = ["input/a", "input/b", "input/x/c", "input/x/y/d", "input/é", "elsewhere"];
const LONG: Duration = Duration::from_secs(24 * 3600);
const ATTEMPTS: u32 = 5;

#[derive(Debug, Clone)]
enum Operation {
    Put { key: usize, length: usize },
    Delete { key: usize },
    Copy { from: usize, to: usize },
    Backfill { key: usize },
    Claim { large: bool, max: usize, asleep: bool },
    Heartbeat { lease: usize, asleep: bool },
    End { lease: usize, how: How },
    RetryLater { lease: usize, at_once: bool },
    Release { lease: usize },
    MoveToLarge { lease: usize },
    RetryDead,
    Retry { job: usize },
    Discard { job: usize },
    DiscardDead,
    Restart,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum How {
    Done,
    Failed,
    Dropped,
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let key = || 0..KEYS.len();
    // Mostly the leases of late, which may still hold.
    let lease = || prop_oneof![6 => 0..3_usize, 1 => 0..30_usize];
    let how = prop_oneof![5 => Just(How::Done), 3 => Just(How::Failed), 1 => Just(How::Dropped)];
    let operation = prop_oneof![
        // Empty, inline, in a file.
        120 => (key(), prop_oneof![Just(0), 1..1000_usize, 1025..3000_usize]).prop_map(|(key, length)| Operation::Put { key, length }),
        40 => key().prop_map(|key| Operation::Delete { key }),
        30 => (key(), key()).prop_map(|(from, to)| Operation::Copy { from, to }),
        20 => key().prop_map(|key| Operation::Backfill { key }),
        150 => (any::<bool>(), 1..4_usize, prop::bool::weighted(0.3))
            .prop_map(|(large, max, asleep)| Operation::Claim { large, max, asleep }),
        30 => (lease(), prop::bool::weighted(0.3)).prop_map(|(lease, asleep)| Operation::Heartbeat { lease, asleep }),
        150 => (lease(), how).prop_map(|(lease, how)| Operation::End { lease, how }),
        60 => (lease(), any::<bool>()).prop_map(|(lease, at_once)| Operation::RetryLater { lease, at_once }),
        20 => lease().prop_map(|lease| Operation::Release { lease }),
        20 => lease().prop_map(|lease| Operation::MoveToLarge { lease }),
        5 => Just(Operation::RetryDead),
        20 => (0..20_usize).prop_map(|job| Operation::Retry { job }),
        10 => (0..20_usize).prop_map(|job| Operation::Discard { job }),
        2 => Just(Operation::DiscardDead),
        3 => Just(Operation::Restart),
    ];
    prop::collection::vec(operation, OPERATIONS)
}

#[test]
fn the_store_behaves_like_its_model() {
    std::thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(run_many))));
}

fn run_many() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let config = ProptestConfig { cases: RUNS, failure_persistence: None, max_shrink_iters: 300, ..ProptestConfig::default() };
    let run = |operations: Vec<Operation>| {
        runtime.block_on(check(operations));
        Ok(())
    };
    TestRunner::new(config).run(&operations(), run).unwrap();
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Ready,
    Leased,
    /// Its lease has run out, and nobody has noticed.
    Asleep,
    /// Due at once.
    Due,
    /// Due in a day.
    Waiting,
    Dead,
}

#[derive(Debug, Clone)]
struct KnownJob {
    key: String,
    sequencer: Sequencer,
    action: Action,
    priority: Priority,
    lane: Lane,
    state: State,
    token: i64,
    attempt: u32,
    /// Whether it is held to be given up.
    exhausted: bool,
    log: Vec<FailureCause>,
    cause: Option<FailureCause>,
}

#[derive(Default)]
struct Model {
    objects: BTreeMap<String, (Sequencer, u64)>,
    jobs: BTreeMap<i64, KnownJob>,
    /// The version recorded, its size, and whether it failed.
    records: BTreeMap<String, (Sequencer, u64, bool)>,
    last_job: i64,
    /// Every lease that was given, the newest last.
    leases: Vec<Lease>,
}

async fn check(operations: Vec<Operation>) {
    let mut fixture = Fixture::in_memory().await;
    let mut model = Model::default();
    for (number, operation) in operations.into_iter().enumerate() {
        match operation {
            Operation::Restart => {
                fixture = fixture.reopen().await;
                model.restart(&fixture.store).await;
            }
            other => model.apply(&fixture.store, other, number as u32).await,
        }
        if number % COMPARE_EVERY == 0 {
            model.compare(&fixture.store).await;
        }
    }
    model.compare(&fixture.store).await;
    // What is left can all be done, and then there is nothing left to do.
    model.retry_all(&fixture.store).await;
    for lane in Lane::ALL {
        for _ in 0..=model.jobs.len() {
            model.claim(&fixture.store, lane, 10, LONG).await;
        }
    }
    assert!(model.jobs.values().all(|job| job.state == State::Leased), "some cannot be claimed: {:?}", model.jobs);
    let Fixture { store, directory, .. } = fixture;
    store.close().await;
    let report = fsck(directory.path(), |_| ()).unwrap();
    // A job that was discarded or dropped leaves a record behind that nobody brings up to date; all else is whole.
    let unexpected = report.findings.iter().find(|finding| finding.serious || !finding.subject.starts_with("record "));
    assert_eq!(unexpected, None, "{report:?}");
}

impl Model {
    async fn apply(&mut self, store: &Embedded, operation: Operation, seed: u32) {
        match operation {
            Operation::Put { key, length } => {
                let info = put(store, &format!("photos/{}", KEYS[key]), &bytes(seed, length)).await.unwrap();
                self.objects.insert(KEYS[key].to_owned(), (info.sequencer, info.size_bytes));
                self.queued(KEYS[key], info.sequencer, Action::Process, Priority::Foreground);
            }
            Operation::Delete { key } => {
                let was_there = delete(store, &format!("photos/{}", KEYS[key])).await.unwrap();
                assert_eq!(was_there, self.objects.remove(KEYS[key]).is_some());
                // Its number can be seen in its job alone.
                if let Some(info) = store.job(self.last_job + 1).await.unwrap() {
                    self.queued(KEYS[key], info.job.event.sequencer, Action::Remove, Priority::Foreground);
                }
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
                let copied = store.copy_object(copy).await.ok();
                assert_eq!(copied.is_some(), self.objects.contains_key(KEYS[from]));
                if let Some(info) = copied {
                    self.objects.insert(KEYS[to].to_owned(), (info.sequencer, info.size_bytes));
                    self.queued(KEYS[to], info.sequencer, Action::Process, Priority::Foreground);
                }
            }
            Operation::Backfill { key } => self.backfill(store, KEYS[key]).await,
            Operation::Claim { large, max, asleep } => {
                let lane = if large { Lane::Large } else { Lane::Small };
                self.claim(store, lane, max, if asleep { Duration::ZERO } else { LONG }).await;
            }
            Operation::Heartbeat { lease, asleep } => {
                let Some(lease) = self.lease(lease) else { return };
                let lost = store.heartbeat(&[lease], if asleep { Duration::ZERO } else { LONG }).await.unwrap();
                if self.heard(lease, lost.is_empty()) {
                    self.job(lease).state = if asleep { State::Asleep } else { State::Leased };
                }
            }
            Operation::End { lease, how } => self.end(store, lease, how).await,
            Operation::RetryLater { lease, at_once } => {
                let Some(lease) = self.lease(lease) else { return };
                let cause = FailureCause::Unavailable;
                let attempt = Attempt { number: 0, ended_at: Timestamp::from_millis(0), cause, error: "busy".to_owned() };
                let delay = if at_once { Duration::ZERO } else { LONG };
                let heard = store.retry_later(lease, FailedAttempt { attempt, facts: None }, delay).await.unwrap();
                if self.heard(lease, heard) {
                    let job = self.job(lease);
                    job.failed(cause);
                    job.state = if at_once { State::Due } else { State::Waiting };
                }
            }
            Operation::Release { lease } => {
                let Some(lease) = self.lease(lease) else { return };
                let heard = store.release(lease).await.unwrap();
                self.given_back(lease, heard);
            }
            Operation::MoveToLarge { lease } => {
                let Some(lease) = self.lease(lease) else { return };
                let heard = store.move_to_lane(lease, Lane::Large).await.unwrap();
                if self.given_back(lease, heard) {
                    self.job(lease).lane = Lane::Large;
                }
            }
            Operation::RetryDead => {
                let dead = JobMatch { state: Some(JobState::Dead), ..JobMatch::default() };
                let retried = store.retry_jobs(JobSelection::Matching(dead)).await.unwrap();
                assert_eq!(retried, self.retried(|job| job.state == State::Dead));
            }
            Operation::Retry { job } => {
                let Some(id) = self.nth_job(job) else { return };
                let expected = self.jobs[&id].is_idle();
                assert_eq!(store.retry_job(id).await.unwrap(), expected, "{:?}", self.jobs[&id]);
                if expected {
                    self.jobs.get_mut(&id).unwrap().start_over();
                }
            }
            Operation::Discard { job } => {
                let Some(id) = self.nth_job(job) else { return };
                assert!(store.discard_job(id).await.unwrap() && !store.discard_job(id).await.unwrap());
                self.jobs.remove(&id);
            }
            Operation::DiscardDead => {
                let dead = JobMatch { state: Some(JobState::Dead), ..JobMatch::default() };
                let before = self.jobs.len();
                self.jobs.retain(|_, job| job.state != State::Dead);
                let discarded = store.discard_jobs(JobSelection::Matching(dead)).await.unwrap();
                assert_eq!(discarded, (before - self.jobs.len()) as u64);
            }
            Operation::Restart => unreachable!("done by the caller, who owns the store"),
        }
    }

    /// A job came, if a rule covers the key.
    fn queued(&mut self, key: &str, sequencer: Sequencer, action: Action, priority: Priority) {
        if !key.starts_with("input/") {
            return;
        }
        self.supersede(key, sequencer);
        self.last_job += 1;
        let job = KnownJob {
            key: key.to_owned(),
            sequencer,
            action,
            priority,
            lane: Lane::Small,
            state: State::Ready,
            token: 0,
            attempt: 0,
            exhausted: false,
            log: Vec::new(),
            cause: None,
        };
        self.jobs.insert(self.last_job, job);
    }

    /// Jobs about older versions that nobody works on go.
    fn supersede(&mut self, key: &str, sequencer: Sequencer) {
        self.jobs.retain(|_, job| {
            let is_held = matches!(job.state, State::Leased | State::Asleep);
            job.key != key || job.sequencer >= sequencer || is_held
        });
    }

    /// Queues the current version of a key once more, as a change of rules does.
    async fn backfill(&mut self, store: &Embedded, key: &str) {
        let Some((sequencer, size_bytes)) = self.objects.get(key).copied() else { return };
        let event = Event {
            kind: EventKind::CreatedPut,
            bucket: bucket("photos"),
            key: ObjectKey::new(key).unwrap(),
            sequencer,
            etag: String::new(),
            size_bytes,
            time: Timestamp::from_millis(0),
            request_id: None,
            requester: Some("somebody".to_owned()),
        };
        let jobs = plan(&event);
        let is_known = self.jobs.values().any(|job| job.key == key && job.sequencer == sequencer);
        let expected = if is_known { 0 } else { jobs.len() };
        assert_eq!(store.enqueue(jobs, Priority::Background).await.unwrap(), expected);
        self.supersede(key, sequencer);
        if expected == 1 {
            self.queued(key, sequencer, Action::Process, Priority::Background);
        }
    }

    async fn claim(&mut self, store: &Embedded, lane: Lane, max: usize, lease: Duration) {
        let can_be = |job: &&KnownJob| job.lane == lane && matches!(job.state, State::Ready | State::Due | State::Asleep);
        let claimable = self.jobs.values().filter(can_be).count();
        let claimed = store.claim(ClaimOptions { lane, max, lease }).await.unwrap();
        assert_eq!(claimed.len(), claimable.min(max));
        for leased in claimed {
            let job = self.jobs.get_mut(&leased.lease.job_id).unwrap();
            assert!(can_be(&&*job), "{job:?} was claimed");
            job.wake();
            job.exhausted = job.attempt >= ATTEMPTS && job.cause == Some(FailureCause::LeaseExpired);
            job.attempt += u32::from(!job.exhausted);
            assert!(leased.lease.token > job.token);
            assert_eq!((leased.attempt, leased.exhausted), (job.attempt, job.exhausted), "{job:?}");
            assert_eq!(causes(&leased.attempts), job.kept_log());
            assert_eq!((leased.job.event.key.as_str(), leased.job.event.sequencer), (job.key.as_str(), job.sequencer));
            job.token = leased.lease.token;
            job.state = if lease.is_zero() { State::Asleep } else { State::Leased };
            self.leases.push(leased.lease);
        }
        // Others that were due are ready by now, or not yet.
        let filter = JobFilter { state: Some(JobState::Ready), max: usize::MAX, ..JobFilter::default() };
        for info in store.jobs(filter).await.unwrap() {
            self.jobs.get_mut(&info.id).unwrap().wake();
        }
    }

    async fn end(&mut self, store: &Embedded, lease: usize, how: How) {
        let Some(lease) = self.lease(lease) else { return };
        // Who lost the job may not even know it any more.
        let Some(job) = self.jobs.get(&lease.job_id).cloned() else { return };
        let source = SourceVersion { object: at(&format!("photos/{}", job.key)), sequencer: job.sequencer };
        let there = self.objects.get(&job.key).copied();
        let recorded = self.records.get(&job.key).map(|record| record.0);
        let cause = FailureCause::Damaged;
        let change = match (how, job.action) {
            (How::Dropped, _) => RecordChange::Dropped,
            (How::Done, Action::Process) => processed(there),
            (How::Failed, Action::Process) => {
                let failure = Failure { rule: "thumb".to_owned(), cause, error: "damaged".to_owned() };
                RecordChange::Failed { info: None, variants: Vec::new(), failure, facts: None }
            }
            (_, Action::Remove) => RecordChange::Removed,
        };
        let is_current = match job.action {
            Action::Process => there.is_some_and(|there| there.0 == job.sequencer),
            Action::Remove => {
                there.is_none_or(|there| there.0 < job.sequencer) && recorded.is_none_or(|seen| seen <= job.sequencer)
            }
        };
        let write = CatalogWrite { source, rule: "thumb".to_owned(), change, notifications: Vec::new(), lease: Some(lease) };
        let commit = store.commit(write).await.unwrap();
        if !self.heard(lease, commit != Commit::LeaseLost) {
            return;
        }
        let expected = if is_current || how == How::Dropped { Commit::Applied } else { Commit::Superseded };
        assert_eq!(commit, expected, "{how:?} {job:?}");
        match (how, job.action) {
            (How::Dropped, _) => {}
            _ if !is_current => {}
            (_, Action::Remove) => drop(self.records.remove(&job.key)),
            (_, Action::Process) => {
                let size_bytes = there.map_or(0, |there| there.1);
                self.records.insert(job.key.clone(), (job.sequencer, size_bytes, how == How::Failed));
            }
        }
        if how == How::Failed && job.action == Action::Process && is_current {
            let job = self.job(lease);
            job.failed(cause);
            job.cause = Some(cause);
            job.state = State::Dead;
        } else {
            self.jobs.remove(&lease.job_id);
        }
    }

    /// Compares what a worker was told with what it should have been; whether it was heard.
    fn heard(&self, lease: Lease, heard: bool) -> bool {
        let job = self.jobs.get(&lease.job_id);
        let holds = job.is_some_and(|job| job.token == lease.token && matches!(job.state, State::Leased | State::Asleep));
        assert_eq!(heard, holds, "{lease:?} {job:?}");
        heard
    }

    fn given_back(&mut self, lease: Lease, heard: bool) -> bool {
        if self.heard(lease, heard) {
            let job = self.job(lease);
            job.attempt -= u32::from(!job.exhausted);
            job.state = State::Ready;
        }
        heard
    }

    fn lease(&self, back: usize) -> Option<Lease> {
        self.leases.iter().rev().nth(back).copied()
    }

    fn job(&mut self, lease: Lease) -> &mut KnownJob {
        self.jobs.get_mut(&lease.job_id).unwrap()
    }

    fn nth_job(&self, number: usize) -> Option<i64> {
        self.jobs.keys().nth(number).copied()
    }

    fn retried(&mut self, wanted: impl Fn(&KnownJob) -> bool) -> u64 {
        self.jobs.values_mut().filter(|job| wanted(job)).map(KnownJob::start_over).count() as u64
    }

    async fn retry_all(&mut self, store: &Embedded) {
        let retried = store.retry_jobs(JobSelection::Matching(JobMatch::default())).await.unwrap();
        assert_eq!(retried, self.retried(KnownJob::is_idle));
    }

    /// All leases are lost. Those who lost more than one wait for a while nobody knows, so they are made ready.
    async fn restart(&mut self, store: &Embedded) {
        for job in self.jobs.values_mut() {
            if matches!(job.state, State::Leased | State::Asleep) {
                let waits = job.attempt > 1;
                job.expire();
                job.state = if waits { State::Waiting } else { State::Ready };
            }
        }
        self.retry_all(store).await;
    }

    async fn compare(&self, store: &Embedded) {
        let query = ListQuery { bucket: bucket("photos"), prefix: String::new(), delimiter: None, after: None, max: 100 };
        let listed = store.list_objects(query).await.unwrap().entries;
        let listed = listed.into_iter().map(|info| (info.object.key.as_str().to_owned(), (info.sequencer, info.size_bytes)));
        assert_eq!(listed.collect::<BTreeMap<_, _>>(), self.objects);

        let mut counts = QueueCounts::default();
        let found = store.jobs(JobFilter { max: usize::MAX, ..JobFilter::default() }).await.unwrap();
        assert!(found.iter().map(|info| info.id).eq(self.jobs.keys().copied()), "{found:?} {:?}", self.jobs);
        for (info, job) in found.iter().zip(self.jobs.values()) {
            let (state, count) = match job.state {
                State::Ready => (JobState::Ready, &mut counts.ready),
                State::Leased | State::Asleep => (JobState::Leased, &mut counts.leased),
                State::Due | State::Waiting => (JobState::Waiting, &mut counts.waiting),
                State::Dead => (JobState::Dead, &mut counts.dead),
            };
            *count += 1;
            let is = (info.state, info.attempt, info.cause, info.lane, info.priority, info.job.action);
            assert_eq!(is, (state, job.attempt, job.cause, job.lane, job.priority, job.action), "{info:?} {job:?}");
            assert_eq!(causes(&info.attempts), job.kept_log(), "{info:?}");
        }
        assert_eq!(store.queue_counts().await.unwrap(), counts);

        let records = store.recent_images(&bucket("photos"), 100).await.unwrap().into_iter();
        let records = records.map(|record| {
            (record.key.as_str().to_owned(), (record.sequencer, record.size_bytes, record.state == ImageState::Failed))
        });
        assert_eq!(records.collect::<BTreeMap<_, _>>(), self.records);
        let totals = store.statistics(&bucket("photos")).await.unwrap();
        let processed = || self.records.values().filter(|record| !record.2);
        let expected = (
            processed().count() as u64,
            processed().map(|record| record.1).sum(),
            (self.records.len() - processed().count()) as u64,
        );
        assert_eq!((totals.count, totals.bytes, totals.failed), expected);
    }
}

impl KnownJob {
    fn is_idle(&self) -> bool {
        matches!(self.state, State::Due | State::Waiting | State::Dead)
    }

    fn start_over(&mut self) {
        self.attempt = 0;
        self.state = State::Ready;
    }

    fn failed(&mut self, cause: FailureCause) {
        if !self.exhausted {
            self.log.push(cause);
            self.cause = Some(cause);
        }
    }

    /// The attempt under way ended without a word.
    fn expire(&mut self) {
        self.failed(FailureCause::LeaseExpired);
        self.exhausted = false;
    }

    /// It was noticed that it can be claimed.
    fn wake(&mut self) {
        if self.state == State::Asleep {
            self.expire();
        }
        self.state = State::Ready;
    }

    /// As much of the log as is kept.
    fn kept_log(&self) -> &[FailureCause] {
        &self.log[self.log.len().saturating_sub(20)..]
    }
}

fn causes(attempts: &[Attempt]) -> Vec<FailureCause> {
    attempts.iter().map(|attempt| attempt.cause).collect()
}

fn processed(there: Option<(Sequencer, u64)>) -> RecordChange {
    let info = SourceInfo {
        size_bytes: there.map_or(0, |there| there.1),
        etag: String::new(),
        sha256: String::new(),
        content_type: None,
        user_metadata: BTreeMap::new(),
        created_at: Timestamp::from_millis(0),
    };
    let metadata = ImageMetadata::new(Format::Jpeg, 1, 1);
    RecordChange::Processed { info, metadata: Box::new(metadata), variants: Vec::new(), recipe: String::new() }
}
