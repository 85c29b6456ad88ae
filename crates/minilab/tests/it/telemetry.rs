//! What the server says about itself: metrics, logs, readiness.

use crate::photo;
use crate::server::{Server, command, presigner, wait_until};
use rusty_s3::S3Action;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

const CONFIGURATION: &str = r#"
[server]
buckets = ["photos", "prints"]
reserve_bytes = 0

[[rules]]
name = "thumbnail"
bucket = "photos"

[[rules.variants]]
name = "thumb"
bucket = "prints"
key = "{key}/{variant}.{ext}"
steps = [{ resize = { width = 16, height = 16 } }]
format = "jpeg"

[[notifications]]
on = ["image.processed", "image.failed"]
log = true
"#;

/// A directory with a configuration.
pub fn directory() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("minilab.toml"), CONFIGURATION).unwrap();
    dir
}

/// The samples of a page of metrics, which must be one that Prometheus reads.
fn samples(page: &str) -> BTreeMap<String, f64> {
    let (mut samples, mut described, mut typed) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
    for line in page.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            assert!(described.insert(help.split(' ').next().unwrap().to_owned()), "described twice: {line}");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram", "summary"].contains(&kind), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            typed.insert(name.to_owned());
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
            assert!(typed.contains(name) || typed.contains(family), "no type before {line}");
            assert!(samples.insert(series.to_owned(), value.parse().unwrap()).is_none(), "twice: {line}");
        }
    }
    assert_eq!(described, typed);
    samples
}

#[test]
fn metrics_count_what_was_done() {
    let dir = directory();
    let server = Server::start(dir.path());
    let photo = photo::unique("metrics");
    for (key, body) in [("a-key-of-a-client.jpg", photo.as_slice()), ("b.jpg", b"no image")] {
        assert_eq!(server.s3("PUT", "photos", key, body).unwrap().status, 200);
    }
    assert_eq!(server.s3("GET", "photos", "missing", b"").unwrap().status, 404);
    server.settle();
    let mut page = String::new();
    wait_until("both are told", || {
        let answer = server.web("/metrics");
        assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        page = answer.text();
        samples(&page).get("minilab_notification_deliveries_total{target=\"log\",outcome=\"delivered\"}") == Some(&2.0)
    });
    let samples = samples(&page);
    let check = |series: &str, expected: f64| assert_eq!(samples.get(series), Some(&expected), "{series} in\n{page}");
    check("minilab_s3_requests_total{operation=\"PutObject\",status=\"200\"}", 2.0);
    check("minilab_s3_requests_total{operation=\"GetObject\",status=\"404\"}", 1.0);
    check("minilab_s3_request_duration_seconds_count{operation=\"PutObject\"}", 2.0);
    check("minilab_s3_request_duration_seconds_bucket{operation=\"PutObject\",le=\"+Inf\"}", 2.0);
    check("minilab_job_attempts_total{outcome=\"finished\",cause=\"\"}", 1.0);
    check("minilab_job_attempts_total{outcome=\"dead\",cause=\"not_an_image\"}", 1.0);
    check("minilab_jobs_finished_total{result=\"processed\"}", 1.0);
    check("minilab_jobs_finished_total{result=\"failed\"}", 1.0);
    for stage in ["wait", "read", "render", "store", "commit"] {
        check(&format!("minilab_job_stage_duration_seconds_count{{stage=\"{stage}\",format=\"jpeg\"}}"), 1.0);
    }
    check("minilab_job_stage_duration_seconds_count{stage=\"read\",format=\"unknown\"}", 1.0);
    check("minilab_job_latency_seconds_count{result=\"processed\"}", 1.0);
    check("minilab_source_read_bytes_total", (photo.len() + b"no image".len()) as f64);
    check("minilab_queue_jobs{lane=\"small\",state=\"dead\"}", 1.0);
    check("minilab_queue_jobs{lane=\"small\",state=\"ready\"}", 0.0);
    check("minilab_queue_oldest_ready_seconds", 0.0);
    check("minilab_lane_admitted_bytes{lane=\"small\"}", 0.0);
    check("minilab_notifications{target=\"log\",state=\"waiting\"}", 0.0);
    check("minilab_ready", 1.0);
    check("minilab_metrics_complete", 1.0);
    for positive in ["process_resident_memory_bytes", "minilab_disk_free_bytes", "minilab_store_changes_total"] {
        assert!(samples[positive] > 0.0, "{positive}");
    }
    assert!(samples["minilab_network_receive_bytes_total{listener=\"s3\"}"] > photo.len() as f64);
    assert!(!page.contains("a-key-of-a-client"), "{page}");
}

/// The lines of a log that go back to one request.
fn lines(log: &Path, trace: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(log).unwrap();
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let lines = whole.map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}")));
    lines.filter(|line| line["trace"] == trace).collect()
}

#[test]
fn one_trace_goes_from_the_request_to_the_notification() {
    let dir = directory();
    let log = dir.path().join("log");
    let mut command = command(dir.path());
    command.env("MINILAB_LOG", "info,minilab_gateway=debug").env("MINILAB_LOG_FORMAT", "json");
    command.stderr(File::create(&log).unwrap());
    let server = Server::spawn(command);
    let answer = server.s3("PUT", "photos", "a.jpg", &photo::unique("trace")).unwrap();
    let trace = answer.header("x-amz-request-id").unwrap().to_owned();
    let find = |message: &str| lines(&log, &trace).into_iter().find(|line| line["message"] == message);
    wait_until("the notification is logged", || find("notification").is_some());
    let (request, job, notification) =
        (find("request answered").unwrap(), find("job done").unwrap(), find("notification").unwrap());
    assert_eq!((&request["operation"], &request["status"]), (&"PutObject".into(), &200.into()), "{request}");
    assert_eq!((&job["object"], &job["rule"]), (&"photos/a.jpg".into(), &"thumbnail".into()), "{job}");
    assert_eq!((&job["result"], &job["format"], &job["variants"]), (&"processed".into(), &"jpeg".into(), &1.into()), "{job}");
    assert!(job["render_ms"].is_number() && job["ms"].is_number(), "{job}");
    assert_eq!(notification["outcome"], "image.processed", "{notification}");
    for line in [request, job, notification] {
        assert!(line.as_object().unwrap().values().all(|value| !value.is_object() && !value.is_array()), "not flat: {line}");
    }
}

#[test]
fn an_upload_under_way_is_finished_while_readiness_says_that_the_server_stops() {
    let dir = directory();
    let server = Server::start(dir.path());
    let body = photo::unique("late");
    let (bucket, credentials) = presigner(server.s3, "photos");
    let url = bucket.put_object(Some(&credentials), "late.jpg").sign(Duration::from_secs(60));
    let mut upload = TcpStream::connect(server.s3).unwrap();
    let (path, query, length) = (url.path(), url.query().unwrap(), body.len());
    write!(upload, "PUT {path}?{query} HTTP/1.1\r\nhost: {}\r\ncontent-length: {length}\r\n\r\n", server.s3).unwrap();
    let (first, rest) = body.split_at(100);
    upload.write_all(first).unwrap();
    wait_until("the upload has begun", || {
        samples(&server.web("/metrics").text())["minilab_network_receive_bytes_total{listener=\"s3\"}"] > 0.0
    });
    assert_eq!(server.web("/readyz").status, 200);

    server.ask_to_stop();
    let mut readiness = Value::Null;
    wait_until("the server says that it stops", || {
        let answer = server.web("/readyz");
        readiness = answer.json();
        answer.status == 503
    });
    assert_eq!(readiness["reason"], "the server is stopping");
    wait_until("no new connections are accepted", || TcpStream::connect(server.s3).is_err());
    upload.write_all(rest).unwrap();
    let mut answer = String::new();
    upload.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(server.wait().success());

    let server = Server::start(dir.path());
    server.settle();
    assert_eq!(server.web("/images/late.jpg").json()["state"], "processed");
}
