//! Rules that change while the server runs: on SIGHUP, when the file changes, and never by half.

use crate::photo;
use crate::server::{Server, wait_until};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// A configuration whose one rule makes a variant of this name.
fn write(dir: &Path, variant: &str) {
    let text = format!(
        r#"
[server]
buckets = ["photos", "prints"]
reserve_bytes = 0

[[rules]]
name = "thumbnail"
bucket = "photos"
content_type = ["image/jpeg"]
size_bytes = {{ min = 10 }}
tag = {{ made = "{variant}" }}

[[rules.variants]]
name = "{variant}"
bucket = "prints"
key = "{{key}}/{{variant}}.{{ext}}"
steps = [{{ resize = {{ width = 16, height = 16 }} }}]
format = "jpeg"

[[rules.variants]]
name = "{variant}-copy"
bucket = "prints"
key = "{{key}}/{{variant}}"
"#
    );
    replace(dir, &text);
}

/// As editors do it: a new file in the place of the old one.
fn replace(dir: &Path, text: &str) {
    std::fs::write(dir.join("new.toml"), text).unwrap();
    std::fs::rename(dir.join("new.toml"), dir.join("minilab.toml")).unwrap();
}

/// Uploads until the newest rules have made something of an upload.
fn made_by(server: &Server, variant: &str) {
    let mut number = 0;
    wait_until(&format!("variants called {variant} are made"), || {
        number += 1;
        let key = format!("{variant}-{number}.jpg");
        assert_eq!(server.s3("PUT", "photos", &key, &photo::unique(&key)).unwrap().status, 200);
        // Not until the queue is empty: somebody else may keep it full.
        wait_until(&format!("{key} is processed"), || {
            let record = server.web(&format!("/images/{key}"));
            record.status == 200 && record.json()["state"] == "processed"
        });
        let names = variants(server, &key);
        assert!(names.len() == 2 && names[1] == format!("{}-copy", names[0]), "half a rule: {names:?}");
        names[0] == variant
    });
}

fn variants(server: &Server, key: &str) -> Vec<String> {
    let record = server.web(&format!("/images/{key}")).json();
    let name = |variant: &serde_json::Value| variant["name"].as_str().unwrap().to_owned();
    record["variants"].as_array().unwrap_or_else(|| panic!("{key}: {record}")).iter().map(name).collect()
}

#[test]
fn rules_change_as_a_whole_while_uploads_go_on() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "first");
    let server = Server::start(dir.path());
    made_by(&server, "first");

    let done = AtomicBool::new(false);
    let uploaded = std::thread::scope(|scope| {
        let uploader = scope.spawn(|| {
            let mut keys = Vec::new();
            // Bounded, so that a failure beside it ends the test.
            while !done.load(Ordering::SeqCst) && keys.len() < 5000 {
                let key = format!("steady-{}.jpg", keys.len());
                assert_eq!(server.s3("PUT", "photos", &key, &photo::unique(&key)).unwrap().status, 200);
                keys.push(key);
            }
            keys
        });
        // Noticed by itself.
        write(dir.path(), "second");
        made_by(&server, "second");
        // A mistake changes nothing.
        replace(dir.path(), "[[rules]]\nname = \"broken\"\n");
        server.hang_up();
        made_by(&server, "second");
        // At once.
        write(dir.path(), "third");
        server.hang_up();
        made_by(&server, "third");
        done.store(true, Ordering::SeqCst);
        uploader.join().unwrap()
    });
    server.settle();
    for key in &uploaded {
        let names = variants(&server, key);
        assert!(names.len() == 2 && names[1] == format!("{}-copy", names[0]), "{key} was made by half a rule: {names:?}");
    }
    let queue = server.web("/api/v1/queue").json();
    assert_eq!(queue["dead"], 0);
    assert!(server.terminate().success());
}

#[test]
fn what_a_rule_does_not_want_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "thumb");
    let server = Server::start(dir.path());
    assert_eq!(server.s3("PUT", "photos", "a", &photo::unique("a")).unwrap().status, 200);
    server.settle();
    assert_eq!(variants(&server, "a").len(), 2);
    // The same key, now with what the rule does not want: a text, and too few bytes.
    for unwanted in [b"a text of more than ten bytes".as_slice(), b"short"] {
        assert_eq!(server.s3("PUT", "photos", "a", unwanted).unwrap().status, 200);
        server.settle();
        assert_eq!(server.web("/images/a").status, 404);
        assert_eq!(server.s3("GET", "prints", "a/thumb.jpg", b"").unwrap().status, 404);
        let totals = server.web("/infoimages").json();
        assert_eq!((&totals["count"], &totals["bytes"]), (&0.into(), &0.into()), "{totals}");
    }
    let queue = server.web("/api/v1/queue").json();
    assert_eq!(queue["dead"], 0, "unwanted is no failure");
}
