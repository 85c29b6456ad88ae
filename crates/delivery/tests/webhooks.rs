//! Webhooks over real sockets.
#![allow(clippy::unwrap_used, missing_docs)]

mod sink;

use minilab_delivery::{DeliveryOptions, DeliveryOutcome, NamedWebhook, Network, Report, Secret};
use minilab_model::{EventKind, Message, NotificationTarget, WebhookTarget};
use rcgen::CertifiedKey;
use sink::{Request, Sink, event, hasty, outgoing, patient, processed, webhook};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const RETRY: DeliveryOutcome = DeliveryOutcome::Retry { after: None };

async fn post(target: &NotificationTarget) -> Report {
    patient(DeliveryOptions::default()).deliver(target, &[processed("photos/a.jpg")]).await
}

#[tokio::test]
async fn a_delivery_is_signed_and_can_be_verified() {
    let sink = Sink::answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await;
    let target = NotificationTarget::Webhook(WebhookTarget {
        url: format!("http://me:pw@{}/a%20b?x=1", sink.address),
        secret_env: Some("HOOK".to_owned()),
        allow_private: false,
    });
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw whsec_c2VjcmV0c2VjcmV0c2VjcmV0";
    let secrets = HashMap::from([("HOOK".to_owned(), Secret::new(secret))]);
    let deliverer = patient(DeliveryOptions { secrets, ..DeliveryOptions::default() });
    let message = processed("photos/a.jpg");
    let report = deliverer.deliver(&target, std::slice::from_ref(&message)).await;
    assert_eq!((report.outcome, report.status, report.detail.as_str()), (DeliveryOutcome::Delivered, Some(200), "200 OK: hello"));
    let [request] = &sink.requests()[..] else { panic!("one request") };
    assert_eq!(request.line, "POST /a%20b?x=1 HTTP/1.1");
    assert_eq!(request.header("host"), Some(sink.address.to_string().as_str()));
    assert_eq!(request.header("authorization"), Some("Basic bWU6cHc="));
    assert_eq!(request.header("content-type"), Some("application/cloudevents+json"));
    assert_eq!(request.header("webhook-id"), Some(message.message_id.as_str()));
    assert_eq!(request.header("webhook-signature").unwrap().split(' ').count(), 2);
    let json = request.json();
    assert_eq!((&json["type"], &json["subject"]), (&"image.processed".into(), &"photos/a.jpg".into()));
    assert_eq!((&json["id"], &json["data"]["request_id"]), (&message.message_id.as_str().into(), &"R1".into()));
}

/// What people have to do about an answer follows from its status.
#[tokio::test]
async fn the_status_decides() {
    let after = |seconds| DeliveryOutcome::Retry { after: Some(Duration::from_secs(seconds)) };
    for (answer, outcome, told) in [
        ("HTTP/1.1 204 No Content\r\n\r\n", DeliveryOutcome::Delivered, "204 No Content"),
        ("HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\ncut", DeliveryOutcome::Delivered, "cut"),
        ("HTTP/1.1 500 Oh No\r\nContent-Length: 4\r\n\r\nbang", RETRY, "500 Internal Server Error: bang"),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", RETRY, "404 Not Found"),
        ("HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n", DeliveryOutcome::Refused, "410 Gone"),
        ("HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n", after(120), "503"),
        ("HTTP/1.1 429 Slow\r\nRetry-After: 99999999999\r\nContent-Length: 0\r\n\r\n", after(3600), "429"),
        ("HTTP/1.1 429 Slow\r\nRetry-After: Thu, 01 Jan 2150 00:00:00 GMT\r\n\r\n", after(3600), "429"),
        ("HTTP/1.1 429 Slow\r\nRetry-After: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n", after(0), "429"),
        ("HTTP/1.1 500 E\r\nRetry-After: soon\r\n\r\n", RETRY, "500"),
        ("HTTP/1.1 500 E\r\nContent-Length: 22\r\n\r\nno token=hidden-token!", RETRY, "no …!"),
        ("ICY 200 OK\r\n\r\n", RETRY, "no answer"),
        ("", RETRY, "no answer"),
    ] {
        let sink = Sink::answering(answer).await;
        let report = post(&sink.target()).await;
        assert_eq!(report.outcome, outcome, "{answer:?}: {}", report.detail);
        assert!(report.detail.contains(told) && !report.detail.contains("hidden"), "{answer:?}: {}", report.detail);
        assert_eq!(sink.requests().len(), 1);
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let inner = Sink::answering(OK).await;
    for status in ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let sink = Sink::answering(format!("HTTP/1.1 {status}\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", inner.url())).await;
        let report = post(&sink.target()).await;
        assert_eq!(report.outcome, RETRY);
        assert!(report.detail.contains("redirects are not followed"), "{}", report.detail);
    }
    assert_eq!(inner.requests().len(), 0);
}

#[tokio::test]
async fn little_is_read_of_a_long_answer() {
    let written = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&written);
    let sink = Sink::start(move |mut stream| {
        let counter = Arc::clone(&counter);
        async move {
            let length = 200 << 20;
            stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").as_bytes()).await.unwrap();
            while stream.write_all(&[b'x'; 1 << 16]).await.is_ok() {
                counter.fetch_add(1 << 16, Ordering::Relaxed);
            }
        }
    })
    .await;
    let report = post(&sink.target()).await;
    assert_eq!((report.outcome, report.status), (DeliveryOutcome::Delivered, Some(200)));
    assert!(report.detail.len() <= 512);
    // What is not read fills the sockets' buffers, which are far smaller than the answer.
    assert!(written.load(Ordering::Relaxed) < 100 << 20);
}

#[tokio::test]
async fn who_comes_to_no_end_is_left() {
    let dripping_head = Sink::start(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while stream.write_all(b"X-Drip: drop\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let hanging = Sink::start(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    for sink in [&dripping_head, &hanging] {
        let report = hasty(DeliveryOptions::default()).deliver(&sink.target(), &[processed("photos/a.jpg")]).await;
        assert_eq!(report.outcome, RETRY, "{}", report.detail);
        assert!(report.detail.contains("no answer"), "{}", report.detail);
    }
    // Whose status has come has taken the message; the rest is only missing from the log.
    for (status, outcome) in [("200 OK", DeliveryOutcome::Delivered), ("500 No", RETRY)] {
        let dripping_body = Sink::start(move |mut stream| async move {
            let _ = stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 100000\r\n\r\n").as_bytes()).await;
            while stream.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        let report = hasty(DeliveryOptions::default()).deliver(&dripping_body.target(), &[processed("photos/a.jpg")]).await;
        assert_eq!(report.outcome, outcome, "{}", report.detail);
    }
}

#[tokio::test]
async fn nobody_there_is_a_retry() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let report = post(&webhook(&format!("http://{address}/"))).await;
    assert_eq!((report.outcome, report.status), (RETRY, None));
    assert!(report.detail.contains("cannot connect"), "{}", report.detail);
}

/// A network in which names resolve to what the test says, one answer after the other, and every address leads to `sink`.
/// Gives the addresses that were connected to.
fn network(answers: Vec<Vec<&'static str>>, sink: SocketAddr) -> (Network, Arc<Mutex<Vec<IpAddr>>>, Arc<AtomicUsize>) {
    let (connected, resolved) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
    let (connections, resolutions) = (Arc::clone(&connected), Arc::clone(&resolved));
    let resolve = move |_| {
        let answer = answers[resolutions.fetch_add(1, Ordering::Relaxed).min(answers.len() - 1)].clone();
        async move { Ok::<_, io::Error>(answer.iter().map(|address| address.parse().unwrap()).collect()) }
    };
    let connect = move |address: SocketAddr| {
        connections.lock().unwrap().push(address.ip());
        TcpStream::connect(sink)
    };
    (Network::new(resolve, connect), connected, resolved)
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_the_address_that_was_checked_is_called() {
    let sink = Sink::answering(OK).await;
    let (network, connected, resolved) = network(vec![vec!["93.184.215.14"], vec!["127.0.0.1"]], sink.address);
    let deliverer = patient(DeliveryOptions { network, ..DeliveryOptions::default() });
    let target = webhook("http://rebinding.example/hook");
    let first = deliverer.deliver(&target, &[processed("photos/a.jpg")]).await;
    assert_eq!(first.outcome, DeliveryOutcome::Delivered, "{}", first.detail);
    assert_eq!(*connected.lock().unwrap(), ["93.184.215.14".parse::<IpAddr>().unwrap()]);
    assert_eq!(resolved.load(Ordering::Relaxed), 1);
    assert_eq!(sink.requests()[0].header("host"), Some("rebinding.example"));
    // The next delivery looks it up again, and finds that it leads inside.
    let second = deliverer.deliver(&target, &[processed("photos/a.jpg")]).await;
    assert_eq!(second.outcome, DeliveryOutcome::Refused);
    assert!(second.detail.contains("allow_private"), "{}", second.detail);
    assert_eq!(connected.lock().unwrap().len(), 1, "nothing was sent");
}

#[tokio::test]
async fn one_private_address_among_many_spoils_all() {
    let sink = Sink::answering(OK).await;
    for bad in ["10.0.0.1", "169.254.169.254", "::1", "fd00:ec2::254", "::ffff:192.168.0.1", "64:ff9b::a00:1", "0.0.0.0"] {
        let (network, connected, _) = network(vec![vec!["93.184.215.14", bad]], sink.address);
        let deliverer = patient(DeliveryOptions { network, ..DeliveryOptions::default() });
        let report = deliverer.deliver(&webhook("http://example.com/"), &[processed("photos/a.jpg")]).await;
        assert_eq!(report.outcome, DeliveryOutcome::Refused, "{bad}");
        assert!(connected.lock().unwrap().is_empty(), "{bad}");
    }
}

#[tokio::test]
async fn private_addresses_are_called_where_that_is_allowed() {
    let sink = Sink::answering(OK).await;
    let (network, connected, _) = network(vec![vec!["10.0.0.1"]], sink.address);
    let deliverer = patient(DeliveryOptions { network, ..DeliveryOptions::default() });
    let target = WebhookTarget { url: "http://printer.example/".to_owned(), secret_env: None, allow_private: true };
    let report = deliverer.deliver(&NotificationTarget::Webhook(target), &[processed("photos/a.jpg")]).await;
    assert_eq!(report.outcome, DeliveryOutcome::Delivered, "{}", report.detail);
    assert_eq!(*connected.lock().unwrap(), ["10.0.0.1".parse::<IpAddr>().unwrap()]);
}

#[tokio::test]
async fn s3_records_are_read_back_as_the_events_they_were() {
    let sink = Sink::answering(OK).await;
    let target = WebhookTarget { url: sink.url(), secret_env: None, allow_private: false };
    let webhooks = vec![NamedWebhook { name: "lambda".to_owned(), target }];
    let deliverer = patient(DeliveryOptions { webhooks, ..DeliveryOptions::default() });
    let target = NotificationTarget::BucketWebhook("lambda".to_owned());
    let kinds = [
        EventKind::CreatedPut,
        EventKind::CreatedPost,
        EventKind::CreatedCopy,
        EventKind::CreatedCompleteMultipartUpload,
        EventKind::RemovedDelete,
    ];
    for (kind, object) in
        kinds.into_iter().zip(["photos/a b+c%20.jpg", "photos/ü/日本.jpg", "photos/a\"\\\n*~'.jpg", "p-1/../x", "photos/a&b=c?d#e"])
    {
        let sent = event(kind, object);
        let message = Message::S3Event { event: Box::new(sent.clone()), configuration_id: "c1".to_owned() };
        let report = deliverer.deliver(&target, &[outgoing(message)]).await;
        assert_eq!(report.outcome, DeliveryOutcome::Delivered, "{}", report.detail);
        let requests = sink.requests();
        let request: &Request = requests.last().unwrap();
        assert_eq!(request.header("content-type"), Some("application/json"));
        let read = minilab_pipeline::event::from_s3_notification(&request.body).unwrap();
        assert_eq!(read, [sent]);
    }
    let unknown = deliverer.deliver(&NotificationTarget::BucketWebhook("gone".to_owned()), &[processed("photos/a.jpg")]).await;
    assert_eq!(unknown.outcome, DeliveryOutcome::Refused);
    assert!(unknown.detail.contains("`gone`"), "{}", unknown.detail);
}

#[tokio::test]
async fn a_message_is_not_sent_without_the_signature_it_should_have() {
    let sink = Sink::answering(OK).await;
    let target = WebhookTarget { url: sink.url(), secret_env: Some("OLD_SECRET".to_owned()), allow_private: false };
    let report = post(&NotificationTarget::Webhook(target)).await;
    assert_eq!(report.outcome, DeliveryOutcome::Refused);
    assert!(report.detail.contains("OLD_SECRET"), "{}", report.detail);
    assert!(sink.requests().is_empty());
}

#[tokio::test]
async fn only_a_trusted_certificate_for_the_name_is_taken() {
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(["hook.example".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], signing_key.serialize_der().try_into().unwrap())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Who does not trust the certificate hangs up in the handshake.
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(OK.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        }
    });
    for (url, trusted, outcome) in [
        ("https://hook.example/", vec![cert.der().clone()], DeliveryOutcome::Delivered),
        ("https://other.example/", vec![cert.der().clone()], RETRY),
        ("https://hook.example/", Vec::new(), RETRY),
    ] {
        let (network, _, _) = network(vec![vec!["93.184.215.14"]], address);
        let deliverer = patient(DeliveryOptions { network, trusted, ..DeliveryOptions::default() });
        let report = deliverer.deliver(&webhook(url), &[processed("photos/a.jpg")]).await;
        assert_eq!(report.outcome, outcome, "{url}: {}", report.detail);
        assert!(outcome == DeliveryOutcome::Delivered || report.detail.contains("TLS"), "{}", report.detail);
    }
}
