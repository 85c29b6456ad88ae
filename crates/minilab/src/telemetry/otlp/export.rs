use super::SpanLayer;
use super::span::SpanData;
use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::header::CONTENT_TYPE;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// Spans that wait at most.
const QUEUE: usize = 4096;
/// Spans in one request.
const BATCH: usize = 512;
/// How long a span waits for others to be sent with.
const LINGER: Duration = Duration::from_secs(1);
/// How long the collector may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Most of an answer that is read, in bytes.
const ANSWER_BYTES: usize = 64 << 10;

/// How many spans were not sent.
#[derive(Debug, Default)]
pub struct Dropped(AtomicU64);

impl Dropped {
    pub fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Sends spans to the collector, on a thread of its own. When it is dropped, what waits is sent.
pub struct Exporter {
    thread: Option<std::thread::JoinHandle<()>>,
    stop: Option<mpsc::Sender<()>>,
}

impl Exporter {
    /// An exporter to this endpoint, and the layer that feeds it.
    ///
    /// # Errors
    /// When the endpoint is no `http://` address, or the thread cannot be started.
    pub fn start(endpoint: &str, service: String) -> anyhow::Result<(Self, SpanLayer)> {
        let url: url::Url =
            endpoint.parse().with_context(|| format!("OTEL_EXPORTER_OTLP_ENDPOINT is `{endpoint}`, which is no address"))?;
        if url.scheme() != "http" {
            bail!("OTEL_EXPORTER_OTLP_ENDPOINT is `{endpoint}`; only http:// is spoken: send to a collector nearby");
        }
        let url = format!("{}/v1/traces", url.as_str().trim_end_matches('/'));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (finished, spans) = mpsc::channel(QUEUE);
        let (stop, stopped) = mpsc::channel(1);
        let dropped = Arc::new(Dropped::default());
        let sender =
            Sender { url, service, http: Client::builder(TokioExecutor::new()).build_http(), dropped: Arc::clone(&dropped) };
        let thread = std::thread::Builder::new()
            .name("minilab-traces".to_owned())
            .spawn(move || runtime.block_on(sender.run(spans, stopped)))?;
        Ok((Self { thread: Some(thread), stop: Some(stop) }, SpanLayer { finished, dropped }))
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been told by the panic hook.
            let _ = thread.join();
        }
    }
}

struct Sender {
    url: String,
    service: String,
    http: Client<HttpConnector, Full<Bytes>>,
    dropped: Arc<Dropped>,
}

impl Sender {
    async fn run(self, mut spans: mpsc::Receiver<SpanData>, mut stopped: mpsc::Receiver<()>) {
        let mut stopping = false;
        while !stopping {
            let mut batch = Vec::new();
            tokio::select! {
                _ = stopped.recv() => stopping = true,
                received = spans.recv() => match received {
                    Some(first) => batch.push(first),
                    None => stopping = true,
                },
            }
            if !stopping {
                stopping = tokio::time::timeout(LINGER, stopped.recv()).await.is_ok();
            }
            while let Ok(span) = spans.try_recv() {
                batch.push(span);
                if batch.len() == BATCH {
                    self.send(std::mem::take(&mut batch)).await;
                }
            }
            if !batch.is_empty() {
                self.send(batch).await;
            }
        }
    }

    async fn send(&self, batch: Vec<SpanData>) {
        let number = batch.len() as u64;
        let sent = tokio::time::timeout(TIMEOUT, self.post(&batch)).await;
        let lost = match sent {
            Ok(Ok(())) => 0,
            Ok(Err(error)) => {
                tracing::warn!(error = crate::error_chain::one_line(error.as_ref()), "traces could not be sent");
                number
            }
            Err(_) => {
                tracing::warn!("the collector of traces did not answer in {} s", TIMEOUT.as_secs());
                number
            }
        };
        let lost = lost + self.dropped.0.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(spans = lost, "spans were dropped");
        }
    }

    async fn post(&self, batch: &[SpanData]) -> anyhow::Result<()> {
        let spans: Vec<Value> = batch.iter().map(SpanData::json).collect();
        let body = json!({ "resourceSpans": [{
            "resource": { "attributes": [
                { "key": "service.name", "value": { "stringValue": self.service } },
                { "key": "service.version", "value": { "stringValue": env!("CARGO_PKG_VERSION") } },
            ] },
            "scopeSpans": [{ "scope": { "name": "minilab" }, "spans": spans }],
        }] });
        let request = Request::post(&self.url).header(CONTENT_TYPE, "application/json");
        let answer = self.http.request(request.body(Full::new(serde_json::to_vec(&body)?.into()))?).await?;
        let status = answer.status();
        let said = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await;
        if !status.is_success() {
            let said = said.map(|said| String::from_utf8_lossy(&said.to_bytes()).into_owned()).unwrap_or_default();
            bail!("the collector answered {status}: {said}");
        }
        Ok(())
    }
}
