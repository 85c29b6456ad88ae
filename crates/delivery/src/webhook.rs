//! One POST: look the host up once, check every address, connect to one that was checked, send, read a little of the answer.

use crate::detail::{chain, clean};
use crate::endpoint::Endpoint;
use crate::signature::SigningKeys;
use crate::{DeliveryOutcome, Network, Timeouts};
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use url::Host;

/// Most bytes that are read of an answer's body.
const ANSWER_BYTES: usize = 64 << 10;
/// Longest time that a receiver can ask to be left alone.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// Most addresses of a host that are tried.
const MOST_ADDRESSES: usize = 4;
const USER_AGENT: &str = concat!("minilab/", env!("CARGO_PKG_VERSION"));

/// One message to one webhook.
pub(crate) struct Post<'a> {
    pub endpoint: &'a Endpoint,
    pub keys: Option<&'a SigningKeys>,
    pub message_id: &'a str,
    pub content_type: &'static str,
    pub body: Vec<u8>,
}

/// What came of it.
pub(crate) struct Answer {
    pub outcome: DeliveryOutcome,
    pub status: Option<u16>,
    pub detail: String,
}

impl Answer {
    pub fn refused(detail: impl Into<String>) -> Self {
        Self { outcome: DeliveryOutcome::Refused, status: None, detail: detail.into() }
    }

    pub fn retry(detail: impl Into<String>) -> Self {
        Self { outcome: DeliveryOutcome::Retry { after: None }, status: None, detail: detail.into() }
    }
}

impl Post<'_> {
    /// Sends it, over TLS if there are settings for it. Ends within `timeouts.request`.
    pub async fn send(self, network: &Network, tls: Option<Arc<ClientConfig>>, timeouts: Timeouts) -> Answer {
        let started = Instant::now();
        let deadline = started + timeouts.request;
        let connected_by = deadline.min(started + timeouts.connect);
        let too_late = || Answer::retry(format!("no answer within {} s", timeouts.request.as_secs_f32()));
        let addresses = match timeout_at(connected_by, self.addresses(network)).await {
            Ok(Ok(addresses)) => addresses,
            Ok(Err(answer)) => return answer,
            Err(_) => {
                return Answer::retry(format!(
                    "{} was not resolved within {} s",
                    self.endpoint.host,
                    timeouts.connect.as_secs_f32()
                ));
            }
        };
        let (address, stream) = match connect(network, &addresses, connected_by).await {
            Ok(connected) => connected,
            Err(reason) => return Answer::retry(reason),
        };
        // Small requests, each on its own: waiting for more to send would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY is not set");
        }
        let Some(tls) = tls else {
            return timeout_at(deadline, self.exchange(stream, deadline)).await.unwrap_or_else(|_| too_late());
        };
        let name = match &self.endpoint.host {
            Host::Domain(name) => match ServerName::try_from(name.clone()) {
                Ok(name) => name,
                Err(_) => return Answer::refused(format!("`{name}` is not a name that a certificate can have")),
            },
            Host::Ipv4(address) => ServerName::from(IpAddr::V4(*address)),
            Host::Ipv6(address) => ServerName::from(IpAddr::V6(*address)),
        };
        match timeout_at(deadline, TlsConnector::from(tls).connect(name, stream)).await {
            Ok(Ok(stream)) => timeout_at(deadline, self.exchange(stream, deadline)).await.unwrap_or_else(|_| too_late()),
            Ok(Err(error)) => Answer::retry(format!("no TLS connection with {address}: {}", chain(&error))),
            Err(_) => too_late(),
        }
    }

    /// All addresses of the host, each of them checked: one that is not allowed spoils all, since a name that leads to both
    /// is either a mistake or an attempt.
    async fn addresses(&self, network: &Network) -> Result<Vec<SocketAddr>, Answer> {
        let found = match &self.endpoint.host {
            Host::Ipv4(address) => vec![IpAddr::V4(*address)],
            Host::Ipv6(address) => vec![IpAddr::V6(*address)],
            Host::Domain(name) => network
                .resolve(name)
                .await
                .map_err(|error| Answer::retry(format!("{name} cannot be resolved: {}", chain(&error))))?,
        };
        if found.is_empty() {
            return Err(Answer::retry(format!("{} has no address", self.endpoint.host)));
        }
        found.iter().try_for_each(|address| self.endpoint.check(*address)).map_err(Answer::refused)?;
        Ok(found.into_iter().map(|address| SocketAddr::new(address, self.endpoint.port)).collect())
    }

    async fn exchange<S>(self, stream: S, deadline: Instant) -> Answer
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let endpoint = self.endpoint;
        let request = match self.request() {
            Ok(request) => request,
            Err(error) => return Answer::refused(format!("the request cannot be made: {error}")),
        };
        let handshake =
            hyper::client::conn::http1::Builder::new().max_headers(100).max_buf_size(ANSWER_BYTES).handshake(TokioIo::new(stream));
        let (mut sender, connection) = match handshake.await {
            Ok(both) => both,
            Err(error) => return Answer::retry(chain(&error)),
        };
        // Driven here, not by a task of its own: when the delivery ends, so does the connection.
        tokio::pin!(connection);
        let mut is_open = true;
        let answer = answer(sender.send_request(request), deadline, endpoint);
        tokio::pin!(answer);
        loop {
            tokio::select! {
                answer = &mut answer => return answer,
                _ = &mut connection, if is_open => is_open = false,
            }
        }
    }

    fn request(self) -> Result<Request<Full<Bytes>>, http::Error> {
        let timestamp = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let timestamp = i64::try_from(timestamp).unwrap_or(i64::MAX);
        let mut request = Request::post(&self.endpoint.path)
            .header(header::HOST, &self.endpoint.host_header)
            .header(header::USER_AGENT, USER_AGENT)
            .header(header::CONTENT_TYPE, self.content_type)
            .header(header::CONNECTION, "close")
            .header("webhook-id", self.message_id)
            .header("webhook-timestamp", timestamp);
        if let Some(keys) = self.keys {
            request = request.header("webhook-signature", keys.sign(self.message_id, timestamp, &self.body));
        }
        if let Some(authorization) = &self.endpoint.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        request.body(Full::from(self.body))
    }
}

/// A connection to the first address that takes one. The time is shared out, so that a dead address leaves some for the
/// next.
async fn connect(network: &Network, addresses: &[SocketAddr], deadline: Instant) -> Result<(SocketAddr, TcpStream), String> {
    let mut failed = String::new();
    let tried = &addresses[..addresses.len().min(MOST_ADDRESSES)];
    for (index, address) in tried.iter().enumerate() {
        let left = u32::try_from(tried.len() - index).unwrap_or(1);
        let share = deadline.saturating_duration_since(Instant::now()) / left;
        let error = match timeout(share, network.connect(*address)).await {
            Ok(Ok(stream)) => return Ok((*address, stream)),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {:.1} s", share.as_secs_f32()),
        };
        failed = format!("cannot connect to {address}: {error}");
    }
    Err(failed)
}

/// Waits for the status and reads on a little.
async fn answer(
    response: impl Future<Output = hyper::Result<http::Response<Incoming>>>,
    deadline: Instant,
    endpoint: &Endpoint,
) -> Answer {
    let (head, body) = match response.await {
        Ok(response) => response.into_parts(),
        Err(error) => return Answer::retry(format!("no answer: {}", clean(&chain(&error), &endpoint.hidden))),
    };
    let outcome = match head.status {
        status if status.is_success() => DeliveryOutcome::Delivered,
        StatusCode::GONE => DeliveryOutcome::Refused,
        _ => DeliveryOutcome::Retry { after: retry_after(&head.headers) },
    };
    // The status has decided: what is cut off from here on is only missing from the log.
    let mut said = Vec::new();
    let is_complete = timeout_at(deadline - CLOSING, read_some(body, &mut said)).await.is_ok();
    let mut detail = head.status.to_string();
    if head.status.is_redirection() {
        detail.push_str("; redirects are not followed: configure the address that it leads to");
    }
    if head.status == StatusCode::GONE {
        detail.push_str("; the receiver wants nothing more");
    }
    let said = String::from_utf8_lossy(&said);
    if !said.trim().is_empty() {
        detail = format!("{detail}: {said}");
    }
    if !is_complete {
        detail.push_str(" (the answer came to no end in time)");
    }
    Answer { outcome, status: Some(head.status.as_u16()), detail: clean(&detail, &endpoint.hidden) }
}

/// What is kept back of the deadline, so that an answer which comes to no end is still reported by its status.
const CLOSING: Duration = Duration::from_millis(50);

/// Reads at most [`ANSWER_BYTES`] of the body, or what came before it broke off.
async fn read_some(mut body: Incoming, read: &mut Vec<u8>) {
    while read.len() < ANSWER_BYTES {
        match body.frame().await {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    let room = ANSWER_BYTES - read.len();
                    read.extend_from_slice(&data[..data.len().min(room)]);
                }
            }
            Some(Err(_)) | None => break,
        }
    }
}

/// `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(SystemTime::now()).unwrap_or_default(),
    };
    Some(wait.min(LONGEST_RETRY_AFTER))
}
