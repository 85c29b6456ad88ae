//! The way to the emulator, which can break.

use aws_smithy_http_client::Builder;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// Where a request is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Before it arrives.
    Request,
    /// On the way back: it has been carried out.
    Answer,
}

/// An HTTP client that can break after so many requests.
#[derive(Debug, Clone)]
pub struct Wire {
    inner: SharedHttpClient,
    /// Requests that may still pass.
    left: Arc<AtomicI64>,
    answers_break: Arc<AtomicI64>,
    /// How long a DELETE is on its way, in milliseconds.
    delete_ms: Arc<AtomicU64>,
}

impl Default for Wire {
    fn default() -> Self {
        // Without TLS, for which the roots of trust would be read each time.
        let inner = Builder::new().build_http();
        Self { inner, left: Arc::new(AtomicI64::new(i64::MAX)), answers_break: Arc::default(), delete_ms: Arc::default() }
    }
}

impl Wire {
    /// Breaks after `requests` more; none after that gets through.
    pub fn break_after(&self, requests: i64, loss: Loss) {
        self.answers_break.store(i64::from(loss == Loss::Answer), Ordering::SeqCst);
        self.left.store(requests, Ordering::SeqCst);
    }

    /// From now on each DELETE is on its way for so long.
    pub fn slow_deletes_down(&self, delete_ms: u64) {
        self.delete_ms.store(delete_ms, Ordering::SeqCst);
    }

    /// How many requests it takes to do this, while the wire is whole.
    pub async fn count<T>(&self, work: impl Future<Output = T>) -> (T, i64) {
        self.left.store(i64::MAX, Ordering::SeqCst);
        let done = work.await;
        (done, i64::MAX - self.left.load(Ordering::SeqCst))
    }

    /// Whole again. Whether it had broken.
    pub fn mend(&self) -> bool {
        self.left.swap(i64::MAX, Ordering::SeqCst) < 0
    }
}

impl HttpClient for Wire {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Connector { inner, wire: self.clone() })
    }
}

#[derive(Debug)]
struct Connector {
    inner: SharedHttpConnector,
    wire: Wire,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let left = self.wire.left.fetch_sub(1, Ordering::SeqCst);
        // The first that does not get through may be carried out all the same.
        let answer_breaks = left == 0 && self.wire.answers_break.load(Ordering::SeqCst) == 1;
        if left <= 0 && !answer_breaks {
            return HttpConnectorFuture::ready(Err(broken()));
        }
        let inner = self.inner.clone();
        let delete_ms = if request.method() == "DELETE" { self.wire.delete_ms.load(Ordering::SeqCst) } else { 0 };
        HttpConnectorFuture::new(async move {
            tokio::time::sleep(Duration::from_millis(delete_ms)).await;
            let answer = inner.call(request).await;
            if answer_breaks { Err(broken()) } else { answer }
        })
    }
}

fn broken() -> ConnectorError {
    ConnectorError::io("the wire is broken".into())
}
