//! The accept loop of all listeners, with the bounds that `axum::serve` and a bare hyper do not set.

use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};

/// Connections served at once; more wait in the kernel's backlog.
const CONNECTIONS: usize = 1024;
/// How long a client may take to send a request's headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest request headers in bytes.
const HEADER_BYTES: usize = 16 << 10;
/// How long requests under way may go on after the order to stop.
const DRAIN: Duration = Duration::from_secs(10);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Where connections come from.
pub trait Accept: Send + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// Who is at its other end.
    type Peer: Copy + Send + 'static;

    /// The next connection.
    ///
    /// # Errors
    /// Those of the system: no more file descriptors, say. They do not end the listener.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Self::Peer)>> + Send;
}

impl Accept for TcpListener {
    type Stream = TcpStream;
    type Peer = SocketAddr;

    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = Self::accept(self).await?;
        // Answers are small and awaited one by one; Nagle's algorithm would hold them back.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        Ok((stream, peer))
    }
}

impl Accept for UnixListener {
    type Stream = UnixStream;
    /// Nobody in particular: who may connect is the socket file's business.
    type Peer = ();

    async fn accept(&self) -> io::Result<(UnixStream, ())> {
        let (stream, _) = Self::accept(self).await?;
        Ok((stream, ()))
    }
}

/// Serves HTTP/1.1 on `listener` until `shutdown` says true; then requests under way are finished. The handler is told
/// each request's peer. How long a body may stand still is the handler's business, which knows what it is read for.
pub async fn run<L, H, F, B, E>(listener: L, handler: H, mut shutdown: watch::Receiver<bool>)
where
    L: Accept,
    H: Fn(Request<Incoming>, L::Peer) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Response<B>, E>> + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
    E: Into<BoxError> + 'static,
{
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_header_size(HEADER_BYTES);
    loop {
        let accept = async {
            let permit = Arc::clone(&connections).acquire_owned().await;
            (permit, Accept::accept(&listener).await)
        };
        let (permit, accepted) = tokio::select! {
            accepted = accept => accepted,
            _ = shutdown.wait_for(|stop| *stop) => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, or the client left already. Neither ends the server.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        let handler = handler.clone();
        let service = service_fn(move |request: Request<Incoming>| handler(request, peer));
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still under way after {} s and are cut off", DRAIN.as_secs());
    }
}
