//! A gateway on a port of its own over a store in a directory of its own.

use hyper_util::rt::TokioIo;
use minilab_embedded::{Embedded, OpenOptions};
use minilab_gateway::{Credentials, GatewayOptions, service};
use minilab_model::{BucketName, Event, EventKind};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub const ACCESS_KEY: &str = "AKIDMINILABTEST";
pub const SECRET_KEY: &str = "a secret/with+signs";
pub const BUCKET: &str = "photos";
/// The least length of a part but the last.
pub const PART_MIN_BYTES: usize = 100 << 10;

/// A running gateway with the bucket [`BUCKET`]. Stops when dropped.
pub struct Server {
    pub address: SocketAddr,
    events: Arc<Mutex<Vec<Event>>>,
    directory: TempDir,
    accepting: JoinHandle<()>,
}

impl Server {
    pub async fn start() -> Self {
        Self::with_options(GatewayOptions::default()).await
    }

    pub async fn with_options(options: GatewayOptions) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let events: Arc<Mutex<Vec<Event>>> = Arc::default();
        let mut open = OpenOptions::new(directory.path());
        // Parts of 5 MiB would only make the tests slow.
        open.limits.part_min_bytes = PART_MIN_BYTES as u64;
        let seen = Arc::clone(&events);
        open.planner = Arc::new(move |event: &Event| {
            seen.lock().unwrap().push(event.clone());
            Vec::new()
        });
        let store = Embedded::open(open).unwrap();
        store.create_bucket(&BucketName::new(BUCKET).unwrap()).await.unwrap();

        let pair = Credentials { access_key: ACCESS_KEY.to_owned(), secret_key: SECRET_KEY.to_owned() };
        let gateway = service(store, vec![pair], options).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), gateway.clone());
                tokio::spawn(connection);
            }
        });
        Self { address, events, directory, accepting }
    }

    /// What happened to objects so far, in order: event and key.
    pub fn events(&self) -> Vec<(EventKind, String)> {
        self.events.lock().unwrap().iter().map(|event| (event.kind, event.key.to_string())).collect()
    }

    /// The request ids of the events so far.
    pub fn request_ids(&self) -> Vec<Option<String>> {
        self.events.lock().unwrap().iter().map(|event| event.request_id.clone()).collect()
    }

    /// Waits until `count` body files are in the data directory: what a refused upload left is removed a moment after
    /// its answer.
    pub async fn blob_files(&self, count: usize) {
        let settled = async {
            while files(&self.directory.path().join("blobs")) != count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let found = || files(&self.directory.path().join("blobs"));
        assert!(tokio::time::timeout(Duration::from_secs(10), settled).await.is_ok(), "{} body files, not {count}", found());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn files(directory: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    entries
        .map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() { files(&path) } else { 1 }
        })
        .sum()
}
