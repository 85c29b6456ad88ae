use super::{HOST, Shop, in_photos};
use crate::options::Access;
use axum::body::Body;
use http::{Method, Request, StatusCode, header};
use minilab_embedded::{FailedAttempt, JobState};
use minilab_model::{Attempt, Failure, FailureCause, Format, HeaderFacts, Timestamp};
use minilab_pipeline::RecordChange;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

const BROKEN: &str = "photos/input/broken.jpg cannot be processed: the file is damaged";

impl Shop {
    /// Puts an image and gives its job up.
    async fn dead_letter(&self, key: &str, cause: FailureCause) {
        self.put(&in_photos(key), b"x").await;
        self.work(|info| RecordChange::Failed {
            info: Some(info),
            variants: Vec::new(),
            failure: Failure { rule: "prints".to_owned(), error: BROKEN.to_owned(), cause },
            facts: Some(HeaderFacts { format: Format::Jpeg, width: 600, height: 400, estimated_bytes: 1 << 20 }),
        })
        .await;
    }

    async fn post(&self, path: &str, body: Value) -> super::Answer {
        self.post_text(path, body.to_string()).await
    }

    async fn post_text(&self, path: &str, body: String) -> super::Answer {
        let request = Request::post(path).header(header::HOST, HOST).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    async fn ids(&self, query: &str) -> Vec<i64> {
        let answer = self.get(&format!("/api/v1/jobs{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {}", String::from_utf8_lossy(&answer.body));
        answer.json()["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_i64().unwrap()).collect()
    }
}

#[tokio::test]
async fn a_dead_letter_says_what_failed_and_what_to_do() {
    let shop = Shop::open().await;
    shop.dead_letter("input/broken.jpg", FailureCause::Damaged).await;
    let id = shop.ids("?state=dead").await[0];
    let job = shop.get(&format!("/api/v1/jobs/{id}")).await.json();
    assert_eq!((&job["state"], &job["cause"], &job["bucket"]), (&json!("dead"), &json!("damaged"), &json!("photos")));
    assert_eq!((&job["key"], &job["rule"], &job["attempt"]), (&json!("input/broken.jpg"), &json!("prints"), &json!(1)));
    assert_eq!((&job["error"], &job["reason"]), (&json!(BROKEN), &json!("The file is damaged")));
    assert!(job["advice"].as_str().unwrap().contains("intact copy"), "{job}");
    assert_eq!(job["facts"], json!({ "format": "jpeg", "width": 600, "height": 400, "estimated_bytes": 1 << 20 }));
    assert_eq!(job["attempts"][0]["cause"], "damaged");
    assert_eq!(job["event"]["kind"], "s3:ObjectCreated:Put");
    assert!(job["due_at"].as_str().is_some());
    assert_eq!(shop.get("/api/v1/jobs/4711").await.error_code(), "not_found");
    assert_eq!(shop.get("/api/v1/jobs/first").await.error_code(), "bad_request");
}

#[tokio::test]
async fn jobs_are_found_by_what_they_have_in_common() {
    let shop = Shop::open().await;
    shop.dead_letter("input/a/1.jpg", FailureCause::Damaged).await;
    shop.dead_letter("input/a/2.jpg", FailureCause::NotAnImage).await;
    shop.dead_letter("input/b/3.jpg", FailureCause::Damaged).await;
    shop.put(&in_photos("input/b/4.jpg"), b"x").await;
    let all = shop.ids("").await;
    let &[first, second, third, ready] = all.as_slice() else { panic!("{all:?}") };
    for (query, expected) in [
        ("?state=dead", vec![first, second, third]),
        ("?state=ready", vec![ready]),
        ("?cause=damaged", vec![first, third]),
        ("?prefix=input/b/", vec![third, ready]),
        ("?prefix=input%2Fb%2F&state=dead", vec![third]),
        ("?rule=prints&cause=not_an_image", vec![second]),
        ("?rule=other", vec![]),
        ("?bucket=photos&state=ready", vec![ready]),
        ("?bucket=prints", vec![]),
        ("?limit=2", vec![first, second]),
    ] {
        assert_eq!(shop.ids(query).await, expected, "{query}");
    }
    let page = shop.get("/api/v1/jobs?limit=3").await.json();
    assert_eq!(page["next"], third);
    assert_eq!(shop.ids(&format!("?after={third}")).await, [ready]);
    assert_eq!(shop.get("/api/v1/jobs?limit=4").await.json()["next"], Value::Null);
    for query in ["state=gone", "cause=bad_luck", "casue=damaged", "limit=many", "bucket=UPPER"] {
        let answer = shop.get(&format!("/api/v1/jobs?{query}")).await;
        assert_eq!((answer.status, answer.error_code().as_str()), (StatusCode::BAD_REQUEST, "bad_request"), "{query}");
    }
    let told = shop.get("/api/v1/jobs?cause=bad_luck").await.json()["error"]["message"].to_string();
    assert!(told.contains("bad_luck") && told.contains("over_limit"), "{told}");
}

#[tokio::test]
async fn dead_letters_are_tried_again() {
    let shop = Shop::open().await;
    for (key, cause) in [
        ("input/1.jpg", FailureCause::Damaged),
        ("input/2.jpg", FailureCause::Unavailable),
        ("input/3.jpg", FailureCause::Unavailable),
    ] {
        shop.dead_letter(key, cause).await;
    }
    let dead = shop.ids("?state=dead").await;
    let retry = async |body: Value| shop.post("/api/v1/jobs/retry", body).await.json()["count"].as_u64();
    assert_eq!(retry(json!({ "ids": [dead[0], 4711] })).await, Some(1));
    assert_eq!(shop.ids("?state=ready").await, dead[..1]);
    assert_eq!(retry(json!({ "matching": { "cause": "unavailable", "prefix": "input/2" } })).await, Some(1));
    assert_eq!(retry(json!({ "matching": { "cause": "unavailable", "state": "waiting" } })).await, Some(0));
    assert_eq!(retry(json!({ "all": true })).await, Some(1));
    assert_eq!(retry(json!({ "matching": {}, "all": true })).await, Some(0));
    assert_eq!(shop.ids("?state=ready").await, dead);
    // With all its attempts before it.
    assert_eq!(shop.get(&format!("/api/v1/jobs/{}", dead[0])).await.json()["attempt"], 0);
}

#[tokio::test]
async fn a_waiting_job_says_when_and_can_be_tried_at_once() {
    let shop = Shop::open().await;
    shop.put(&in_photos("input/1.jpg"), b"x").await;
    let leased = shop.store.claim(super::claim(1)).await.unwrap().pop().unwrap();
    let attempt = Attempt {
        number: 1,
        ended_at: Timestamp::from(SystemTime::now()),
        cause: FailureCause::Unavailable,
        error: "the store has no room".to_owned(),
    };
    let failed = FailedAttempt { attempt, facts: None };
    assert!(shop.store.retry_later(leased.lease, failed, Duration::from_secs(300)).await.unwrap());
    let job = shop.get("/api/v1/jobs?state=waiting").await.json()["jobs"][0].clone();
    assert_eq!((&job["cause"], &job["error"]), (&json!("unavailable"), &json!("the store has no room")));
    let due: Timestamp = serde_json::from_value(job["due_at"].clone()).unwrap();
    assert!(due > Timestamp::from(SystemTime::now()));
    let answer = shop.post("/api/v1/jobs/retry", json!({ "ids": [job["id"]] })).await;
    assert_eq!(answer.json()["count"], 1);
    assert_eq!(shop.ids("?state=ready").await.len(), 1);
}

#[tokio::test]
async fn discarded_jobs_are_gone_and_their_images_stay() {
    let shop = Shop::open().await;
    shop.dead_letter("input/1.jpg", FailureCause::Damaged).await;
    shop.dead_letter("input/2.jpg", FailureCause::Damaged).await;
    shop.put(&in_photos("input/3.jpg"), b"x").await;
    let dead = shop.ids("?state=dead").await;
    let discard = async |body: Value| shop.post("/api/v1/jobs/discard", body).await.json()["count"].as_u64();
    assert_eq!(discard(json!({ "ids": [dead[0]] })).await, Some(1));
    assert_eq!(discard(json!({ "ids": [dead[0]] })).await, Some(0));
    // What is still to be worked on is not meant by `all`.
    assert_eq!(discard(json!({ "all": true })).await, Some(1));
    assert_eq!(shop.store.queue_counts().await.unwrap().ready, 1);
    assert_eq!(shop.ids("?state=dead").await, [0; 0]);
    assert!(shop.store.object(&in_photos("input/1.jpg")).await.is_ok());
    assert_eq!(discard(json!({ "matching": { "state": "ready" } })).await, Some(1));
}

#[tokio::test]
async fn what_could_mean_too_much_is_refused() {
    let shop = Shop::open().await;
    shop.dead_letter("input/1.jpg", FailureCause::Damaged).await;
    let too_many: Vec<i64> = (0..10_001).collect();
    for body in [
        json!({}),
        json!({ "matching": {} }),
        json!({ "matching": { "prefix": "" } }),
        json!({ "all": false }),
        json!({ "ids": [] }),
        json!({ "ids": too_many }),
        json!({ "ids": [1], "all": true }),
        json!({ "ids": [1], "matching": { "rule": "prints" } }),
        json!({ "matching": { "rule": "prints" }, "all": true }),
        json!({ "matching": { "cause": "bad_luck" } }),
        json!({ "matching": { "casue": "damaged" } }),
        json!({ "ids": ["1"] }),
        json!([1]),
    ] {
        for path in ["/api/v1/jobs/retry", "/api/v1/jobs/discard"] {
            let answer = shop.post(path, body.clone()).await;
            assert_eq!((answer.status, answer.error_code().as_str()), (StatusCode::BAD_REQUEST, "bad_request"), "{path} {body}");
        }
    }
    let long = format!("{{\"ids\":[{}1]}}", " ".repeat(1 << 20));
    assert_eq!(shop.post_text("/api/v1/jobs/discard", long).await.error_code(), "too_large");
    assert_eq!(shop.store.queue_counts().await.unwrap().dead, 1);
}

#[tokio::test]
async fn only_json_from_the_own_page_changes_anything() {
    for access in [Access::Loopback, super::access::remote(true)] {
        let shop = Shop::with_access(access).await;
        shop.dead_letter("input/1.jpg", FailureCause::Damaged).await;
        for (name, value, status) in [
            ("content-type", "text/plain", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            ("content-type", "application/x-www-form-urlencoded", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            ("content-type", "application/jsonx", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            ("origin", "https://evil.example", StatusCode::FORBIDDEN),
            ("sec-fetch-site", "cross-site", StatusCode::FORBIDDEN),
            ("authorization", "Basic x", StatusCode::UNAUTHORIZED),
            ("content-type", "application/json; charset=utf-8", StatusCode::OK),
        ] {
            let mut request = super::request(Method::POST, "/api/v1/jobs/discard");
            let headers = request.headers_mut();
            headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
            headers.insert(header::AUTHORIZATION, super::access::authorization("AK:secret").parse().unwrap());
            headers.insert(name, value.parse().unwrap());
            *request.body_mut() = Body::from("{\"all\":true}");
            if name == "authorization" && !shop.asks_for_login().await {
                continue;
            }
            let dead = shop.store.queue_counts().await.unwrap().dead;
            assert_eq!(shop.send(request).await.status, status, "{name}: {value}");
            let discarded = dead - shop.store.queue_counts().await.unwrap().dead;
            assert_eq!(discarded == 1, status == StatusCode::OK, "{name}: {value}");
        }
    }
}

impl Shop {
    async fn asks_for_login(&self) -> bool {
        self.get("/api/v1/jobs").await.status == StatusCode::UNAUTHORIZED
    }
}

#[tokio::test]
async fn a_state_has_one_name() {
    for state in [JobState::Ready, JobState::Leased, JobState::Waiting, JobState::Dead] {
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
    }
}
