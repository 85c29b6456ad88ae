//! Building `bootstrap` from a checkout.

use anyhow::Context;
use minilab_aws::config::Architecture;
use minilab_aws::package::PackageError;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The profile that is made for Lambda.
const PROFILE: &str = "lambda";
/// The glibc of Lambda's provided.al2023.
const GLIBC: &str = "2.34";
/// What is built.
const WHAT: [&str; 8] = ["--package", "minilab-aws", "--features", "functions", "--bin", "bootstrap", "--profile", PROFILE];

/// Builds the program, and says where it is.
pub fn bootstrap(architecture: Architecture) -> anyhow::Result<PathBuf> {
    let root = checkout()?;
    let target = target_directory(&root)?;
    let own = match std::env::consts::ARCH {
        "x86_64" => Some(Architecture::X86_64),
        "aarch64" => Some(Architecture::Arm64),
        _ => None,
    };
    eprintln!("building bootstrap for {architecture}; the first time takes some minutes");
    if own == Some(architecture) && cfg!(target_os = "linux") {
        run(Command::new("cargo").arg("build").args(WHAT).arg("--ignore-rust-version").current_dir(&root))?;
        let program = target.join(PROFILE).join("bootstrap");
        match minilab_aws::package::fit(std::fs::read(&program)?, architecture) {
            // This system is newer than Lambda's: zig links against an older one.
            Err(PackageError::Glibc { version }) => {
                eprintln!("it needs {version}, which Lambda does not have; building it with cargo-lambda")
            }
            // Whatever else is wrong is told when it is packed.
            _ => return Ok(program),
        }
    }
    let has_cargo_lambda = Command::new("cargo").args(["lambda", "--version"]).output().is_ok_and(|output| output.status.success());
    anyhow::ensure!(
        has_cargo_lambda,
        "bootstrap for {architecture} is built with cargo-lambda, which is not there: `pip install cargo-lambda ziglang` and `rustup target add \
         {}`, or give a finished one with --bootstrap FILE",
        triple(architecture)
    );
    // With the version of glibc behind it, zig links against that one.
    let triple = format!("{}.{GLIBC}", triple(architecture));
    let out = target.join("lambda").join(architecture.as_str());
    let mut command = Command::new("cargo");
    command.args(["lambda", "build", "--target", &triple, "--lambda-dir"]).arg(&out).args(WHAT).arg("--ignore-rust-version");
    run(command.current_dir(&root))?;
    Ok(out.join("bootstrap").join("bootstrap"))
}

const fn triple(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Arm64 => "aarch64-unknown-linux-gnu",
        Architecture::X86_64 => "x86_64-unknown-linux-gnu",
    }
}

/// The checkout that the working directory is in.
fn checkout() -> anyhow::Result<PathBuf> {
    let here = std::env::current_dir()?;
    let is_root = |path: &&Path| path.join("Cargo.toml").is_file() && path.join("crates/aws/src/bin/bootstrap.rs").is_file();
    here.ancestors().find(is_root).map(Path::to_owned).context(
        "the working directory is in no checkout of Minilab, from which bootstrap could be built; go there, or give a finished one with \
         --bootstrap FILE",
    )
}

/// Where cargo puts what it builds.
fn target_directory(root: &Path) -> anyhow::Result<PathBuf> {
    let mut command = Command::new("cargo");
    command.args(["metadata", "--format-version", "1", "--no-deps"]).current_dir(root);
    let output =
        command.output().context("cargo cannot be started; install Rust, or give a finished bootstrap with --bootstrap FILE")?;
    anyhow::ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    metadata["target_directory"].as_str().map(PathBuf::from).context("cargo does not say where it builds")
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().context("cargo cannot be started")?;
    anyhow::ensure!(status.success(), "bootstrap was not built; cargo says why above");
    Ok(())
}
