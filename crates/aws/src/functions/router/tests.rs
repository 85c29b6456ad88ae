#![allow(clippy::unwrap_used)]

use super::*;
use crate::functions::fakes::{FakeQueues, batch, bmp, bundle, invocation, s3_notification};
use bytes::Bytes;
use serde_json::Value;

/// Objects by their keys' names.
struct Shelf;

impl Sources for Shelf {
    async fn start(&self, event: &Event, max_bytes: u64) -> Result<Start, SourceError> {
        let object = event.object();
        let content = match event.key.name() {
            "small.bmp" | "unsendable.bmp" => bmp(64, 64, usize::MAX),
            "middle.bmp" => bmp(6_000, 4_000, 4096),
            "huge.bmp" | "variant.bmp" => bmp(8_000, 7_500, 4096),
            "page.html" => b"<html>".to_vec(),
            "forbidden.bmp" => return Err(SourceError::Refused { object, code: "AccessDenied".to_owned() }),
            _ => return Err(SourceError::Unavailable { object, reason: "no answer".to_owned() }),
        };
        let bytes = Bytes::from(content);
        let size_bytes = 1 << 20;
        let end = bytes.len().min(usize::try_from(max_bytes).unwrap());
        Ok(Start { bytes: bytes.slice(..end), size_bytes, is_variant: event.key.name() == "variant.bmp" })
    }
}

async fn route(payload: Value) -> (Result<Vec<String>, String>, Vec<(String, String)>) {
    let mut bundle = bundle();
    // A picture that is turned by a few degrees has to be whole in memory.
    bundle.rules[0].variants[0].steps = serde_json::from_value(serde_json::json!([{"rotate": {"degrees": 7.0}}])).unwrap();
    let queues = FakeQueues::default();
    let settings = RouterSettings {
        tier_queues: ["q-small", "q-medium", "q-large"].map(str::to_owned).into(),
        dead_letter_queue: Some("q-dead".to_owned()),
    };
    let router = Router::new(&bundle, &settings, Shelf, queues.clone()).unwrap();
    let answer = router.call(Call::parse(payload).unwrap(), &invocation(60)).await;
    let answer = answer.map(|answer| answer.failures.into_iter().map(|failure| failure.identifier).collect());
    let sent = queues.sent.lock().unwrap();
    let key = |message: &Outgoing| match from_message(message.body.as_bytes()) {
        Ok(events) => events[0].key.as_str().to_owned(),
        Err(_) => message.body.clone(),
    };
    (answer, sent.iter().map(|(queue, message)| (queue.clone(), key(message))).collect())
}

fn body(name: &str, key: &str) -> String {
    s3_notification(name, key, 9).to_string()
}

#[tokio::test]
async fn each_event_goes_to_the_tier_that_its_image_needs() {
    let bodies = [
        body("ObjectCreated:Put", "in/small.bmp"),
        body("ObjectCreated:Put", "in/middle.bmp"),
        body("ObjectCreated:Put", "in/huge.bmp"),
        body("ObjectRemoved:Delete", "in/huge.bmp"),
        body("ObjectCreated:Put", "in/page.html"),
        body("ObjectCreated:Put", "in/forbidden.bmp"),
        body("ObjectCreated:Put", "in/variant.bmp"),
        body("ObjectCreated:Put", "nobody/wants.bmp"),
        "nonsense".to_owned(),
    ];
    let (again, sent) = route(batch(&bodies, 1)).await;
    assert_eq!(again.unwrap(), [""; 0]);
    let expected = [
        ("q-dead", "nonsense"),
        ("q-large", "in/huge.bmp"),
        ("q-medium", "in/middle.bmp"),
        ("q-small", "in/small.bmp"),
        ("q-small", "in/huge.bmp"),
        ("q-small", "in/page.html"),
        ("q-small", "in/forbidden.bmp"),
    ];
    assert_eq!(sent, expected.map(|(queue, key)| (queue.to_owned(), key.to_owned())));
}

#[tokio::test]
async fn what_was_not_routed_comes_back_alone() {
    let bodies = [
        body("ObjectCreated:Put", "in/small.bmp"),
        body("ObjectCreated:Put", "in/unsendable.bmp"),
        body("ObjectCreated:Put", "in/unknown.bmp"),
    ];
    let (again, sent) = route(batch(&bodies, 1)).await;
    assert_eq!(again.unwrap(), ["m1", "m2"]);
    assert_eq!(sent, [("q-small".to_owned(), "in/small.bmp".to_owned())]);
}

#[tokio::test]
async fn an_event_without_a_queue_fails_the_call() {
    assert!(route(s3_notification("ObjectCreated:Put", "in/unknown.bmp", 9)).await.0.is_err());
    let (answer, sent) = route(s3_notification("ObjectCreated:Put", "in/small.bmp", 9)).await;
    assert_eq!((answer.unwrap().len(), sent.len()), (0, 1));
}
