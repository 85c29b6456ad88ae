//! The main job, its exceptions and its end, through the real listeners.

use crate::photo;
use crate::server::{Server, command, minilab, wait_until};
use std::path::Path;
use std::process::Stdio;

const CONFIGURATION: &str = r#"
[server]
buckets = ["photos", "prints"]
reserve_bytes = 0

[[rules]]
name = "thumbnail"
bucket = "photos"
prefix = "in/"

[[rules.variants]]
name = "thumb"
bucket = "prints"
key = "{stem}.{ext}"
steps = [{ resize = { width = 128, height = 128 } }]
format = "jpeg"

[[rules.variants]]
name = "copy"
bucket = "prints"
key = "copies/{key}"

[[notifications]]
on = ["image.processed"]
webhook = { url = "http://127.0.0.1:9/hook" }
"#;

fn start() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("minilab.toml"), CONFIGURATION).unwrap();
    let server = Server::start(dir.path());
    (dir, server)
}

fn put(server: &Server, key: &str, body: &[u8]) {
    let answer = server.s3("PUT", "photos", key, body).unwrap();
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    server.settle();
}

fn get(server: &Server, bucket: &str, key: &str) -> Option<Vec<u8>> {
    let answer = server.s3("GET", bucket, key, b"").unwrap();
    (answer.status == 200).then_some(answer.body)
}

#[test]
fn a_photo_becomes_variants_a_record_and_statistics() {
    let (dir, server) = start();
    let rocket = photo::demo("rocket.jpg");
    put(&server, "in/rocket.jpg", &rocket);
    put(&server, "elsewhere/rocket.jpg", &rocket);
    let record = server.web("/images/in/rocket.jpg").json();
    assert_eq!((&record["state"], &record["format"]), (&"processed".into(), &"jpeg".into()), "{record}");
    assert_eq!((&record["width"], &record["height"]), (&640.into(), &427.into()));
    let thumb = &record["variants"][0];
    assert_eq!((&thumb["key"], &thumb["width"], &thumb["height"]), (&"rocket.jpg".into(), &128.into(), &85.into()));
    let thumb = get(&server, "prints", "rocket.jpg").unwrap();
    assert_eq!(record["variants"][0]["size_bytes"], thumb.len());
    assert_eq!(get(&server, "prints", "copies/in/rocket.jpg").unwrap(), rocket, "a copy has the same bytes");
    assert_eq!(server.web("/downloadimages/in/rocket.jpg").body, rocket);
    let totals = server.web("/infoimages").json();
    assert_eq!((&totals["count"], &totals["bytes"]), (&1.into(), &rocket.len().into()), "what no rule matched is not counted");
    assert_eq!(server.web("/images/elsewhere/rocket.jpg").status, 404);
    assert!(server.terminate().success());

    let server = Server::start(dir.path());
    assert_eq!(server.web("/images/in/rocket.jpg").json(), record, "a restart keeps the record");
    assert_eq!(server.web("/infoimages").json(), totals, "and the statistics");
    assert_eq!(get(&server, "prints", "rocket.jpg").unwrap(), thumb);
}

#[test]
fn deleting_and_overwriting_leave_nothing_stale() {
    let (_dir, server) = start();
    put(&server, "in/a.jpg", &photo::demo("rocket.jpg"));
    let first = get(&server, "prints", "a.jpg").unwrap();
    put(&server, "in/a.jpg", &photo::demo("hubble_deep_field.jpg"));
    assert_ne!(get(&server, "prints", "a.jpg").unwrap(), first);
    assert_eq!(server.web("/infoimages").json()["count"], 1);
    put(&server, "in/a.jpg", b"text, no image");
    let record = server.web("/images/in/a.jpg").json();
    assert_eq!(record["state"], "failed");
    assert!(record["failures"][0]["error"].as_str().unwrap().contains("not an image"), "{record}");
    assert_eq!(get(&server, "prints", "a.jpg"), None, "the thumbnail of what was overwritten is gone");
    assert_eq!(get(&server, "prints", "copies/in/a.jpg").unwrap(), b"text, no image", "copies need no image");
    assert_eq!((&server.web("/infoimages").json()["count"], &server.web("/infoimages").json()["failed"]), (&0.into(), &1.into()));
    put(&server, "in/a.jpg", &photo::demo("rocket.jpg"));
    assert_eq!(get(&server, "prints", "a.jpg").unwrap(), first, "the same bytes give the same thumbnail");
    assert_eq!(server.s3("DELETE", "photos", "in/a.jpg", b"").unwrap().status, 204);
    server.settle();
    assert_eq!(server.web("/images/in/a.jpg").status, 404);
    assert_eq!((get(&server, "prints", "a.jpg"), get(&server, "prints", "copies/in/a.jpg")), (None, None));
    assert_eq!(server.web("/infoimages").json()["count"], 0);
}

#[test]
fn every_bad_file_is_refused_with_a_reason_and_the_server_goes_on() {
    let (_dir, server) = start();
    let bad = [
        ("empty.jpg", "empty"),
        ("text-named.jpg", "not an image"),
        ("jpeg-truncated.jpg", "jpeg"),
        ("png-truncated.png", "png"),
        ("png-claims-50000x50000.png", "limit"),
        ("jpeg-claims-65500x65500.jpg", "limit"),
    ];
    for (name, reason) in bad {
        put(&server, &format!("in/{name}"), &photo::format(name));
        let record = server.web(&format!("/images/in/{name}")).json();
        assert_eq!(record["state"], "failed", "{name}: {record}");
        let error = record["failures"][0]["error"].as_str().unwrap().to_lowercase();
        assert!(error.contains(reason), "{name}: {error}");
    }
    put(&server, "in/good.jpg", &photo::demo("rocket.jpg"));
    assert_eq!(server.web("/images/in/good.jpg").json()["state"], "processed");
    assert_eq!(server.web("/readyz").status, 200);
}

#[test]
fn ten_uploads_of_one_key_end_with_the_last() {
    let (_dir, server) = start();
    let bodies: Vec<Vec<u8>> = (0..10).map(|number| photo::unique(&number.to_string())).collect();
    for body in &bodies {
        assert_eq!(server.s3("PUT", "photos", "in/a.jpg", body).unwrap().status, 200);
    }
    server.settle();
    assert_eq!(get(&server, "prints", "copies/in/a.jpg").as_ref(), bodies.last());
    assert_eq!(server.web("/infoimages").json()["count"], 1);
}

#[test]
fn one_data_directory_has_one_server() {
    let (dir, _server) = start();
    let second = command(dir.path()).output().unwrap();
    assert!(!second.status.success());
    let message = String::from_utf8_lossy(&second.stderr);
    assert!(message.contains("in use"), "{message}");
}

#[test]
fn a_key_pair_is_made_and_shown_once() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("minilab.toml"), CONFIGURATION).unwrap();
    let shown = || {
        let mut child = command(dir.path())
            .env_remove("MINILAB_ACCESS_KEY")
            .env_remove("MINILAB_SECRET_KEY")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = Vec::new();
        for line in std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap())) {
            lines.push(line.unwrap());
            if lines.last().is_some_and(|line| line == "ready") {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        lines.iter().filter(|line| line.starts_with("secret key")).count()
    };
    assert_eq!((shown(), shown()), (1, 0));
}

#[test]
fn develop_makes_files_and_counts_failures() {
    let dir = tempfile::tempdir().unwrap();
    let formats = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/formats");
    let run = |inputs: &[&str]| {
        let mut develop = minilab();
        develop.arg("develop").args(inputs).arg("--out").arg(dir.path().join("out"));
        develop.args(["--size", "32x32", "--fit", "cover", "--format", "png"]).output().unwrap()
    };
    let good = run(&[&format!("{formats}/jpeg-420.jpg"), &format!("{formats}/webp-lossy.webp")]);
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    assert_eq!(&std::fs::read(dir.path().join("out/jpeg-420.png")).unwrap()[1..4], b"PNG");
    let bad = run(&[&format!("{formats}/jpeg-444.jpg"), &format!("{formats}/text-named.jpg")]);
    assert_eq!(bad.status.code(), Some(1));
    let message = String::from_utf8_lossy(&bad.stderr);
    assert!(message.contains("text-named.jpg") && message.contains("1 image failed"), "{message}");
    assert!(Path::new(&dir.path().join("out/jpeg-444.png")).exists(), "the good one is made all the same");
}

#[test]
fn a_damaged_data_directory_is_found_by_fsck() {
    let (dir, server) = start();
    put(&server, "in/hubble.jpg", &photo::demo("hubble_deep_field.jpg"));
    assert!(server.terminate().success());
    let fsck = || minilab().arg("fsck").arg("--data").arg(dir.path().join("data")).output().unwrap();
    let clean = fsck();
    assert!(clean.status.success(), "{}", String::from_utf8_lossy(&clean.stdout));
    let mut damaged = 0;
    for folder in std::fs::read_dir(dir.path().join("data/blobs")).unwrap() {
        for blob in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = blob.unwrap().path();
            let mut bytes = std::fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            damaged += 1;
        }
    }
    assert!(damaged > 0, "a photo of this size is a file");
    let found = fsck();
    assert_eq!(found.status.code(), Some(1));
    let message = String::from_utf8_lossy(&found.stdout);
    assert!(message.contains("in/hubble.jpg"), "{message}");
}

#[test]
fn the_demo_shows_the_main_job_and_ends() {
    let demo = minilab().args(["demo", "--once"]).output().unwrap();
    let shown = String::from_utf8_lossy(&demo.stdout);
    assert!(demo.status.success(), "{shown}{}", String::from_utf8_lossy(&demo.stderr));
    for part in ["astronaut.png", "→ prints/rocket.jpg/small.jpg 128×85", "5 images"] {
        assert!(shown.contains(part), "{part:?} is not in {shown}");
    }
}

#[test]
fn statistics_are_told_while_the_server_runs() {
    let (dir, server) = start();
    put(&server, "in/rocket.jpg", &photo::demo("rocket.jpg"));
    wait_until("the totals are printed", || {
        let stats = minilab().args(["stats", "--json", "--data"]).arg(dir.path().join("data")).output().unwrap();
        stats.status.success() && String::from_utf8_lossy(&stats.stdout).contains("\"count\":1")
    });
}
