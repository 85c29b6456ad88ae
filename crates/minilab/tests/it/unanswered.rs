//! A job that ended the process at each of its attempts is not run once more: the server gives it up and says so.

use crate::photo;
use crate::server::Server;
use minilab_embedded::{BodyOptions, ClaimOptions, Embedded, OpenOptions, Origin, PutObject};
use minilab_model::{Action, Event, EventKind, Job, Lane};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const CONFIGURATION: &str = r#"
[server]
buckets = ["photos"]
reserve_bytes = 0

[[rules]]
name = "thumbnail"
bucket = "photos"
"#;

#[test]
fn a_job_without_an_answer_from_any_attempt_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("minilab.toml"), CONFIGURATION).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(use_up_attempts(&dir.path().join("data")));
    let server = Server::start(dir.path());
    server.settle();
    let record = server.web("/images/poison.jpg").json();
    assert_eq!(record["state"], "failed", "{record}");
    assert_eq!(record["failures"][0]["cause"], "lease_expired", "{record}");
    assert_eq!(server.web("/api/v1/queue").json()["dead"], 1);
}

/// Leaves a job behind that five workers claimed and never answered for. The photo itself is good: run once more, it would
/// succeed.
async fn use_up_attempts(data: &Path) {
    let plan = |event: &Event| vec![Job { event: event.clone(), rule: "thumbnail".to_owned(), action: Action::Process }];
    let store = Embedded::open(OpenOptions { planner: Arc::new(plan), ..OpenOptions::new(data) }).unwrap();
    store.create_bucket(&"photos".parse().unwrap()).await.unwrap();
    let mut body = store.write_body(BodyOptions { max_bytes: 1 << 30, checksum: None });
    body.write(photo::demo("rocket.jpg").into()).await.unwrap();
    let put = PutObject {
        object: "photos/poison.jpg".parse().unwrap(),
        body: body.finish().await.unwrap(),
        attributes: Default::default(),
        precondition: Default::default(),
        kind: EventKind::CreatedPut,
        origin: Origin::default(),
    };
    store.put_object(put).await.unwrap();
    let claim = ClaimOptions { lane: Lane::Small, max: 1, lease: Duration::ZERO };
    for _ in 0..5 {
        assert!(!store.claim(claim).await.unwrap()[0].exhausted);
    }
    let last = store.claim(claim).await.unwrap().remove(0);
    assert!(last.exhausted);
    // Given back, so that the server has it at once instead of after a wait.
    assert!(store.release(last.lease).await.unwrap());
    store.close().await;
}
