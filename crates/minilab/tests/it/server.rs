//! A server process on a directory of its own.

use crate::http::{Answer, request};
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const ACCESS_KEY: &str = "test-access-key";
const SECRET_KEY: &str = "test-secret-key";
/// How long anything may take that is waited for.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running `minilab serve`. Killed when dropped.
pub struct Server {
    child: Child,
    pub s3: SocketAddr,
    pub web: SocketAddr,
}

impl Server {
    /// Starts a server on `dir/data` with the configuration `dir/minilab.toml`, and waits until it is ready.
    pub fn start(dir: &Path) -> Self {
        Self::start_with(dir, &[])
    }

    /// The same, with further arguments.
    pub fn start_with(dir: &Path, arguments: &[&OsStr]) -> Self {
        let mut command = command(dir);
        command.args(arguments);
        Self::spawn(command)
    }

    /// Starts what [`command`] gave, and waits until it is ready.
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the binary starts");
        let lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for line in lines {
            let line = line.expect("stdout is text");
            match line.split_once(" http://") {
                Some(("s3" | "web", address)) => addresses.push(address.parse().expect("an address")),
                _ if line == "ready" => break,
                _ => panic!("unexpected line {line:?}"),
            }
        }
        match addresses[..] {
            [s3, web] => Self { child, s3, web },
            _ => panic!("the server ended with {:?} before it was ready", child.wait()),
        }
    }

    /// As `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().expect("the server runs");
        self.child.wait().expect("the server ends");
    }

    /// As SIGHUP.
    pub fn hang_up(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().expect("kill runs").success());
    }

    /// As SIGTERM; gives the exit code.
    pub fn terminate(mut self) -> ExitStatus {
        self.ask_to_stop();
        self.child.wait().expect("the server ends")
    }

    /// SIGTERM, without waiting for what follows.
    pub fn ask_to_stop(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
    }

    /// Waits for the end that was asked for.
    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().expect("the server ends")
    }

    /// A signed S3 request.
    pub fn s3(&self, method: &str, bucket: &str, key: &str, body: &[u8]) -> std::io::Result<Answer> {
        signed(self.s3, method, bucket, key, body)
    }

    /// A request to the web listener.
    pub fn web(&self, target: &str) -> Answer {
        request(self.web, "GET", target, b"").expect("the web listener answers")
    }

    /// Waits until no job is ready, running or waiting.
    pub fn settle(&self) {
        wait_until("the queue is empty", || {
            let counts = self.web("/api/v1/queue").json();
            ["ready", "leased", "waiting"].iter().all(|state| counts[state] == 0)
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already ended, or not: either way it does not outlive the test.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `minilab serve` on `dir`, not started yet.
pub fn command(dir: &Path) -> Command {
    let mut command = minilab();
    command.arg("serve").args(["--s3-addr", "127.0.0.1:0", "--web-addr", "127.0.0.1:0"]);
    command.arg("--data").arg(dir.join("data")).arg("--config").arg(dir.join("minilab.toml"));
    command.env("MINILAB_ACCESS_KEY", ACCESS_KEY).env("MINILAB_SECRET_KEY", SECRET_KEY);
    command.stdin(Stdio::null());
    command
}

/// The binary under test: the one that was built with the tests, or `MINILAB_BIN`.
pub fn minilab() -> Command {
    let program = std::env::var_os("MINILAB_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_minilab").into());
    let mut command = Command::new(program);
    command.env("MINILAB_LOG", "warn");
    command
}

/// A presigned request to an S3 listener.
pub fn signed(address: SocketAddr, method: &str, bucket: &str, key: &str, body: &[u8]) -> std::io::Result<Answer> {
    let (bucket, credentials) = presigner(address, bucket);
    let soon = Duration::from_secs(60);
    let url = match method {
        "PUT" => bucket.put_object(Some(&credentials), key).sign(soon),
        "GET" => bucket.get_object(Some(&credentials), key).sign(soon),
        "DELETE" => bucket.delete_object(Some(&credentials), key).sign(soon),
        _ => panic!("{method} is not signed here"),
    };
    request(address, method, &format!("{}?{}", url.path(), url.query().unwrap_or("")), body)
}

/// What presigns requests for a bucket behind an S3 listener.
pub fn presigner(address: SocketAddr, bucket: &str) -> (Bucket, Credentials) {
    let endpoint = format!("http://{address}").parse().expect("an address is a URL");
    let bucket = Bucket::new(endpoint, UrlStyle::Path, bucket.to_owned(), "us-east-1").expect("a bucket");
    (bucket, Credentials::new(ACCESS_KEY, SECRET_KEY))
}

/// Looks until it is so.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "still not, after {} s: {what}", PATIENCE.as_secs());
        std::thread::sleep(Duration::from_millis(5));
    }
}
