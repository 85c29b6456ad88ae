//! Images that break their decoder, among good ones. The workers run a program whose decoder does as it is told.

use crate::photo;
use crate::server::Server;
use std::path::PathBuf;
use std::process::Command;

const CONFIGURATION: &str = r#"
[server]
buckets = ["photos", "prints"]
reserve_bytes = 0

[limits]
attempts = 1
wall_time_s = 1

[[rules]]
name = "thumbnail"
bucket = "photos"

[[rules.variants]]
name = "thumb"
bucket = "prints"
key = "{key}/{variant}.{ext}"
steps = [{ resize = { width = 16, height = 16 } }]
format = "jpeg"
"#;

const GOOD: usize = 200;
const POISONS: [(&str, &str, &str); 4] = [
    ("POISON-LOOP", "deadline", "still under way"),
    ("POISON-MEMORY", "out_of_memory", "used up the memory"),
    ("POISON-ABORT", "worker_died", "SIGABRT"),
    ("POISON-SOCKET", "worker_died", "not allowed"),
];

#[test]
fn a_poison_image_harms_no_other() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("minilab.toml"), CONFIGURATION).unwrap();
    let program = poisoned_worker();
    let server = Server::start_with(dir.path(), &["--worker-program".as_ref(), program.as_os_str()]);
    for number in 0..GOOD {
        if let Some((poison, ..)) = POISONS.get(number / (GOOD / POISONS.len())).filter(|_| number % (GOOD / POISONS.len()) == 7) {
            put(&server, &format!("{poison}.jpg"), &photo::unique(poison));
        }
        put(&server, &format!("good-{number}.jpg"), &photo::unique(&number.to_string()));
    }
    server.settle();
    for number in 0..GOOD {
        let thumbnail = server.s3("GET", "prints", &format!("good-{number}.jpg/thumb.jpg"), b"").unwrap();
        assert_eq!(thumbnail.status, 200, "good-{number}.jpg");
    }
    for (poison, cause, said) in POISONS {
        let record = server.web(&format!("/images/{poison}.jpg")).json();
        assert_eq!(record["state"], "failed", "{record}");
        let failure = &record["failures"][0];
        assert_eq!(failure["cause"], cause, "{record}");
        assert!(failure["error"].as_str().unwrap().contains(said), "{record}");
    }
    let counts = server.web("/api/v1/queue").json();
    assert_eq!(counts["dead"], POISONS.len());
    assert!(server.terminate().success());
}

fn put(server: &Server, key: &str, body: &[u8]) {
    assert_eq!(server.s3("PUT", "photos", key, body).unwrap().status, 200);
}

/// The test program of the crate `workers`, built when nobody has yet.
fn poisoned_worker() -> PathBuf {
    let path = PathBuf::from(env!("CARGO_BIN_EXE_minilab")).with_file_name("poisoned-worker");
    if !path.exists() {
        let build = ["build", "--ignore-rust-version", "--package", "minilab-workers", "--bin", "poisoned-worker"];
        assert!(Command::new(env!("CARGO")).args(build).status().unwrap().success());
    }
    path
}
