//! Traces, as a collector gets them. Needs the feature `otlp`.

use crate::server::{PATIENCE, Server, command};
use crate::{photo, telemetry};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};

/// Takes what is posted, and passes the spans on.
fn collect(stream: TcpStream, spans: &Sender<Value>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut answers = stream;
    loop {
        let (mut line, mut head) = (String::new(), String::new());
        while reader.read_line(&mut line)? > 2 {
            head.push_str(&line.to_ascii_lowercase());
            line.clear();
        }
        if head.is_empty() {
            return Ok(());
        }
        assert!(head.starts_with("post /v1/traces http/1.1\r\n") && head.contains("content-type: application/json"), "{head}");
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()).expect("a length");
        let mut body = vec![0; length.parse().expect("a number")];
        reader.read_exact(&mut body)?;
        let posted: Value = serde_json::from_slice(&body).expect("JSON");
        let resource = &posted["resourceSpans"][0];
        assert_eq!(resource["resource"]["attributes"][0]["value"]["stringValue"], "minilab", "{posted}");
        for span in resource["scopeSpans"][0]["spans"].as_array().expect("spans") {
            let _ = spans.send(span.clone());
        }
        answers.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")?;
    }
}

fn collector() -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, spans) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // A connection that ends ends when the server does.
            let _ = stream.and_then(|stream| collect(stream, &sender));
        }
    });
    (address, spans)
}

#[test]
fn a_trace_goes_from_the_request_over_its_job_to_the_notification() {
    let dir = telemetry::directory();
    let (address, spans) = collector();
    let mut command = command(dir.path());
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", address);
    let server = Server::spawn(command);
    let answer = server.s3("PUT", "photos", "a.jpg", &photo::unique("spans")).unwrap();
    let request_id = answer.header("x-amz-request-id").unwrap().to_ascii_lowercase();
    let names = ["PutObject", "job", "wait", "read", "render", "store", "commit", "notification"];
    let mut found: Vec<Value> = Vec::new();
    while !names.iter().all(|name| found.iter().any(|span| span["name"] == *name)) {
        let span = spans.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("{error}; so far {found:?}"));
        if span["traceId"] == format!("0000000000000000{request_id}") {
            found.push(span);
        }
    }
    assert!(server.terminate().success());
    let find = |name: &str| found.iter().find(|span| span["name"] == name).unwrap();
    let (request, job, notification) = (find("PutObject"), find("job"), find("notification"));
    assert_eq!((&request["spanId"], &request["kind"]), (&request_id.into(), &2.into()));
    assert!(request["parentSpanId"].is_null());
    assert_eq!((&job["parentSpanId"], &notification["parentSpanId"]), (&request["spanId"], &request["spanId"]));
    for stage in &names[2..7] {
        let stage = find(stage);
        assert_eq!(stage["parentSpanId"], job["spanId"]);
        let nanos = |name: &str| stage[name].as_str().unwrap().parse::<u64>().unwrap();
        assert!(nanos("startTimeUnixNano") <= nanos("endTimeUnixNano"), "{stage}");
    }
}
