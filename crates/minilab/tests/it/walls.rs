//! The walls between the crates, read from `cargo metadata` and from the sources.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which of our crates each of our crates may use.
const ALLOWED: [(&str, &[&str]); 13] = [
    ("minilab-model", &[]),
    ("minilab-jpeg", &[]),
    ("minilab-resample", &[]),
    ("minilab-webp", &[]),
    ("minilab-imaging", &["minilab-jpeg", "minilab-model", "minilab-resample", "minilab-webp"]),
    ("minilab-pipeline", &["minilab-imaging", "minilab-model"]),
    ("minilab-embedded", &["minilab-model", "minilab-pipeline"]),
    ("minilab-workers", &["minilab-imaging", "minilab-model", "minilab-pipeline"]),
    ("minilab-gateway", &["minilab-embedded", "minilab-model"]),
    ("minilab-web", &["minilab-embedded", "minilab-model", "minilab-pipeline"]),
    ("minilab-delivery", &["minilab-model"]),
    ("minilab-aws", &["minilab-imaging", "minilab-model", "minilab-pipeline"]),
    (
        "minilab",
        &[
            "minilab-aws",
            "minilab-delivery",
            "minilab-embedded",
            "minilab-gateway",
            "minilab-imaging",
            "minilab-model",
            "minilab-pipeline",
            "minilab-web",
            "minilab-workers",
        ],
    ),
];

/// What must not be reachable from a crate, however deeply.
const FORBIDDEN: [(&str, &[&str]); 8] = [
    ("minilab-model", &["tokio", "rusqlite", "hyper", "s3s", "axum"]),
    ("minilab-jpeg", &["tokio", "rusqlite", "hyper", "s3s", "axum", "serde"]),
    ("minilab-webp", &["tokio", "rusqlite", "hyper", "s3s", "axum", "serde"]),
    ("minilab-imaging", &["tokio", "rusqlite", "hyper", "s3s", "axum"]),
    ("minilab-pipeline", &["rusqlite", "hyper", "s3s", "axum"]),
    ("minilab-embedded", &["hyper", "s3s", "axum"]),
    (
        "minilab-delivery",
        &["rusqlite", "s3s", "axum", "aws-config", "aws-sdk-sns", "aws-smithy-runtime", "openssl-sys", "aws-lc-sys"],
    ),
    ("minilab", &["aws-config", "aws-sdk-s3", "aws-sdk-sns", "aws-smithy-runtime", "openssl-sys", "aws-lc-sys", "cmake"]),
];

struct Graph {
    /// Normal and build dependencies by package name.
    uses: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// The graph with every crate's default features: what `cargo build` compiles. AWS crates are behind one that is not.
    fn read() -> Self {
        let output = Command::new(env!("CARGO"))
            // What other platforms need has not been downloaded, and is not wanted here.
            .args(["metadata", "--format-version", "1", "--offline", "--filter-platform", &host(), "--manifest-path"])
            .arg(root().join("Cargo.toml"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
        let name_of: BTreeMap<&str, &str> =
            metadata["packages"].as_array().unwrap().iter().map(|package| (text(&package["id"]), text(&package["name"]))).collect();
        let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for node in metadata["resolve"]["nodes"].as_array().unwrap() {
            let used = node["deps"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|dependency| dependency["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"] != "dev"));
            let used = used.map(|dependency| name_of[text(&dependency["pkg"])].to_owned());
            // Two versions of one package count as one.
            uses.entry(name_of[text(&node["id"])].to_owned()).or_default().extend(used);
        }
        Self { uses }
    }

    fn reachable(&self, from: &str) -> BTreeSet<&str> {
        let mut seen = BTreeSet::new();
        let mut open = vec![from];
        while let Some(package) = open.pop() {
            for used in &self.uses[package] {
                if seen.insert(used.as_str()) {
                    open.push(used);
                }
            }
        }
        seen
    }
}

#[test]
fn crates_use_only_what_is_below_them() {
    let graph = Graph::read();
    let ours: BTreeSet<&str> = graph.uses.keys().map(String::as_str).filter(|name| name.starts_with("minilab")).collect();
    let listed: BTreeSet<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();
    assert_eq!(ours, listed, "each crate stands in ALLOWED");
    for (name, allowed) in ALLOWED {
        let used: BTreeSet<&str> = graph.uses[name].iter().map(String::as_str).filter(|name| name.starts_with("minilab")).collect();
        let allowed: BTreeSet<&str> = allowed.iter().copied().collect();
        assert!(used.is_subset(&allowed), "{name} must not use {:?}", used.difference(&allowed));
    }
}

#[test]
fn no_crate_reaches_what_it_must_not_know() {
    let graph = Graph::read();
    for (name, forbidden) in FORBIDDEN {
        let reachable = graph.reachable(name);
        for package in forbidden {
            assert!(!reachable.contains(package), "{name} reaches {package}");
        }
    }
}

#[test]
fn only_binaries_read_the_environment_and_unsafe_stands_in_three_crates() {
    for (file, source) in sources() {
        let is_in = |name: &str| file.starts_with(root().join("crates").join(name));
        let is_binary = is_in("minilab") || file.starts_with(root().join("crates/aws/src/bin"));
        if !is_binary {
            assert!(!source.contains("env::var"), "{} reads the environment", file.display());
        }
        if !["jpeg", "resample", "webp"].into_iter().any(is_in) {
            assert!(!source.contains("allow(unsafe_code"), "{} allows unsafe code", file.display());
        }
    }
}

/// The sources of all crates, without their tests.
fn sources() -> Vec<(PathBuf, String)> {
    let mut sources = Vec::new();
    let mut open: Vec<PathBuf> = ALLOWED
        .iter()
        .map(|(name, _)| root().join("crates").join(name.strip_prefix("minilab-").unwrap_or(name)).join("src"))
        .collect();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = std::fs::read_to_string(&path).unwrap();
            sources.push((path, source));
        }
    }
    assert!(sources.len() > 50, "the sources were not found");
    sources
}

/// The platform that this test runs on, as the compiler names it.
fn host() -> String {
    let output = Command::new(option_env!("RUSTC").unwrap_or("rustc")).arg("-vV").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
