//! The notifier over a real store, on tokio's paused clock, with receivers that fail as told.
#![allow(clippy::unwrap_used)]

use super::*;
use minilab_delivery::DeliveryOutcome;
use minilab_embedded::{
    Attributes, BodyOptions, ClaimOptions, DeliveryFilter, DeliveryInfo, DeliverySelection, DeliveryState, NotificationCounts,
    OpenOptions, Origin, Precondition, PutObject,
};
use minilab_model::*;
use minilab_pipeline::{Catalog as _, CatalogWrite, RecordChange};
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// One delivery as its receiver saw it.
#[derive(Debug, Clone)]
struct Seen {
    begun: Timestamp,
    target: String,
    messages: Vec<String>,
    delivered: bool,
}

type Behaviour = Arc<dyn Fn(&str, Timestamp) -> DeliveryOutcome + Send + Sync>;

/// Receivers that do as `behaviour` says for their label and the time.
#[derive(Clone)]
struct Sinks {
    clock: Clock,
    behaviour: Behaviour,
    plan: Plan,
    /// How long each delivery takes.
    takes: Duration,
    seen: Arc<Mutex<Vec<Seen>>>,
    arrivals: Arc<watch::Sender<usize>>,
}

impl Deliver for Sinks {
    async fn deliver(&self, target: &NotificationTarget, batch: &[Outgoing]) -> Report {
        let begun = (self.clock)();
        let outcome = (self.behaviour)(&target.label(), begun);
        if self.takes > Duration::ZERO {
            tokio::time::sleep(self.takes).await;
        }
        let messages = batch.iter().map(|outgoing| outgoing.message_id.clone()).collect();
        let delivered = outcome == DeliveryOutcome::Delivered;
        self.seen.lock().unwrap().push(Seen { begun, target: target.label(), messages, delivered });
        self.arrivals.send_modify(|count| *count += 1);
        let status = if delivered { 204 } else { 503 };
        Report { outcome, status: Some(status), detail: format!("HTTP {status}"), duration: self.takes }
    }

    fn plan(&self, _target: &NotificationTarget) -> Plan {
        self.plan
    }
}

struct Fixture {
    store: Embedded,
    clock: Clock,
    start: Timestamp,
    _directory: tempfile::TempDir,
}

impl Fixture {
    /// A store whose bucket tells of `NAME/…` to the webhook NAME, and a clock that goes as tokio's does.
    async fn new(webhooks: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut open = OpenOptions::new(directory.path());
        open.limits.reserve_bytes = 0;
        open.limits.reserve_fraction = 0.0;
        open.planner = Arc::new(|event| {
            let (rule, action) = ("r".to_owned(), Action::Process);
            if event.key.as_str().starts_with("told/") { vec![Job { event: event.clone(), rule, action }] } else { Vec::new() }
        });
        let store = Embedded::open(open).unwrap();
        let bucket = BucketName::new("photos").unwrap();
        store.create_bucket(&bucket).await.unwrap();
        let notification = |name: &&str| BucketNotification {
            id: (*name).to_owned(),
            events: vec![EventPattern::any_created()],
            prefix: Some(format!("{name}/")),
            suffix: None,
            webhook: (*name).to_owned(),
        };
        store.set_bucket_notifications(&bucket, webhooks.iter().map(notification).collect()).await.unwrap();
        let (start, started) = (Timestamp::from(SystemTime::now()), Instant::now());
        let clock: Clock = Arc::new(move || start.after(started.elapsed()));
        Self { store, clock, start, _directory: directory }
    }

    fn sinks(&self, behaviour: impl Fn(&str, Timestamp) -> DeliveryOutcome + Send + Sync + 'static) -> Sinks {
        Sinks {
            clock: Arc::clone(&self.clock),
            behaviour: Arc::new(behaviour),
            plan: Plan { batch: 1, digest: None, max_per_hour: None },
            takes: Duration::ZERO,
            seen: Arc::default(),
            arrivals: Arc::new(watch::Sender::new(0)),
        }
    }

    async fn put(&self, key: &str) {
        let mut body = self.store.write_body(BodyOptions { max_bytes: 100, checksum: None });
        body.write("x".into()).await.unwrap();
        let put = PutObject {
            object: format!("photos/{key}").parse().unwrap(),
            body: body.finish().await.unwrap(),
            attributes: Attributes::default(),
            precondition: Precondition::default(),
            kind: EventKind::CreatedPut,
            origin: Origin::default(),
        };
        self.store.put_object(put).await.unwrap();
    }

    /// Has a job end that tells this target.
    async fn notify(&self, target: &NotificationTarget) {
        self.put("told/a").await;
        let claim = ClaimOptions { lane: Lane::Small, max: 1, lease: Duration::from_secs(60) };
        let job = self.store.claim(claim).await.unwrap().remove(0);
        let (source, rule) = (job.job.event.version(), "r".to_owned());
        let failure = Failure { rule: rule.clone(), cause: FailureCause::Damaged, error: "broken".to_owned() };
        let message = Message::Outcome(OutcomeMessage {
            outcome: Outcome::Failed,
            source: source.object.clone(),
            rule: rule.clone(),
            time: Timestamp::from_millis(0),
            request_id: None,
            variants: Vec::new(),
            failure: None,
        });
        let change = RecordChange::Failed { info: None, variants: Vec::new(), failure, facts: None };
        let notifications = vec![Notification { target: target.clone(), message }];
        self.store.commit(CatalogWrite { source, rule, change, notifications, lease: Some(job.lease) }).await.unwrap();
        self.store.discard_job(job.lease.job_id).await.unwrap();
    }

    fn start(&self, sinks: &Sinks) -> Running {
        let (deliverer, current) = watch::channel(sinks.clone());
        let (shutdown, stop) = watch::channel(false);
        let notifier = Notifier::new(self.store.clone(), current, stop, Arc::clone(&self.clock));
        Running { deliverer, shutdown, task: tokio::spawn(notifier.run()) }
    }

    async fn counts(&self) -> NotificationCounts {
        let report = self.store.notification_report().await.unwrap();
        report.kinds.into_values().next().unwrap_or_default()
    }

    /// Waits until nothing waits any more.
    ///
    /// The paused clock goes on when all is idle, and the store's writer is a thread of which tokio knows nothing: so
    /// until what was seen is written down, this keeps asking, and the clock stands.
    async fn settle(&self, sinks: &Sinks) -> NotificationCounts {
        self.settle_looking(sinks, LOOK).await
    }

    async fn settle_looking(&self, sinks: &Sinks, every: Duration) -> NotificationCounts {
        let mut arrivals = sinks.arrivals.subscribe();
        loop {
            arrivals.mark_unchanged();
            let seen: usize = sinks.seen().iter().map(|seen| seen.messages.len()).sum();
            let counts = self.counts().await;
            if counts.waiting == 0 {
                return counts;
            }
            if counts.delivered_total + counts.failed_total >= seen as u64 {
                // What is given up without a try is not seen, so this ends some time.
                let _ = tokio::time::timeout(every, arrivals.changed()).await;
            }
        }
    }

    async fn log(&self, state: DeliveryState) -> Vec<DeliveryInfo> {
        self.store.deliveries(DeliveryFilter { state: Some(state), max: 10_000, ..DeliveryFilter::default() }).await.unwrap()
    }

    fn seconds(&self, moment: Timestamp) -> i64 {
        (moment.as_millis() - self.start.as_millis()) / 1000
    }
}

struct Running {
    deliverer: watch::Sender<Sinks>,
    shutdown: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    async fn stop(self) {
        self.shutdown.send_replace(true);
        self.task.await.unwrap();
    }
}

impl Sinks {
    fn seen(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap()
    }

    fn of(&self, target: &str) -> Vec<Seen> {
        self.seen().iter().filter(|seen| seen.target == target).cloned().collect()
    }

    /// Every message that a target took, each as often as it was taken.
    fn taken(&self, target: &str) -> Vec<String> {
        self.of(target).into_iter().filter(|seen| seen.delivered).flat_map(|seen| seen.messages).collect()
    }
}

const RETRY: DeliveryOutcome = DeliveryOutcome::Retry { after: None };
const HOUR: Duration = Duration::from_secs(3600);
/// How often it is looked whether all is done; the clock may run ahead by so much while the store writes.
const LOOK: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_down_for_an_hour_loses_nothing_and_delays_only_itself() {
    let fixture = Fixture::new(&["down", "up"]).await;
    for number in 0..100 {
        fixture.put(&format!("down/{number}")).await;
        fixture.put(&format!("up/{number}")).await;
    }
    let back = fixture.start.after(HOUR);
    let sinks = fixture.sinks(move |target, now| match target == "down" && now < back {
        true => RETRY,
        false => DeliveryOutcome::Delivered,
    });
    let running = fixture.start(&sinks);
    let counts = fixture.settle(&sinks).await;
    running.stop().await;
    assert_eq!((counts.dead, counts.delivered_total), (0, 200));
    for target in ["down", "up"] {
        let taken = sinks.taken(target);
        assert_eq!((taken.len(), taken.iter().collect::<BTreeSet<_>>().len()), (100, 100), "{target}: each message once");
    }
    let late = sinks.of("up").iter().map(|seen| fixture.seconds(seen.begun)).max();
    assert!(late < Some(60), "the other sink waited {late:?} s");

    // While it is down: some at once at first, then one probe after each wait, the waits under their ceilings.
    let failures: Vec<i64> = sinks.of("down").iter().filter(|seen| !seen.delivered).map(|seen| seen.begun.as_millis()).collect();
    let probes = &failures[failures.iter().filter(|millis| **millis == failures[0]).count().min(4) - 1..];
    assert!((12..150).contains(&probes.len()), "{} attempts in an hour", probes.len());
    for (failure, gap) in probes.windows(2).map(|pair| pair[1] - pair[0]).enumerate() {
        let ceiling = DeliveryLimits::default().backoff_ceiling(failure as u32 + 1).as_millis() as i64;
        assert!(gap <= ceiling + 3 * LOOK.as_millis() as i64, "{gap} ms after failure {}, more than {ceiling}", failure + 1);
    }
    let first_taken = sinks.of("down").iter().find(|seen| seen.delivered).unwrap().begun;
    assert!(fixture.seconds(first_taken) <= 3600 + 301, "taken {} s after the start", fixture.seconds(first_taken));
    let log = fixture.log(DeliveryState::Delivered).await;
    let tried = log.iter().map(|info| info.attempts.len()).sum::<usize>();
    assert_eq!(tried, 200 + failures.len(), "each attempt is in the log");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_taken_in_a_day_is_kept_as_dead_and_told_when_asked_for() {
    let fixture = Fixture::new(&["gone"]).await;
    for number in 0..50 {
        fixture.put(&format!("gone/{number}")).await;
    }
    let gone = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let is_gone = Arc::clone(&gone);
    let sinks = fixture.sinks(move |_, _| match is_gone.load(std::sync::atomic::Ordering::Relaxed) {
        true => RETRY,
        false => DeliveryOutcome::Delivered,
    });
    let running = fixture.start(&sinks);
    let counts = fixture.settle_looking(&sinks, Duration::from_secs(60)).await;
    assert_eq!((counts.dead, counts.delivered_total), (50, 0));
    let dead = fixture.log(DeliveryState::Dead).await;
    for info in &dead {
        let tried = info.due_at.as_millis() - info.created_at.as_millis();
        assert!(tried >= 24 * HOUR.as_millis() as i64 && !info.attempts.is_empty(), "{info:?}");
    }
    // A day has 288 times five minutes; a try for each row would be many more.
    assert!((200..1500).contains(&sinks.seen().len()), "{} attempts", sinks.seen().len());

    gone.store(false, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(fixture.store.redeliver(DeliverySelection::AllDead).await.unwrap(), 50);
    let counts = fixture.settle(&sinks).await;
    running.stop().await;
    assert_eq!((counts.dead, counts.delivered_total, counts.dead_total), (0, 50, 50));
    let expected: BTreeSet<String> = dead.into_iter().map(|info| info.message_id).collect();
    assert_eq!(sinks.taken("gone").into_iter().collect::<BTreeSet<_>>(), expected);
}

#[tokio::test(start_paused = true)]
async fn many_targets_that_hang_leave_room_for_one_that_answers() {
    let names: Vec<String> = (0..99).map(|number| format!("hangs-{number}")).chain(["answers".to_owned()]).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let fixture = Fixture::new(&names).await;
    for name in &names {
        fixture.put(&format!("{name}/a")).await;
    }
    let back = fixture.start.after(HOUR / 6);
    let mut sinks = fixture.sinks(move |target, now| match target == "answers" || now >= back {
        true => DeliveryOutcome::Delivered,
        false => RETRY,
    });
    sinks.takes = Duration::from_secs(10);
    let running = fixture.start(&sinks);
    let counts = fixture.settle(&sinks).await;
    running.stop().await;
    assert_eq!((counts.delivered_total, counts.dead), (100, 0));
    let answered = fixture.seconds(sinks.of("answers")[0].begun);
    assert!(answered <= 40, "three rounds of others came first: {answered} s");
    let mut begun: Vec<i64> = sinks.seen().iter().map(|seen| seen.begun.as_millis()).collect();
    begun.sort_unstable();
    let at_once = begun.iter().map(|from| begun.iter().filter(|other| (*from..*from + 9_000).contains(*other)).count()).max();
    assert!(at_once <= Some(TARGETS), "{at_once:?} at once");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_refused_holds_up_nobody() {
    let fixture = Fixture::new(&["picky"]).await;
    for number in 0..20 {
        fixture.put(&format!("picky/{number}")).await;
    }
    let count = std::sync::atomic::AtomicUsize::new(0);
    let sinks = fixture.sinks(move |_, _| match count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
        3 => DeliveryOutcome::Refused,
        7 => DeliveryOutcome::Retry { after: Some(Duration::from_secs(30)) },
        _ => DeliveryOutcome::Delivered,
    });
    let running = fixture.start(&sinks);
    let counts = fixture.settle(&sinks).await;
    running.stop().await;
    assert_eq!((counts.delivered_total, counts.dead, counts.failed_total), (19, 1, 2));
    let dead = fixture.log(DeliveryState::Dead).await.remove(0);
    assert_eq!((dead.attempts.len(), dead.attempts[0].status), (1, Some(503)));
    let seen = sinks.seen();
    let waited = seen[seen.len() - 1].begun.as_millis() - seen[7].begun.as_millis();
    assert!(waited >= 30_000, "Retry-After was 30 s, the wait {waited} ms");
}

#[tokio::test(start_paused = true)]
async fn people_get_so_many_messages_an_hour_and_what_is_beyond_together() {
    let fixture = Fixture::new(&[]).await;
    let email = EmailTarget { to: vec!["a@example.org".to_owned()], digest_minutes: 0, max_per_hour: 3 };
    let target = NotificationTarget::Email(email);
    let mut sinks = fixture.sinks(|_, _| DeliveryOutcome::Delivered);
    sinks.plan = Plan { batch: 4, digest: None, max_per_hour: Some(3) };
    fixture.notify(&target).await;
    let running = fixture.start(&sinks);
    fixture.settle(&sinks).await;
    running.stop().await;
    for _ in 0..20 {
        fixture.notify(&target).await;
    }
    // The count of this hour outlives the notifier.
    let running = fixture.start(&sinks);
    let counts = fixture.settle(&sinks).await;
    running.stop().await;
    assert_eq!(counts.delivered_total, 21);
    let seen = sinks.of("a@example.org");
    let sizes: Vec<usize> = seen.iter().map(|seen| seen.messages.len()).collect();
    assert_eq!((sizes.iter().sum::<usize>(), sizes.iter().max()), (21, Some(&4)), "{sizes:?}");
    let begun: Vec<i64> = seen.iter().map(|seen| seen.begun.as_millis()).collect();
    for (first, fourth) in begun.iter().zip(begun.iter().skip(3)) {
        assert!(fourth - first >= HOUR.as_millis() as i64, "four messages within {} ms", fourth - first);
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_deliverer_is_tried_at_once() {
    let fixture = Fixture::new(&["typo"]).await;
    fixture.put("typo/a").await;
    let wrong = fixture.sinks(|_, _| DeliveryOutcome::Retry { after: Some(20 * HOUR) });
    let right = fixture.sinks(|_, _| DeliveryOutcome::Delivered);
    let running = fixture.start(&wrong);
    wrong.arrivals.subscribe().wait_for(|count| *count > 0).await.unwrap();
    while fixture.counts().await.failed_total == 0 {}
    // The target is to be left alone for hours, and with it what comes now.
    fixture.put("typo/b").await;
    running.deliverer.send_replace(right.clone());
    right.arrivals.subscribe().wait_for(|count| *count > 0).await.unwrap();
    let seconds = fixture.seconds(right.seen()[0].begun);
    // The clock runs ahead while the store writes, by naps, but not by hours.
    assert!(seconds < 3600, "tried {seconds} s after the start");
    assert_eq!(wrong.seen().len(), 1);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn who_stops_lets_deliveries_end_and_keeps_the_rows_of_those_that_do_not() {
    let fixture = Fixture::new(&["slow", "hangs"]).await;
    let mut sinks = fixture.sinks(|_, _| DeliveryOutcome::Delivered);
    for (name, takes, waiting) in [("slow", 9, 0), ("hangs", 1000, 1)] {
        fixture.put(&format!("{name}/a")).await;
        sinks.takes = Duration::from_secs(takes);
        let running = fixture.start(&sinks);
        // The first turn has begun once nothing but its delivery is left to wait for.
        tokio::time::sleep(Duration::from_secs(1)).await;
        running.stop().await;
        let mut looks = 0..1000;
        while fixture.counts().await.waiting != waiting {
            assert!(looks.next().is_some(), "{name}: {:?}", fixture.counts().await);
        }
    }
    sinks.takes = Duration::ZERO;
    let running = fixture.start(&sinks);
    assert_eq!(fixture.settle(&sinks).await.delivered_total, 2, "the next start delivers what was left");
    running.stop().await;
}
