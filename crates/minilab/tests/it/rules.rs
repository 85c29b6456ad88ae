//! `rules check | plan | apply`: rules that come, change and go while the objects stay.

use crate::photo;
use crate::server::{Server, minilab, wait_until};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Output, Stdio};

const SERVER: &str = "[server]\nbuckets = [\"photos\", \"prints\"]\nreserve_bytes = 0\njobs = 1\n";

/// A rule for `in/` of `photos` whose thumbnails have this width.
fn rule(name: &str, width: u32) -> String {
    format!(
        "[[rules]]\nname = \"{name}\"\nbucket = \"photos\"\nprefix = \"in/\"\n\
         [[rules.variants]]\nname = \"thumb\"\nbucket = \"prints\"\nkey = \"{name}/{{key}}.{{ext}}\"\n\
         steps = [{{ resize = {{ width = {width} }} }}]\nformat = \"jpeg\"\n"
    )
}

/// The configuration of `dir` from now on.
fn configure(dir: &Path, rules: &[String]) {
    std::fs::write(dir.join("minilab.toml"), [&[SERVER.to_owned()], rules].concat().join("\n")).unwrap();
}

fn rules(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = minilab();
    command.arg("rules").args(arguments).stdin(Stdio::null());
    command.arg("--config").arg(dir.join("minilab.toml")).arg("--data").arg(dir.join("data"));
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn plan(dir: &Path) -> Value {
    let output = rules(dir, &["plan", "--json"]);
    assert!(output.status.success(), "{}", text(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn apply(dir: &Path, arguments: &[&str]) -> String {
    let output = rules(dir, &[&["apply", "--yes"], arguments].concat());
    assert!(output.status.success(), "{}", text(&output));
    text(&output)
}

/// The numbers of sources to make, to make again, that failed and that are current, of the first rule.
fn standings(plan: &Value) -> [u64; 4] {
    let rule = &plan["rules"][0];
    let objects = |group: &str| rule[group]["objects"].as_u64().unwrap();
    [objects("missing"), objects("recipe_changed") + objects("source_changed"), objects("failed"), objects("current")]
}

/// A directory with objects and no rules, whose server has stopped.
fn with_objects(keys: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    configure(dir.path(), &[]);
    let server = Server::start(dir.path());
    for key in keys {
        let body = match key.rsplit_once('.') {
            Some((_, "txt")) => b"no image".to_vec(),
            Some((_, "large")) => photo::unique_large(key),
            _ => photo::unique(key),
        };
        assert_eq!(server.s3("PUT", "photos", key, &body).unwrap().status, 200);
    }
    assert!(server.terminate().success());
    dir
}

fn look(dir: &Path, keys: &[&str]) -> Vec<u16> {
    let server = Server::start(dir);
    let statuses = keys.iter().map(|key| server.s3("GET", "prints", key, b"").unwrap().status).collect();
    assert!(server.terminate().success());
    let fsck = minilab().arg("fsck").arg("--data").arg(dir.join("data")).output().unwrap();
    assert!(fsck.status.success() && !text(&fsck).contains("note:"), "{}", text(&fsck));
    statuses
}

#[test]
fn rules_apply_to_objects_that_were_there_before_them() {
    let dir = with_objects(&["in/a.jpg", "in/b.jpg", "in/c.txt", "elsewhere/d.jpg"]);
    let dir = dir.path();
    assert!(text(&rules(dir, &["plan"])).contains("nothing is to be made"));
    configure(dir, &[rule("thumbs", 32)]);
    let before = plan(dir);
    assert_eq!(standings(&before), [3, 0, 0, 0], "{before}");
    assert!(before["total"]["cpu_seconds"].as_f64().unwrap() > 0.0 && before["total"]["dollars"]["total"].as_f64().unwrap() > 0.0);
    let listed = text(&rules(dir, &["plan", "--all"]));
    assert!(listed.contains("make    thumbs  photos/in/a.jpg") && !listed.contains("elsewhere"), "{listed}");

    let unasked = rules(dir, &["apply"]);
    assert!(!unasked.status.success() && text(&unasked).contains("--yes"), "{}", text(&unasked));
    let applied = rules(dir, &["apply", "--yes"]);
    let told = text(&applied);
    assert_eq!(applied.status.code(), Some(1), "one is no image: {told}");
    assert!(told.contains("made 2 objects") && told.contains("photos/in/c.txt") && told.contains("not an image"), "{told}");

    assert_eq!(standings(&plan(dir)), [0, 0, 1, 2]);
    let again = apply(dir, &[]);
    assert!(again.contains("nothing is to be made"), "{again}");
    assert_eq!(look(dir, &["thumbs/in/a.jpg.jpg", "thumbs/in/b.jpg.jpg", "thumbs/elsewhere/d.jpg.jpg"]), [200, 200, 404]);

    configure(dir, &[rule("thumbs", 16)]);
    assert_eq!(standings(&plan(dir)), [0, 2, 1, 0], "another width is another recipe");
    apply(dir, &[]);
    assert_eq!(standings(&plan(dir)), [0, 0, 1, 2]);
}

#[test]
fn orphans_are_removed_when_asked_for_and_nothing_else() {
    let dir = with_objects(&["in/a.jpg", "in/b.jpg"]);
    let dir = dir.path();
    configure(dir, &[rule("old", 32), rule("kept", 32)]);
    apply(dir, &[]);
    let server = Server::start(dir);
    // A client's own object, beside the variants and under the key of one.
    assert_eq!(server.s3("PUT", "prints", "old/own.jpg", b"mine").unwrap().status, 200);
    assert_eq!(server.s3("PUT", "prints", "old/in/b.jpg.jpg", b"mine, too").unwrap().status, 200);
    assert!(server.terminate().success());

    configure(dir, &[rule("kept", 32)]);
    let planned = plan(dir);
    assert_eq!((&planned["orphans"][0]["rule"], &planned["orphans"][0]["sources"]), (&"old".into(), &2.into()), "{planned}");
    assert_eq!(planned["orphans"][0]["variants"], 1, "{planned}");
    let told = apply(dir, &[]);
    assert!(told.contains("the orphans stay"), "{told}");
    let keys = ["old/in/a.jpg.jpg", "kept/in/a.jpg.jpg", "old/own.jpg", "old/in/b.jpg.jpg"];
    assert_eq!(look(dir, &keys), [200, 200, 200, 200]);
    let told = apply(dir, &["--remove-orphans"]);
    assert!(told.contains("removed 1 orphaned variant"), "{told}");
    assert_eq!(look(dir, &keys), [404, 200, 200, 200]);
    assert_eq!(plan(dir)["orphans"].as_array().map(Vec::len), Some(0));

    let server = Server::start(dir);
    let record = server.web("/images/in/a.jpg").json();
    assert_eq!(record["variants"].as_array().unwrap().len(), 1, "{record}");
    assert_eq!((&record["variants"][0]["rule"], &server.web("/infoimages").json()["count"]), (&"kept".into(), &2.into()));
}

#[test]
fn an_apply_that_is_killed_goes_on_where_it_was() {
    let keys: Vec<String> = (0..60).map(|number| format!("in/{number:03}.large")).collect();
    let dir = with_objects(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    let dir = dir.path();
    configure(dir, &[rule("thumbs", 32)]);
    let mut command = minilab();
    command.args(["rules", "apply", "--yes", "--config"]).arg(dir.join("minilab.toml")).arg("--data").arg(dir.join("data"));
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("some are made", || standings(&plan(dir))[3] >= 3);
    child.kill().unwrap();
    child.wait().unwrap();
    let left = plan(dir);
    let current = standings(&left)[3];
    assert!((3..60).contains(&current), "killed in the middle: {left}");
    let told = apply(dir, &[]);
    assert!(told.contains(&format!("made {} object", 60 - current)), "{told}");
    assert_eq!(standings(&plan(dir)), [0, 0, 0, 60]);
    assert_eq!(look(dir, &["thumbs/in/000.large.jpg", "thumbs/in/059.large.jpg"]), [200, 200]);
}

#[test]
fn a_running_server_does_it_itself() {
    let dir = with_objects(&["in/a.jpg", "in/b.jpg"]);
    let dir = dir.path();
    configure(dir, &[rule("thumbs", 32)]);
    let server = Server::start(dir);
    assert_eq!(standings(&plan(dir)), [2, 0, 0, 0]);
    let told = apply(dir, &[]);
    assert!(told.contains("made 2 objects"), "{told}");
    assert_eq!(server.s3("GET", "prints", "thumbs/in/b.jpg.jpg", b"").unwrap().status, 200);
    assert_eq!(server.web("/api/v1/rules/apply").json()["stage"], "finished");

    // Other rules than the server's.
    let other = dir.join("other.toml");
    std::fs::write(&other, [SERVER, &rule("thumbs", 16)].join("\n")).unwrap();
    let mut command = minilab();
    command.args(["rules", "apply", "--yes", "--config"]).arg(&other).arg("--data").arg(dir.join("data"));
    let refused = command.stdin(Stdio::null()).output().unwrap();
    assert!(!refused.status.success() && text(&refused).contains("other rules"), "{}", text(&refused));
}

#[test]
fn a_server_that_is_killed_goes_on_when_it_runs_again() {
    let keys: Vec<String> = (0..60).map(|number| format!("in/{number:03}.large")).collect();
    let dir = with_objects(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    let dir = dir.path();
    configure(dir, &[rule("thumbs", 32)]);
    let server = Server::start(dir);
    let mut command = minilab();
    command.args(["rules", "apply", "--yes", "--config"]).arg(dir.join("minilab.toml")).arg("--data").arg(dir.join("data"));
    let mut asking = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("some are made", || standings(&plan(dir))[3] >= 3);
    server.kill();
    assert!(!asking.wait().unwrap().success(), "the command says that the server is gone");
    let server = Server::start(dir);
    wait_until("all are made", || standings(&plan(dir)) == [0, 0, 0, 60]);
    wait_until("nothing is remembered", || !dir.join("data/rules-apply.json").exists());
    server.settle();
}

#[test]
fn check_says_what_the_rules_do_or_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    configure(dir, &[rule("thumbs", 32)]);
    let sound = rules(dir, &["check"]);
    assert!(sound.status.success(), "{}", text(&sound));
    for part in ["minilab.toml is sound: 1 rule, 0 notifications", "rule thumbs", "keys of bucket photos starting with in/"] {
        assert!(text(&sound).contains(part), "{part:?} is not in {}", text(&sound));
    }
    configure(dir, &[rule("thumbs", 32).replace("prints", "nowhere")]);
    let broken = rules(dir, &["check"]);
    assert_eq!(broken.status.code(), Some(1));
    assert!(text(&broken).contains("minilab.toml:") && text(&broken).contains("`nowhere`"), "{}", text(&broken));
    let missing = rules(dir, &["plan", "--rule", "nobody"]);
    assert!(!missing.status.success() && !BufReader::new(&missing.stderr[..]).lines().next().unwrap().unwrap().is_empty());
}
