#![allow(clippy::unwrap_used)]

use super::*;
use crate::functions::fakes::{FakeQueues, FakeTopics, invocation};
use crate::functions::queues::Received;
use crate::functions::settings::DigestSettings;
use minilab_model::{EmailTarget, Outcome, SnsTarget, Timestamp, WebhookTarget};
use serde_json::json;

fn told(key: &str) -> OutcomeMessage {
    OutcomeMessage {
        outcome: Outcome::Processed,
        source: format!("photos/{key}").parse().unwrap(),
        rule: "sizes".to_owned(),
        time: Timestamp::from_millis(0),
        request_id: Some("C3D13FE58DE4C810".to_owned()),
        variants: Vec::new(),
        failure: None,
    }
}

/// A record of the stream; its sequence number is the key's.
fn record(event: &str, number: usize, target: NotificationTarget, key: &str) -> Value {
    let row = Notification { target, message: Message::Outcome(told(key)) };
    json!({
        "eventID": "7de3041d", "eventName": event, "eventVersion": "1.1", "eventSource": "aws:dynamodb", "awsRegion": "eu-central-1",
        "eventSourceARN": "arn:aws:dynamodb:eu-central-1:1:table/ImageMetadata/stream/2026",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_795_176_000, "Keys": {"ImageId": {"S": format!("minilab#notification#n{number}")}},
            "NewImage": {"ImageId": {"S": format!("minilab#notification#n{number}")}, "Kind": {"S": "notification"},
                "Notification": {"S": serde_json::to_string(&row).unwrap()}, "ExpiresAt": {"N": "1795780800"}},
            "SequenceNumber": number.to_string(), "SizeBytes": 26, "StreamViewType": "NEW_IMAGE"
        }
    })
}

fn own() -> NotificationTarget {
    topic(OWN_TOPIC)
}

fn topic(arn: &str) -> NotificationTarget {
    NotificationTarget::Sns(SnsTarget { topic_arn: arn.to_owned(), endpoint: None })
}

async fn call(topics: &FakeTopics, queues: &FakeQueues, payload: Value) -> Result<Vec<String>, String> {
    let settings = NotifySettings {
        topic: Some("arn:own".to_owned()),
        digest: Some(DigestSettings { topic: "arn:digest".to_owned(), queue: "q-digest".to_owned() }),
    };
    let notify = Notify::new(settings, "ImageId".to_owned(), topics.clone(), queues.clone());
    let answer = notify.call(payload, &invocation(60)).await?;
    Ok(answer.failures.into_iter().map(|failure| failure.identifier).collect())
}

#[tokio::test]
async fn rows_are_told_to_their_targets() {
    let (topics, queues) = (FakeTopics::default(), FakeQueues::default());
    let email =
        NotificationTarget::Email(EmailTarget { to: vec!["a@example.com".to_owned()], digest_minutes: 15, max_per_hour: 60 });
    let webhook =
        NotificationTarget::Webhook(WebhookTarget { url: "https://a/".to_owned(), secret_env: None, allow_private: false });
    let records = [
        record("INSERT", 1, own(), "a.jpg"),
        record("INSERT", 2, topic("arn:theirs"), "b.jpg"),
        record("INSERT", 3, email, "c.jpg"),
        record("REMOVE", 4, own(), "expired.jpg"),
        record("INSERT", 5, webhook, "d.jpg"),
        record("INSERT", 6, NotificationTarget::Log, "e.jpg"),
    ];
    assert_eq!(call(&topics, &queues, json!({ "Records": records })).await.unwrap(), [""; 0]);
    let published = topics.published.lock().unwrap();
    let names: Vec<&str> = published.iter().map(|(topic, _)| topic.as_str()).collect();
    assert_eq!(names, ["arn:own", "arn:theirs"]);
    let first = &published[0].1;
    let attributes: Vec<String> = first.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(attributes, ["outcome=image.processed", "rule=sizes", "bucket=photos", "trace=C3D13FE58DE4C810"]);
    let event: Value = serde_json::from_str(&first.body).unwrap();
    assert_eq!((&event["type"], &event["id"], &event["data"]["key"]), (&json!("image.processed"), &json!("n1"), &json!("a.jpg")));
    let sent = queues.sent.lock().unwrap();
    assert_eq!((sent.len(), sent[0].0.as_str()), (1, "q-digest"));
}

#[tokio::test]
async fn the_stream_is_read_again_from_the_first_that_may_pass() {
    let (topics, queues) = (FakeTopics::default(), FakeQueues::default());
    let records = [
        record("INSERT", 1, topic("arn:missing"), "a.jpg"),
        record("INSERT", 2, own(), "b.jpg"),
        record("INSERT", 3, own(), "throttled.jpg"),
        record("INSERT", 4, own(), "d.jpg"),
    ];
    assert_eq!(call(&topics, &queues, json!({ "Records": records })).await.unwrap(), ["3"], "what is refused holds up nothing");
}

#[tokio::test]
async fn the_clock_empties_the_queue_into_one_message() {
    let (topics, queues) = (FakeTopics::default(), FakeQueues::default());
    let waiting = (0..25).map(|number| Received {
        body: serde_json::to_string(&told(&format!("{number}.jpg"))).unwrap(),
        receipt: number.to_string(),
    });
    queues.waiting.lock().unwrap().extend(waiting);
    let clock = json!({"version": "0", "id": "53dc4d37", "detail-type": "Scheduled Event", "source": "aws.events",
        "time": "2026-11-20T12:00:00Z", "region": "eu-central-1", "resources": ["arn:aws:events:eu-central-1:1:rule/r"], "detail": {}});
    assert_eq!(call(&topics, &queues, clock.clone()).await.unwrap(), [""; 0]);
    assert_eq!(call(&topics, &queues, clock).await.unwrap(), [""; 0]);
    let published = topics.published.lock().unwrap();
    assert_eq!(published.len(), 1, "nothing is said where nothing happened");
    assert_eq!((published[0].0.as_str(), *queues.deleted.lock().unwrap()), ("arn:digest", 25));
    assert_eq!(published[0].1.subject.as_deref(), Some("Minilab: 0 failed, 25 processed, 0 removed"));
}
