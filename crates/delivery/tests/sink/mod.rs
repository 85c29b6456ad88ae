//! Receivers on real sockets, and messages for them.
#![allow(dead_code, reason = "each test binary uses its part")]

use minilab_delivery::{Deliverer, DeliveryOptions, Outgoing, Timeouts};
use minilab_model::{
    Event, EventKind, Message, Notification, NotificationTarget, Outcome, OutcomeMessage, Sequencer, Timestamp, WebhookTarget,
};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

/// A request as it came.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Listens on a port of its own, and keeps what it is sent.
pub struct Sink {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Sink {
    /// Gives every connection to `answer` once its request is read.
    pub async fn start<F, Answered>(answer: F) -> Self
    where
        F: Fn(Box<dyn Stream>) -> Answered + Send + 'static,
        Answered: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sink = Self { address: listener.local_addr().unwrap(), requests: Arc::default() };
        let requests = Arc::clone(&sink.requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut reader = BufReader::new(stream);
                let request = read_request(&mut reader).await;
                requests.lock().unwrap().push(request);
                tokio::spawn(answer(Box::new(reader)));
            }
        });
        sink
    }

    /// Gives every request the same answer.
    pub async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer: Arc<[u8]> = answer.into().into();
        Self::start(move |mut stream| {
            let answer = Arc::clone(&answer);
            async move {
                // Who was told enough hangs up early.
                let _ = stream.write_all(&answer).await;
                let _ = stream.shutdown().await;
            }
        })
        .await
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook?token=hidden-token", self.address)
    }

    pub fn target(&self) -> NotificationTarget {
        webhook(&self.url())
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// One request with a body of the stated length.
pub async fn read_request(reader: &mut (impl AsyncBufReadExt + Unpin)) -> Request {
    let mut request = Request::default();
    let mut line = String::new();
    while reader.read_line(&mut line).await.is_ok_and(|length| length > 0) {
        match line.trim_end() {
            "" => break,
            text if request.line.is_empty() => request.line = text.to_owned(),
            text => {
                let (name, value) = text.split_once(": ").unwrap_or((text, ""));
                request.headers.push((name.to_lowercase(), value.to_owned()));
            }
        }
        line.clear();
    }
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    request.body.resize(length, 0);
    reader.read_exact(&mut request.body).await.unwrap();
    request
}

pub fn webhook(url: &str) -> NotificationTarget {
    NotificationTarget::Webhook(WebhookTarget { url: url.to_owned(), secret_env: None, allow_private: false })
}

/// Delivers with the real timeouts.
pub fn patient(options: DeliveryOptions) -> Deliverer {
    Deliverer::new(options).unwrap()
}

/// For receivers that never come to an end: a delivery to them ends soon.
pub fn hasty(options: DeliveryOptions) -> Deliverer {
    let timeouts = Timeouts { request: Duration::from_millis(500), smtp: Duration::from_millis(500), ..Timeouts::default() };
    Deliverer::new(DeliveryOptions { timeouts, ..options }).unwrap()
}

pub fn processed(source: &str) -> Outgoing {
    outgoing(Message::Outcome(OutcomeMessage {
        outcome: Outcome::Processed,
        source: source.parse().unwrap(),
        rule: "sizes".to_owned(),
        time: Timestamp::from_millis(1_795_176_000_000),
        request_id: Some("R1".to_owned()),
        variants: Vec::new(),
        failure: None,
    }))
}

pub fn event(kind: EventKind, object: &str) -> Event {
    let minilab_model::ObjectRef { bucket, key } = object.parse().unwrap();
    Event {
        kind,
        bucket,
        key,
        sequencer: Sequencer(0x0123_4567_89AB_CDEF),
        etag: if kind.is_created() { "0a1b".to_owned() } else { String::new() },
        size_bytes: if kind.is_created() { 4711 } else { 0 },
        time: Timestamp::from_millis(1_795_176_000_250),
        request_id: Some("R1".to_owned()),
        requester: None,
    }
}

pub fn outgoing(message: Message) -> Outgoing {
    Outgoing {
        message_id: "0123456789abcdef0123456789abcdef".to_owned(),
        notification: Notification { target: NotificationTarget::Log, message },
        created_at: Timestamp::from_millis(1_795_176_000_000),
        attempt: 1,
    }
}
