//! The control socket: how a command reaches the server of a data directory without a key, and works when none runs.
//!
//! A server answers the web API also on `control.sock` in its data directory. Only the directory's owner can open it
//! (mode 0600), so whoever comes through may do everything. A command that finds no server opens the store itself and
//! asks the same router in its own process: there is one code path for both.

use anyhow::{Context, bail};
use axum::Router;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use minilab_embedded::{Embedded, OpenError, OpenOptions};
use minilab_model::BucketName;
use minilab_web::{Access, WebOptions};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::net::{UnixListener, UnixStream};
use tower::ServiceExt as _;

/// The socket's name in the data directory.
const NAME: &str = "control.sock";

/// The longest path of a socket in bytes: `sun_path` of `sockaddr_un` less its final NUL, 108 bytes on Linux and 104 on
/// macOS and the BSDs (`unix(7)`, `unix(4)`).
const MAX_PATH_BYTES: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// How long a command waits for a server that is just starting or stopping.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);

/// A running server's end. Its file goes when it is dropped.
pub struct ControlSocket {
    path: PathBuf,
}

impl ControlSocket {
    /// Makes the socket in `data_dir`, in place of one that a server before has left. The caller holds the store's lock,
    /// which proves that no other server answers there.
    ///
    /// # Errors
    /// Names the socket, and what to do when its path is too long.
    pub fn bind(data_dir: &Path) -> anyhow::Result<(Self, UnixListener)> {
        let path = data_dir.join(NAME);
        let bind = || {
            // Made where nobody else can reach it and moved once its mode is set: a socket is made with the mode that the
            // umask leaves, and could be opened until it is changed.
            let private = tempfile::Builder::new().prefix(".control-").tempdir_in(data_dir)?;
            let made = private.path().join(NAME);
            let reachable = Reachable::new(&made)?;
            let listener = UnixListener::bind(&reachable.path)?;
            fs::set_permissions(&made, Permissions::from_mode(0o600))?;
            fs::rename(&made, &path)?;
            Ok::<_, io::Error>(listener)
        };
        let listener = bind().with_context(|| format!("the control socket {} cannot be made", path.display()))?;
        Ok((Self { path }, listener))
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            // It does no harm: nobody answers there, and the next server replaces it.
            tracing::warn!(%error, socket = %self.path.display(), "the control socket could not be removed");
        }
    }
}

/// A path that fits a socket's address.
struct Reachable {
    path: PathBuf,
    /// Keeps `path` valid.
    _directory: Option<File>,
}

impl Reachable {
    /// `socket` itself if it is short enough, else the same file by way of its directory's descriptor.
    fn new(socket: &Path) -> io::Result<Self> {
        let length = socket.as_os_str().as_bytes().len();
        if length <= MAX_PATH_BYTES {
            return Ok(Self { path: socket.to_owned(), _directory: None });
        }
        let (Some(directory), Some(name), true) = (socket.parent(), socket.file_name(), Path::new("/proc/self/fd").is_dir()) else {
            let reason =
                format!("its path has {length} bytes and a socket's can have {MAX_PATH_BYTES}; use a shorter data directory");
            return Err(io::Error::new(ErrorKind::InvalidInput, reason));
        };
        let directory = File::open(directory)?;
        let path = Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name);
        Ok(Self { path, _directory: Some(directory) })
    }
}

/// The way of a command to the data: through the server that has them, or by opening them.
pub enum Control {
    /// A server runs; this is where it answers.
    Server(PathBuf),
    /// No server runs.
    Store(Box<(Router, Embedded)>),
}

/// What the server said to a request that it did not do.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// The HTTP status.
    pub status: StatusCode,
    /// The API's code, such as `bad_request`; empty when the answer has none.
    pub code: String,
    message: String,
}

#[derive(Deserialize)]
struct Refusal {
    error: RefusalError,
}

#[derive(Deserialize)]
struct RefusalError {
    code: String,
    message: String,
}

impl Control {
    /// The way to the data in `data_dir`. Waits a little for a server that is about to start or stop.
    ///
    /// # Errors
    /// When there are no data, when they cannot be opened, and when a process has them that does not answer.
    pub async fn open(data_dir: &Path, default_bucket: Option<BucketName>) -> anyhow::Result<Self> {
        let socket = data_dir.join(NAME);
        let began = Instant::now();
        loop {
            match connect(&socket).await {
                Ok(_) => return Ok(Self::Server(socket)),
                // No server, or one that died and could not clean up.
                Err(error) if [ErrorKind::NotFound, ErrorKind::ConnectionRefused].contains(&error.kind()) => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("the control socket {} cannot be opened", socket.display()));
                }
            }
            match open_store(data_dir).await {
                Ok(store) => {
                    let bucket = default_bucket.map_or_else(|| BucketName::new("photos"), Ok)?;
                    let options = WebOptions { access: Access::Local, ..WebOptions::loopback(bucket, "") };
                    return Ok(Self::Store(Box::new((minilab_web::router(store.clone(), options), store))));
                }
                Err(OpenError::Locked { .. }) if began.elapsed() < PATIENCE => tokio::time::sleep(PAUSE).await,
                Err(OpenError::Locked { data_dir, pid }) => bail!(
                    "the data directory {} is in use by process {pid}, which answers on no control socket; if it is a server, \
                     it is stopping or of an older version: stop it, or try again",
                    data_dir.display()
                ),
                Err(OpenError::NoStore { data_dir }) => bail!(
                    "{} holds no minilab data; name the server's data directory with --data, or its configuration with --config",
                    data_dir.display()
                ),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether a server does what is asked; otherwise it is only noted for the next one.
    pub const fn has_server(&self) -> bool {
        matches!(self, Self::Server(_))
    }

    /// What is at `path`.
    ///
    /// # Errors
    /// [`Refused`], and when the server cannot be reached or its answer not be read.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.ask(Method::GET, path, Bytes::new()).await
    }

    /// What is at `path`; `None` when there is no such thing.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn find<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Option<T>> {
        match self.get(path).await {
            Ok(found) => Ok(Some(found)),
            Err(error) => match error.downcast_ref::<Refused>() {
                Some(refused) if refused.code == "not_found" => Ok(None),
                _ => Err(error),
            },
        }
    }

    /// Has `body` done at `path`.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        self.ask(Method::POST, path, serde_json::to_vec(body)?.into()).await
    }

    /// Ends the visit: what was opened is closed, so that its last writes are on the disk.
    pub async fn close(self) {
        if let Self::Store(opened) = self {
            opened.1.close().await;
        }
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, body: Bytes) -> anyhow::Result<T> {
        let mut request = Request::builder().method(method.clone()).uri(path).header(header::HOST, "localhost");
        if method == Method::POST {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::new(body))?;
        let (status, body) = match self {
            Self::Server(socket) => {
                send(socket, request).await.with_context(|| format!("the server behind {} broke off", socket.display()))?
            }
            Self::Store(opened) => {
                let response = opened.0.clone().oneshot(request.map(axum::body::Body::new)).await?;
                (response.status(), response.into_body().collect().await?.to_bytes())
            }
        };
        if status.is_success() {
            return serde_json::from_slice(&body).with_context(|| format!("{method} {path} did not answer with the JSON expected"));
        }
        Err(match serde_json::from_slice::<Refusal>(&body) {
            Ok(Refusal { error }) => Refused { status, code: error.code, message: error.message },
            Err(_) => Refused { status, code: String::new(), message: format!("{method} {path} was answered {status}") },
        }
        .into())
    }
}

async fn connect(socket: &Path) -> io::Result<UnixStream> {
    let reachable = Reachable::new(socket)?;
    UnixStream::connect(&reachable.path).await
}

/// One request over a connection of its own.
async fn send(socket: &Path, request: Request<Full<Bytes>>) -> anyhow::Result<(StatusCode, Bytes)> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(connect(socket).await?)).await?;
    let answer = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        anyhow::Ok((status, response.into_body().collect().await?.to_bytes()))
    };
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        // The connection may end as soon as the answer has come.
        ended = connection => {
            ended?;
            answer.await
        }
    }
}

/// Opens the store of a directory that has one.
async fn open_store(data_dir: &Path) -> Result<Embedded, OpenError> {
    if !data_dir.join("index.db").exists() {
        return Err(OpenError::NoStore { data_dir: data_dir.to_owned() });
    }
    let options = OpenOptions::new(data_dir);
    // A panic while opening goes on here; nothing else ends the task early.
    tokio::task::spawn_blocking(move || Embedded::open(options))
        .await
        .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_is_its_owners_and_replaces_a_stale_one() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join(NAME);
        // As a server leaves it that was killed: the file without anybody behind it.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert_eq!(connect(&path).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        let (socket, _listener) = ControlSocket::bind(data.path()).unwrap();
        connect(&path).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(socket);
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 0, "something is left behind");
    }

    #[tokio::test]
    #[cfg(target_os = "linux")]
    async fn a_long_path_is_no_hindrance() {
        let data = tempfile::tempdir().unwrap();
        let deep = data.path().join("x".repeat(100)).join("y".repeat(100));
        fs::create_dir_all(&deep).unwrap();
        let (_socket, _listener) = ControlSocket::bind(&deep).unwrap();
        connect(&deep.join(NAME)).await.unwrap();
    }

    #[tokio::test]
    async fn a_directory_without_data_is_left_as_it_is() {
        let data = tempfile::tempdir().unwrap();
        let error = Control::open(data.path(), None).await.err().unwrap().to_string();
        assert!(error.contains("no minilab data"), "{error}");
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 0);
        let absent = data.path().join("absent");
        assert!(Control::open(&absent, None).await.is_err());
        assert!(!absent.exists());
    }

    #[tokio::test]
    async fn without_a_server_the_store_itself_answers() {
        let data = tempfile::tempdir().unwrap();
        let dir = data.path().join("store");
        Embedded::open(OpenOptions::new(&dir)).unwrap().close().await;
        let control = Control::open(&dir, None).await.unwrap();
        assert!(!control.has_server());
        let queue: serde_json::Value = control.get("/api/v1/queue").await.unwrap();
        assert_eq!(queue["dead"], 0);
        assert!(control.find::<serde_json::Value>("/images/absent.jpg").await.unwrap().is_none());
        let error = control.get::<serde_json::Value>("/api/v1/nothing").await.unwrap_err();
        assert_eq!(error.downcast_ref::<Refused>().unwrap().code, "no_route");
        control.close().await;
    }
}
