//! Notifications: written with what they tell of, kept until delivered, logged, told again when asked.
#![allow(clippy::unwrap_used)]

mod support;

use minilab_embedded::*;
use minilab_model::*;
use minilab_pipeline::{Catalog as _, CatalogWrite, Commit, RecordChange};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};
use support::*;

const LONG: Duration = Duration::from_secs(3600);
const EVER: Timestamp = Timestamp::from_millis(i64::MAX);

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

fn notification(target: NotificationTarget) -> Notification {
    let message = Message::Outcome(OutcomeMessage {
        outcome: Outcome::Failed,
        source: at("photos/input/a"),
        rule: "thumb".to_owned(),
        time: Timestamp::from_millis(0),
        request_id: None,
        variants: Vec::new(),
        failure: None,
    });
    Notification { target, message }
}

/// Has a job of its own end with this notification.
async fn notify(store: &Embedded, target: NotificationTarget) {
    put(store, "photos/input/told", b"x").await.unwrap();
    let job = store.claim(small(1, LONG)).await.unwrap().remove(0);
    let write = CatalogWrite { notifications: vec![notification(target)], ..end(&job, failed()) };
    assert_eq!(store.commit(write).await.unwrap(), Commit::Applied);
    store.discard_job(job.lease.job_id).await.unwrap();
}

fn attempt(millis: i64, status: u16) -> DeliveryAttempt {
    DeliveryAttempt { at: Timestamp::from_millis(millis), status: Some(status), detail: format!("HTTP {status}"), duration_ms: 5 }
}

fn webhook(name: &str) -> NotificationTarget {
    NotificationTarget::BucketWebhook(name.to_owned())
}

async fn due(store: &Embedded, target: &NotificationTarget) -> Vec<PendingNotification> {
    store.due_notifications(&target.id(), EVER, 100).await.unwrap()
}

/// How often a bucket told what, and to which configuration, in order.
async fn told(store: &Embedded, target: &NotificationTarget) -> Vec<(&'static str, String)> {
    let rows = due(store, target).await.into_iter().map(|row| match row.notification.message {
        Message::S3Event { event, .. } => (event.kind.as_str(), event.object().to_string()),
        other => panic!("{other:?}"),
    });
    rows.collect()
}

#[tokio::test]
async fn notifications_are_told_once_and_kept_until_delivered() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    put(store, "photos/input/a", b"1").await.unwrap();
    let notification = notification(NotificationTarget::Log);
    let arrivals = store.notification_arrivals();
    for _ in 0..2 {
        let job = store.claim(small(1, LONG)).await.unwrap().remove(0);
        let write = CatalogWrite { notifications: vec![notification.clone()], ..end(&job, failed()) };
        assert_eq!(store.commit(write).await.unwrap(), Commit::Applied);
        store.retry_job(job.lease.job_id).await.unwrap();
    }
    assert_eq!(*arrivals.borrow(), 1, "the same failure is told once");
    let fixture = fixture.reopen().await;
    let store = &fixture.store;
    let told = due(store, &NotificationTarget::Log).await;
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0].notification, told[0].attempt), (&notification, 1));
    assert_eq!(told[0].message_id.len(), 32);
    store.fail_notifications(vec![told[0].id], attempt(7, 500), Some(Timestamp::from_millis(1))).await.unwrap();
    let again = due(store, &NotificationTarget::Log).await;
    assert_eq!((again[0].attempt, &again[0].message_id), (2, &told[0].message_id));
    let targets = store.waiting_targets().await.unwrap();
    assert_eq!((targets.len(), &targets[0].target, targets[0].due_at), (1, &NotificationTarget::Log, Timestamp::from_millis(1)));
    store.finish_notifications(vec![again[0].id], attempt(8, 200)).await.unwrap();
    assert!(due(store, &NotificationTarget::Log).await.is_empty());
    assert_eq!(store.waiting_targets().await.unwrap(), []);

    // The removal is told to the rule that had recorded the image, once.
    delete(store, "photos/input/a").await.unwrap();
    let removal = loop {
        let job = store.claim(small(1, LONG)).await.unwrap().remove(0);
        if job.job.action == Action::Remove {
            break job;
        }
        store.commit(end(&job, RecordChange::Dropped)).await.unwrap();
    };
    let write = CatalogWrite { notifications: vec![notification], ..end(&removal, RecordChange::Removed) };
    let stranger = CatalogWrite { rule: "other".to_owned(), lease: None, ..write.clone() };
    for (write, rows) in [(stranger, 0), (CatalogWrite { lease: None, ..write.clone() }, 1), (write, 1)] {
        assert_eq!(store.commit(write).await.unwrap(), Commit::Applied);
        assert_eq!(due(store, &NotificationTarget::Log).await.len(), rows);
    }
    fixture.check().await;
}

#[tokio::test]
async fn a_target_is_drained_by_itself() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let (one, other) = (webhook("one"), webhook("other"));
    for target in [&one, &other, &one] {
        notify(store, target.clone()).await;
    }
    assert_eq!((due(store, &one).await.len(), due(store, &other).await.len()), (2, 1));
    assert!(store.due_notifications(&one.id(), Timestamp::from_millis(0), 10).await.unwrap().is_empty(), "not due then");
    assert_eq!(store.due_notifications(&one.id(), EVER, 1).await.unwrap().len(), 1);
    let ids: Vec<i64> = due(store, &one).await.iter().map(|row| row.id).collect();
    store.fail_notifications(ids, attempt(9, 503), Some(EVER)).await.unwrap();
    let targets: BTreeMap<String, Timestamp> =
        store.waiting_targets().await.unwrap().into_iter().map(|target| (target.id, target.due_at)).collect();
    assert_eq!(targets[&one.id()], EVER);
    assert!(targets[&other.id()] <= Timestamp::from(SystemTime::now()));
    fixture.check().await;
}

#[tokio::test]
async fn the_log_tells_every_attempt_and_what_was_given_up_is_told_again() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let target = webhook("orders");
    for _ in 0..3 {
        notify(store, target.clone()).await;
    }
    notify(store, NotificationTarget::Log).await;
    let rows = due(store, &target).await;
    let [first, second, third] = [rows[0].id, rows[1].id, rows[2].id];
    for number in 0..25 {
        store.fail_notifications(vec![first], attempt(number, 500), Some(Timestamp::from_millis(1))).await.unwrap();
    }
    store.fail_notifications(vec![first, second], attempt(100, 410), None).await.unwrap();
    store.finish_notifications(vec![third], attempt(101, 204)).await.unwrap();

    let log = store.delivery(first).await.unwrap().unwrap();
    assert_eq!((log.state, log.attempt, log.attempts.len()), (DeliveryState::Dead, 26, 20));
    assert_eq!((log.attempts.last(), log.due_at), (Some(&attempt(100, 410)), Timestamp::from_millis(100)));
    assert_eq!((log.target_kind, log.target_label.as_str()), ("bucket_webhook", "orders"));
    let filter = DeliveryFilter::default();
    let found = |filter: DeliveryFilter| async move {
        store.deliveries(filter).await.unwrap().into_iter().map(|info| info.id).collect::<Vec<_>>()
    };
    let all = found(filter.clone()).await;
    assert_eq!((all.len(), &all[1..]), (4, &[third, second, first][..]));
    let dead = DeliveryFilter { state: Some(DeliveryState::Dead), ..filter.clone() };
    assert_eq!(found(dead.clone()).await, [second, first]);
    assert_eq!(found(DeliveryFilter { max: 1, ..dead.clone() }).await, [second]);
    assert_eq!(found(DeliveryFilter { after: Some(second), ..dead.clone() }).await, [first]);
    assert_eq!(found(DeliveryFilter { target_id: Some(NotificationTarget::Log.id()), ..dead }).await, [0; 0]);
    assert_eq!(found(DeliveryFilter { target_id: Some(target.id()), ..filter.clone() }).await, [third, second, first]);
    let message = DeliveryFilter { message_id: Some(rows[1].message_id.clone()), ..filter };
    assert_eq!(found(message.clone()).await, [second]);
    assert_eq!(found(DeliveryFilter { state: Some(DeliveryState::Delivered), ..message }).await, [0; 0]);

    let report = store.notification_report().await.unwrap();
    let counts = report.kinds["bucket_webhook"];
    assert_eq!((counts.waiting, counts.dead, counts.delivered_total), (0, 2, 1));
    assert_eq!((counts.failed_total, counts.dead_total, counts.oldest_waiting_at), (27, 2, None));
    assert!(report.oldest_waiting_at().is_some());

    assert_eq!(store.redeliver(DeliverySelection::DeadOf(target.id())).await.unwrap(), 2);
    assert_eq!(store.redeliver(DeliverySelection::AllDead).await.unwrap(), 0);
    assert_eq!(store.redeliver(DeliverySelection::Ids(vec![third, 4711])).await.unwrap(), 1);
    let again = due(store, &target).await;
    assert_eq!(again.iter().map(|row| (row.id, row.attempt)).collect::<Vec<_>>(), [(first, 1), (second, 1), (third, 1)]);
    assert_eq!(again[0].message_id, rows[0].message_id, "the receiver can tell that it is the same message");
    assert!(again[0].queued_at >= again[0].created_at);
    let urged = store.waiting_targets().await.unwrap().into_iter().find(|waiting| waiting.target == target).unwrap();
    assert!(urged.urged_at.is_some());
    assert_eq!(store.delivery(first).await.unwrap().unwrap().attempts.len(), 20, "the log goes on");
    fixture.check().await;
}

#[tokio::test]
async fn what_a_target_has_not_taken_in_time_is_given_up_together() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let target = webhook("gone");
    for _ in 0..3 {
        notify(store, target.clone()).await;
    }
    notify(store, webhook("other")).await;
    let last = attempt(5, 500);
    assert_eq!(store.expire_notifications(&target.id(), Timestamp::from_millis(1), last.clone()).await.unwrap(), 0);
    assert_eq!(store.expire_notifications(&target.id(), EVER, last.clone()).await.unwrap(), 3);
    let dead = store.deliveries(DeliveryFilter { state: Some(DeliveryState::Dead), ..DeliveryFilter::default() }).await.unwrap();
    assert!(dead.len() == 3 && dead.iter().all(|info| info.target_label == "gone" && info.attempts == [last.clone()]));
    fixture.check().await;
}

#[tokio::test]
async fn a_digest_is_due_at_the_end_of_its_window_and_messages_are_counted() {
    let fixture = Fixture::new().await;
    let email = EmailTarget { to: vec!["a@example.org".to_owned()], digest_minutes: 7, max_per_hour: 2 };
    let target = NotificationTarget::Email(email);
    notify(&fixture.store, target.clone()).await;
    notify(&fixture.store, target.clone()).await;
    let due_at = fixture.store.waiting_targets().await.unwrap()[0].due_at;
    assert_eq!(due_at.as_millis() % (7 * 60_000), 0);
    assert!(due_at > Timestamp::from(SystemTime::now()));
    let rows = due(&fixture.store, &target).await;
    let before = Timestamp::from_millis(due_at.as_millis() - 1);
    assert!(fixture.store.due_notifications(&target.id(), before, 10).await.unwrap().is_empty());
    // Both rows in one message, and a second message an hour later: the first one is forgotten then.
    const HOUR: i64 = 3_600_000;
    fixture.store.finish_notifications(rows.iter().map(|row| row.id).collect(), attempt(1000, 250)).await.unwrap();
    let fixture = fixture.reopen().await;
    let id = target.id();
    let sent = || fixture.store.messages_sent(&id, Timestamp::from_millis(0), 10);
    assert_eq!(sent().await.unwrap(), [Timestamp::from_millis(1000)]);
    notify(&fixture.store, target.clone()).await;
    let row = due(&fixture.store, &target).await.remove(0);
    fixture.store.finish_notifications(vec![row.id], attempt(1000 + HOUR, 250)).await.unwrap();
    assert_eq!(sent().await.unwrap(), [Timestamp::from_millis(1000 + HOUR)]);
    fixture.check().await;
}

#[tokio::test]
async fn the_log_of_deliveries_is_bounded() {
    let fixture = Fixture::with(StoreLimits { delivered_rows: 3, ..limits() }).await;
    let store = &fixture.store;
    let target = webhook("busy");
    for number in 0..6 {
        notify(store, target.clone()).await;
        let row = due(store, &target).await.remove(0);
        store.finish_notifications(vec![row.id], attempt(number, 200)).await.unwrap();
    }
    let kept = store.deliveries(DeliveryFilter::default()).await.unwrap();
    let when: Vec<i64> = kept.iter().map(|info| info.due_at.as_millis()).collect();
    assert_eq!(when, [5, 4, 3], "the latest stay");
    assert_eq!(store.notification_report().await.unwrap().kinds["bucket_webhook"].delivered_total, 6);
    fixture.check().await;
}

fn configuration(id: &str, event: &str, prefix: &str, suffix: &str, webhook: &str) -> BucketNotification {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    BucketNotification {
        id: id.to_owned(),
        events: vec![EventPattern::try_from(event.to_owned()).unwrap()],
        prefix: some(prefix),
        suffix: some(suffix),
        webhook: webhook.to_owned(),
    }
}

#[tokio::test]
async fn a_bucket_tells_of_its_objects() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    put(store, "photos/before", b"x").await.unwrap();
    let photos = bucket("photos");
    let configured = vec![
        configuration("made", "s3:ObjectCreated:*", "", ".jpg", "orders"),
        configuration("gone", "s3:ObjectRemoved:*", "", "", "orders"),
        configuration("copied", "s3:ObjectCreated:Copy", "copies/", "", "copies"),
    ];
    store.set_bucket_notifications(&photos, configured.clone()).await.unwrap();
    let fixture = fixture.reopen().await;
    let store = &fixture.store;
    assert_eq!(store.bucket_notifications(&photos).await.unwrap(), configured);
    assert_eq!(store.bucket_notifications(&bucket("prints")).await.unwrap(), []);
    assert!(matches!(store.bucket_notifications(&bucket("missing")).await, Err(EmbeddedError::NoSuchBucket(_))));
    assert!(matches!(store.set_bucket_notifications(&bucket("missing"), Vec::new()).await, Err(EmbeddedError::NoSuchBucket(_))));

    put(store, "photos/a.jpg", b"a").await.unwrap();
    put(store, "photos/a.txt", b"a").await.unwrap();
    put(store, "prints/a.jpg", b"a").await.unwrap();
    let copy = CopyObject {
        source: at("photos/a.jpg"),
        destination: at("photos/copies/a.jpg"),
        attributes: None,
        tags: None,
        precondition: Precondition::default(),
        source_precondition: Precondition::default(),
        checksum: None,
        origin: Origin { request_id: Some("R1".to_owned()), requester: None },
    };
    store.copy_object(copy).await.unwrap();
    // A client's object that says it is a variant starts no job, but is told as any other.
    let marked =
        Attributes { user: BTreeMap::from([("minilab-source".to_owned(), "photos/x".to_owned())]), ..Attributes::default() };
    let body = stage(store, b"v").await.unwrap();
    store.put_object(PutObject { attributes: marked, ..put_of("photos/input/v.jpg", body) }).await.unwrap();
    assert!(store.claim(small(10, LONG)).await.unwrap().is_empty());
    delete(store, "photos/a.jpg").await.unwrap();
    delete(store, "photos/input/v.jpg").await.unwrap();

    let (put_event, copied, removed) = ("s3:ObjectCreated:Put", "s3:ObjectCreated:Copy", "s3:ObjectRemoved:Delete");
    let expected = [
        (put_event, "photos/a.jpg".to_owned()),
        (copied, "photos/copies/a.jpg".to_owned()),
        (put_event, "photos/input/v.jpg".to_owned()),
        (removed, "photos/a.jpg".to_owned()),
        (removed, "photos/input/v.jpg".to_owned()),
    ];
    assert_eq!(told(store, &webhook("orders")).await, expected);
    assert_eq!(told(store, &webhook("copies")).await, [(copied, "photos/copies/a.jpg".to_owned())]);
    let Message::S3Event { event, configuration_id } = due(store, &webhook("copies")).await.remove(0).notification.message else {
        panic!("an event was told")
    };
    assert_eq!((configuration_id.as_str(), event.request_id.as_deref(), event.size_bytes), ("copied", Some("R1"), 1));

    // An empty configuration tells nobody, and a bucket takes its configuration with it.
    store.set_bucket_notifications(&photos, Vec::new()).await.unwrap();
    put(store, "photos/b.jpg", b"b").await.unwrap();
    assert_eq!(told(store, &webhook("orders")).await.len(), expected.len());
    let short = bucket("short");
    store.create_bucket(&short).await.unwrap();
    store.set_bucket_notifications(&short, configured).await.unwrap();
    store.delete_bucket(&short).await.unwrap();
    store.create_bucket(&short).await.unwrap();
    assert_eq!(store.bucket_notifications(&short).await.unwrap(), []);
    fixture.check().await;
}
