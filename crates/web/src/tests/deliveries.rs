use super::{Answer, HOST, Shop, in_photos};
use axum::body::Body;
use http::{Request, StatusCode, header};
use minilab_embedded::DeliveryAttempt;
use minilab_model::{Message, Notification, NotificationTarget, Outcome, OutcomeMessage, Timestamp, WebhookTarget};
use minilab_pipeline::{Catalog as _, CatalogWrite, Commit, ObjectStore as _, RecordChange};
use serde_json::{Value, json};
use std::time::SystemTime;

fn hook() -> NotificationTarget {
    let url = "https://me:password@example.com/hook?token=secret".to_owned();
    NotificationTarget::Webhook(WebhookTarget { url, secret_env: None, allow_private: false })
}

impl Shop {
    /// Processes an image, of which the log and a webhook are to be told.
    async fn told(&self, key: &str) {
        self.put(&in_photos(key), b"x").await;
        let leased = self.store.claim(super::claim(1)).await.unwrap().pop().unwrap();
        let source = leased.job.event.version();
        let info = self.store.head(&source).await.unwrap();
        let message = Message::Outcome(OutcomeMessage {
            outcome: Outcome::Processed,
            source: source.object.clone(),
            rule: "prints".to_owned(),
            time: Timestamp::from(SystemTime::now()),
            request_id: None,
            variants: Vec::new(),
            failure: None,
        });
        let change = RecordChange::Processed {
            info,
            metadata: Box::new(super::metadata()),
            variants: vec![super::variant()],
            recipe: String::new(),
        };
        let notifications =
            [NotificationTarget::Log, hook()].map(|target| Notification { target, message: message.clone() }).to_vec();
        let write = CatalogWrite { source, rule: leased.job.rule, change, notifications, lease: Some(leased.lease) };
        assert_eq!(self.store.commit(write).await.unwrap(), Commit::Applied);
    }

    /// Gives up what is due for the webhook.
    async fn give_up(&self) {
        let now = Timestamp::from(SystemTime::now());
        let due = self.store.due_notifications(&hook().id(), now, 100).await.unwrap();
        let ids = due.into_iter().map(|notification| notification.id).collect();
        let attempt = DeliveryAttempt { at: now, status: Some(500), detail: "out of order".to_owned(), duration_ms: 12 };
        self.store.fail_notifications(ids, attempt, None).await.unwrap();
    }

    async fn redeliver(&self, body: Value) -> Answer {
        let request = Request::post("/api/v1/notifications/redeliver").header(header::HOST, HOST);
        self.send(request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string())).unwrap()).await
    }

    async fn deliveries(&self, query: &str) -> Vec<Value> {
        let answer = self.get(&format!("/api/v1/notifications{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {}", String::from_utf8_lossy(&answer.body));
        answer.json()["notifications"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn a_notification_says_what_is_told_to_whom_and_how_it_went() {
    let shop = Shop::open().await;
    shop.told("input/a.jpg").await;
    shop.give_up().await;
    let given_up = shop.deliveries("?state=dead").await[0].clone();
    assert_eq!((&given_up["event"], &given_up["key"]), (&json!("image.processed"), &json!("input/a.jpg")));
    assert_eq!(
        (&given_up["target"]["kind"], &given_up["target"]["label"]),
        (&json!("webhook"), &json!("https://example.com/hook"))
    );
    assert_eq!((&given_up["last_attempt"]["status"], &given_up["attempt"]), (&json!(500), &json!(1)));
    let whole = shop.get(&format!("/api/v1/notifications/{}", given_up["id"])).await;
    let text = String::from_utf8(whole.body.to_vec()).unwrap();
    assert!(!text.contains("password") && !text.contains("token"), "a secret is told: {text}");
    let whole = whole.json();
    assert_eq!((&whole["attempts"][0]["detail"], &whole["message"]["rule"]), (&json!("out of order"), &json!("prints")));
    assert_eq!(whole["message_id"].as_str().unwrap().len(), 32);
    assert_eq!(shop.get("/api/v1/notifications/4711").await.error_code(), "not_found");
    assert_eq!(shop.get("/api/v1/notifications/x").await.error_code(), "bad_request");
}

#[tokio::test]
async fn notifications_are_listed_newest_first_and_in_pages() {
    let shop = Shop::open().await;
    for key in ["input/1.jpg", "input/2.jpg", "input/3.jpg"] {
        shop.told(key).await;
    }
    let ids = |found: &[Value]| found.iter().map(|one| one["id"].as_i64().unwrap()).collect::<Vec<_>>();
    let all = ids(&shop.deliveries("").await);
    assert!(all.len() == 6 && all.is_sorted_by(|one, next| one > next), "{all:?}");
    let page = shop.get("/api/v1/notifications?limit=4").await.json();
    assert_eq!(page["next"], all[3]);
    assert_eq!(ids(&shop.deliveries(&format!("?after={}", all[3])).await), all[4..]);
    assert_eq!(shop.get("/api/v1/notifications?limit=6").await.json()["next"], Value::Null);
    assert_eq!(shop.deliveries(&format!("?target={}", hook().id())).await.len(), 3);
    assert_eq!(shop.deliveries("?state=delivered").await.len(), 0);
    for query in ["state=gone", "stat=dead", "limit=-1"] {
        assert_eq!(shop.get(&format!("/api/v1/notifications?{query}")).await.error_code(), "bad_request", "{query}");
    }
}

#[tokio::test]
async fn what_was_given_up_is_told_again() {
    let shop = Shop::open().await;
    shop.told("input/1.jpg").await;
    shop.told("input/2.jpg").await;
    let dead = async || shop.deliveries("?state=dead").await;
    for (body, left) in
        [(json!({ "all": true }), 0), (json!({ "target": hook().id() }), 0), (json!({ "target": NotificationTarget::Log.id() }), 2)]
    {
        shop.give_up().await;
        assert_eq!(dead().await.len(), 2, "{body}");
        assert_eq!(shop.redeliver(body.clone()).await.json()["count"], 2 - left, "{body}");
        assert_eq!(dead().await.len(), left, "{body}");
    }
    let id = dead().await[0]["id"].clone();
    assert_eq!(shop.redeliver(json!({ "ids": [id, 4711] })).await.json()["count"], 1);
    for body in
        [json!({}), json!({ "ids": [] }), json!({ "all": false }), json!({ "ids": [1], "all": true }), json!({ "targt": "x" })]
    {
        assert_eq!(shop.redeliver(body.clone()).await.error_code(), "bad_request", "{body}");
    }
    assert_eq!(dead().await.len(), 1);
}
