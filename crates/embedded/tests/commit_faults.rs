//! Each commit on an upload's way to its end fails once: the object's, the claim's, the variants', the record's, the
//! notification's. What the commit would have written is not there, and the way can be gone to its end.
#![allow(clippy::unwrap_used)]

mod support;

use minilab_embedded::*;
use minilab_model::*;
use minilab_pipeline::{Catalog as _, CatalogWrite, Commit, NewVariant, ObjectStore as _, RecordChange, SourceState, VariantBody};
use rustix::io::Errno;
use std::error::Error;
use std::time::Duration;
use support::*;

const LONG: Duration = Duration::from_secs(3600);
const SOURCE: &str = "photos/input/a";
const VARIANT: &str = "prints/a";

/// What is committed on the way, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Object,
    Claim,
    Heartbeat,
    Variants,
    Record,
    Notification,
}

const STEPS: [Step; 6] = [Step::Object, Step::Claim, Step::Heartbeat, Step::Variants, Step::Record, Step::Notification];

impl Step {
    /// Where the step's commit can be made to fail.
    fn point(self) -> FaultPoint {
        match self {
            Self::Object | Self::Variants => FaultPoint::Commit,
            Self::Claim | Self::Heartbeat | Self::Record | Self::Notification => FaultPoint::OtherCommit,
        }
    }
}

/// One upload on its way.
#[derive(Default)]
struct Way {
    job: Option<LeasedJob>,
}

impl Way {
    async fn go(&mut self, store: &Embedded, step: Step) -> Result<(), Box<dyn Error>> {
        match (step, &self.job) {
            (Step::Object, _) => {
                put(store, SOURCE, &bytes(1, 5000)).await?;
            }
            (Step::Claim, _) => self.job = store.claim(small(1, LONG)).await?.pop(),
            (Step::Notification, _) => {
                let attempt =
                    DeliveryAttempt { at: Timestamp::from_millis(0), status: None, detail: "told".to_owned(), duration_ms: 1 };
                store.finish_notifications(waiting(store).await, attempt).await?;
            }
            (_, None) => return Err("no job could be claimed".into()),
            (Step::Heartbeat, Some(job)) => {
                store.heartbeat(&[job.lease], LONG).await?;
            }
            (Step::Variants, Some(job)) => {
                let version = job.job.event.version();
                let provenance = Provenance { source: at(SOURCE), rule: "thumb".to_owned(), recipe: "00ff".to_owned() };
                let body = VariantBody::Bytes(bytes(7, 3000).into());
                let variant = NewVariant { destination: at(VARIANT), body, content_type: "image/jpeg".to_owned(), provenance };
                store.replace_variants(&version, SourceState::Present, "thumb", vec![variant]).await?;
            }
            (Step::Record, Some(job)) => {
                let committed = store.commit(processed(store, job).await?).await?;
                assert_eq!(committed, Commit::Applied);
            }
        }
        Ok(())
    }
}

async fn processed(store: &Embedded, job: &LeasedJob) -> Result<CatalogWrite, Box<dyn Error>> {
    let source = job.job.event.version();
    let info = store.head(&source).await?;
    let metadata = ImageMetadata::new(Format::Jpeg, 1, 1);
    let message = Message::Outcome(OutcomeMessage {
        outcome: Outcome::Processed,
        source: source.object.clone(),
        rule: "thumb".to_owned(),
        time: Timestamp::from_millis(0),
        request_id: None,
        variants: Vec::new(),
        failure: None,
    });
    let change = RecordChange::Processed { info, metadata: Box::new(metadata), variants: Vec::new(), recipe: "00ff".to_owned() };
    let notifications = vec![Notification { target: NotificationTarget::Log, message }];
    Ok(CatalogWrite { source, rule: "thumb".to_owned(), change, notifications, lease: Some(job.lease) })
}

async fn waiting(store: &Embedded) -> Vec<i64> {
    let ever = Timestamp::from_millis(i64::MAX);
    let due = store.due_notifications(&NotificationTarget::Log.id(), ever, 10).await.unwrap();
    due.into_iter().map(|row| row.id).collect()
}

/// Which of the steps have left something that can be seen.
async fn seen(store: &Embedded) -> Vec<Step> {
    let counts = store.queue_counts().await.unwrap();
    let told = store.notification_report().await.unwrap().kinds.get("log").copied().unwrap_or_default();
    let marks = [
        (Step::Object, store.object(&at(SOURCE)).await.is_ok()),
        (Step::Claim, counts.leased == 1),
        (Step::Variants, store.object(&at(VARIANT)).await.is_ok()),
        (Step::Record, !store.recent_images(&bucket("photos"), 1).await.unwrap().is_empty()),
        (Step::Notification, told.delivered_total == 1),
    ];
    marks.into_iter().filter_map(|(step, mark)| mark.then_some(step)).collect()
}

async fn is_whole(fixture: Fixture) {
    assert_eq!(seen(&fixture.store).await, [Step::Object, Step::Variants, Step::Record, Step::Notification]);
    assert_eq!(fixture.store.queue_counts().await.unwrap(), QueueCounts::default());
    assert_eq!(get(&fixture.store, SOURCE).await.unwrap(), bytes(1, 5000));
    assert_eq!(get(&fixture.store, VARIANT).await.unwrap(), bytes(7, 3000));
    fixture.store.collect_garbage().await;
    assert_eq!(fixture.check().await.blobs, 2);
}

/// Goes the way to `failing`, whose commit fails with `errno`.
async fn fail_at(fixture: &Fixture, failing: Step, errno: Errno) -> Way {
    let mut way = Way::default();
    for step in STEPS.into_iter().filter(|step| *step < failing) {
        way.go(&fixture.store, step).await.unwrap();
    }
    // The store's own writes are done now, so that the failure meets ours.
    fixture.store.collect_garbage().await;
    let before = seen(&fixture.store).await;
    fixture.faults.arm(failing.point(), errno.raw_os_error());
    way.go(&fixture.store, failing).await.unwrap_err();
    assert_eq!(seen(&fixture.store).await, before, "{failing:?} left something");
    way
}

#[tokio::test]
async fn a_commit_that_finds_no_room_is_made_again() {
    for failing in STEPS {
        let fixture = Fixture::new().await;
        let mut way = fail_at(&fixture, failing, Errno::NOSPC).await;
        assert_eq!(fixture.store.health(), Health::Ready, "{failing:?}");
        for step in STEPS.into_iter().filter(|step| *step >= failing) {
            way.go(&fixture.store, step).await.unwrap();
        }
        is_whole(fixture).await;
    }
}

#[tokio::test]
async fn a_commit_that_fails_stops_the_store_and_the_next_start_goes_on() {
    for failing in STEPS {
        let fixture = Fixture::new().await;
        fail_at(&fixture, failing, Errno::IO).await;
        let Health::NotReady { reason } = fixture.store.health() else { panic!("{failing:?}: the store says that it is ready") };
        assert!(reason.contains("commit"), "{reason}");
        let fixture = fixture.reopen().await;
        let mut way = Way::default();
        if failing == Step::Object {
            way.go(&fixture.store, Step::Object).await.unwrap();
        }
        if failing <= Step::Record {
            for step in [Step::Claim, Step::Heartbeat, Step::Variants, Step::Record] {
                way.go(&fixture.store, step).await.unwrap();
            }
        }
        way.go(&fixture.store, Step::Notification).await.unwrap();
        is_whole(fixture).await;
    }
}
