#![allow(clippy::unwrap_used)]

use super::*;
use crate::functions::fakes::{Fake, FakeQueues, batch, bmp, bridged, bundle, enveloped, invocation, s3_notification};
use minilab_pipeline::RecordChange;
use serde_json::Value;

const TIERS: [&str; 3] = ["q-small", "q-medium", "q-large"];

fn settings(tier: &str) -> ProcessSettings {
    ProcessSettings {
        table: "T".to_owned(),
        tier: Some(tier.to_owned()),
        dead_letter_queue: Some("q-dead".to_owned()),
        tier_queues: TIERS.map(str::to_owned).into(),
        topic: Some("arn:aws:sns:eu-central-1:1:t".to_owned()),
        digests: false,
    }
}

fn function(tier: &str, fake: &Fake, queues: &FakeQueues) -> Process<Fake, Fake, Fake, FakeQueues> {
    let parts = ProcessParts { store: fake.clone(), catalog: fake.clone(), observer: fake.clone(), queues: queues.clone() };
    Process::new(&bundle(), &settings(tier), parts).unwrap()
}

/// Calls the function; the messages that it gives back.
async fn call(tier: &str, fake: &Fake, queues: &FakeQueues, payload: Value, seconds: u64) -> Result<Vec<String>, String> {
    let call = Call::parse(payload).unwrap();
    let answer = function(tier, fake, queues).call(call, &invocation(seconds)).await?;
    Ok(answer.failures.into_iter().map(|failure| failure.identifier).collect())
}

fn put(key: &str) -> String {
    s3_notification("ObjectCreated:Put", key, 1).to_string()
}

/// What was committed: the source's key and how it ended.
fn ended(fake: &Fake) -> Vec<(String, &'static str)> {
    let commits = fake.commits.lock().unwrap();
    let name = |change: &RecordChange| match change {
        RecordChange::Processed { .. } => "processed",
        RecordChange::Failed { .. } => "failed",
        RecordChange::Removed => "removed",
        RecordChange::Skipped => "skipped",
        RecordChange::Dropped => "dropped",
    };
    let mut ended: Vec<_> =
        commits.iter().map(|commit| (commit.source.object.key.as_str().to_owned(), name(&commit.change))).collect();
    ended.sort();
    ended
}

fn attribute(message: &Outgoing, name: &str) -> String {
    message.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

#[tokio::test]
async fn every_kind_of_message_is_worked_on_and_a_malformed_one_is_buried() {
    let photo = bmp(16, 16, usize::MAX);
    let fake = Fake::default().with("in/a b.bmp", photo.clone()).with("in/c+d.bmp", photo.clone()).with("in/e.bmp", photo);
    let queues = FakeQueues::default();
    let greeting = serde_json::json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "photos"});
    let bodies = [
        put("in/a+b.bmp"),
        "{\"not\": \"an event\"}".to_owned(),
        bridged("in/c+d.bmp", 1).to_string(),
        enveloped(&s3_notification("ObjectCreated:Put", "in/e.bmp", 1)).to_string(),
        greeting.to_string(),
        put("elsewhere/f.bmp"),
    ];
    assert_eq!(call("small", &fake, &queues, batch(&bodies, 1), 60).await.unwrap(), [""; 0]);
    let expected = ["in/a b.bmp", "in/c+d.bmp", "in/e.bmp"].map(|key| (key.to_owned(), "processed"));
    assert_eq!(ended(&fake), expected);
    let sent = queues.sent.lock().unwrap();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].0.as_str(), sent[0].1.body.as_str()), ("q-dead", bodies[1].as_str()));
    assert_eq!(attribute(&sent[0].1, "cause"), "malformed");
    assert!(attribute(&sent[0].1, "error").contains("no S3 notification"));
    assert_eq!(sent[0].1.trace.as_deref(), Some("Root=1-5759e988-bd862e3fe1be46a994272793"));
}

#[tokio::test]
async fn outcomes_are_told_to_the_stack() {
    let (fake, queues) = (Fake::default().with("in/a.bmp", bmp(16, 16, usize::MAX)), FakeQueues::default());
    call("small", &fake, &queues, batch(&[put("in/a.bmp")], 1), 60).await.unwrap();
    let commits = fake.commits.lock().unwrap();
    let told: Vec<String> = commits[0].notifications.iter().map(|row| row.target.label()).collect();
    assert_eq!(told, [OWN_TOPIC]);
    assert_eq!(*fake.written.lock().unwrap(), ["prints/a.jpg"]);
}

#[tokio::test]
async fn a_poison_image_is_buried_with_its_reason_and_its_batch_is_unharmed() {
    let fake = Fake::default().with("in/poison.jpg", b"<html>".to_vec()).with("in/good.bmp", bmp(16, 16, usize::MAX));
    let queues = FakeQueues::default();
    let bodies = [put("in/poison.jpg"), put("in/good.bmp")];
    assert_eq!(call("small", &fake, &queues, batch(&bodies, 1), 60).await.unwrap(), [""; 0]);
    assert_eq!(ended(&fake), [("in/good.bmp".to_owned(), "processed"), ("in/poison.jpg".to_owned(), "failed")]);
    let sent = queues.sent.lock().unwrap();
    let (queue, letter) = &sent[0];
    assert_eq!(
        (queue.as_str(), attribute(letter, "cause").as_str(), attribute(letter, "rule").as_str()),
        ("q-dead", "not_an_image", "sizes")
    );
    assert_eq!(from_message(letter.body.as_bytes()).unwrap()[0].key.as_str(), "in/poison.jpg", "it can be sent again as it is");
}

#[tokio::test]
async fn a_bug_costs_one_message() {
    let fake = Fake::default().with("in/bug.bmp", Vec::new()).with("in/good.bmp", bmp(16, 16, usize::MAX));
    let bodies = [put("in/good.bmp"), put("in/bug.bmp")];
    for delivery in [1, 5] {
        let again = call("small", &fake, &FakeQueues::default(), batch(&bodies, delivery), 60).await.unwrap();
        assert_eq!(again, ["m1"]);
    }
    fake.commits.lock().unwrap().truncate(1);
    assert_eq!(ended(&fake), [("in/good.bmp".to_owned(), "processed")]);
}

#[tokio::test]
async fn what_may_pass_comes_back_and_the_last_delivery_is_recorded() {
    let check = async |delivery: u32, expected: &[(String, &'static str)]| {
        let (fake, queues) = (Fake::default(), FakeQueues::default());
        let again = call("small", &fake, &queues, batch(&[put("in/down.bmp")], delivery), 60).await.unwrap();
        assert_eq!((again, ended(&fake).as_slice()), (vec!["m0".to_owned()], expected), "delivery {delivery}");
        assert!(queues.sent.lock().unwrap().is_empty(), "the queue itself buries what it gives up");
    };
    check(1, &[]).await;
    check(4, &[]).await;
    check(5, &[("in/down.bmp".to_owned(), "failed")]).await;
    check(6, &[("in/down.bmp".to_owned(), "failed")]).await;
}

#[tokio::test]
async fn what_is_no_source_starts_nothing() {
    let fake = Fake::default().with_variant("in/variant.bmp", bmp(16, 16, usize::MAX)).with("in/old.bmp", bmp(1, 1, usize::MAX));
    let bodies = [put("in/variant.bmp"), put("in/old.bmp"), put("in/gone.bmp")];
    assert_eq!(call("small", &fake, &FakeQueues::default(), batch(&bodies, 1), 60).await.unwrap(), [""; 0]);
    assert!(ended(&fake).is_empty());
}

#[tokio::test]
async fn work_that_is_too_large_is_handed_on_and_refused_where_nobody_is_larger() {
    // 24 megapixels, of which each takes as many bytes while the whole picture is turned.
    let check = async |tier: &str, limit_mb: Option<u32>| {
        let (fake, queues) = (Fake::default().with("in/huge.bmp", bmp(6_000, 4_000, 4096)), FakeQueues::default());
        let mut bundle = bundle();
        bundle.limits.decode.source_bytes = u64::MAX;
        bundle.rules[0].variants[0].steps = serde_json::from_value(serde_json::json!([{"rotate": {"degrees": 7.0}}])).unwrap();
        if let Some(limit_mb) = limit_mb {
            bundle.aws.tiers.iter_mut().for_each(|tier| tier.memory_mb = limit_mb);
        }
        let parts = ProcessParts { store: fake.clone(), catalog: fake.clone(), observer: fake.clone(), queues: queues.clone() };
        let function = Process::new(&bundle, &settings(tier), parts).unwrap();
        let answer = function.call(Call::parse(batch(&[put("in/huge.bmp")], 1)).unwrap(), &invocation(60)).await.unwrap();
        assert_eq!(answer, BatchResponse::default());
        let sent = queues.sent.lock().unwrap();
        (sent[0].0.clone(), attribute(&sent[0].1, "cause"), ended(&fake).len())
    };
    assert_eq!(check("small", None).await, ("q-medium".to_owned(), String::new(), 0));
    assert_eq!(check("large", Some(128)).await, ("q-dead".to_owned(), "over_limit".to_owned(), 1));
}

#[tokio::test]
async fn what_there_is_no_time_for_comes_back_untouched() {
    let fake = Fake::default().with("in/a.bmp", bmp(16, 16, usize::MAX));
    let again = call("small", &fake, &FakeQueues::default(), batch(&[put("in/a.bmp"), put("in/b.bmp")], 1), 5).await.unwrap();
    assert_eq!((again, ended(&fake)), (vec!["m0".to_owned(), "m1".to_owned()], Vec::new()));
}

#[tokio::test]
async fn an_event_without_a_queue_succeeds_or_fails_the_call() {
    let fake = Fake::default().with("in/a.bmp", bmp(16, 16, usize::MAX));
    let queues = FakeQueues::default();
    let direct = async |payload: Value| call("small", &fake, &queues, payload, 60).await;
    assert_eq!(direct(s3_notification("ObjectCreated:Put", "in/a.bmp", 1)).await.unwrap(), [""; 0]);
    assert_eq!(direct(bridged("in/a.bmp", 1)).await.unwrap(), [""; 0]);
    assert!(direct(s3_notification("ObjectCreated:Put", "in/down.bmp", 1)).await.unwrap_err().contains("unavailable"));
    assert_eq!(ended(&fake).len(), 2);
}

#[tokio::test]
async fn a_removal_takes_the_record() {
    let fake = Fake::default();
    let bodies = [s3_notification("ObjectRemoved:Delete", "in/a.bmp", 0).to_string()];
    assert_eq!(call("small", &fake, &FakeQueues::default(), batch(&bodies, 1), 60).await.unwrap(), [""; 0]);
    assert_eq!(ended(&fake), [("in/a.bmp".to_owned(), "removed")]);
}
