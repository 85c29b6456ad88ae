//! `minilab inspect`

use crate::error_chain::one_line;
use minilab_imaging::RenderOptions;
use minilab_model::{ImageMetadata, Limits, PixelField};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Print what image files say of themselves. What cannot be read is named on stderr, and the exit code is 1 then.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Image files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Also print the place where a photo was taken
    #[arg(long)]
    gps: bool,
}

/// What is printed of a file.
#[derive(Serialize)]
struct Line<'a> {
    file: &'a Path,
    #[serde(flatten)]
    metadata: ImageMetadata,
    size_bytes: u64,
    sha256: String,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    let mut out = std::io::stdout().lock();
    for file in &args.files {
        match inspect(file, args.gps) {
            Ok(line) => {
                serde_json::to_writer(&mut out, &line)?;
                writeln!(out)?;
            }
            Err(error) => {
                eprintln!("{}: {}", file.display(), one_line(error.as_ref()));
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

fn inspect(file: &Path, record_gps: bool) -> anyhow::Result<Line<'_>> {
    let limits = Limits::default();
    let bytes = super::develop::read_source(file, limits.decode.source_bytes)?;
    let options = RenderOptions { record_gps, describe: &PixelField::ALL, ..RenderOptions::new(&limits) };
    let metadata = minilab_imaging::inspect(&bytes, &options)?;
    Ok(Line { file, metadata, size_bytes: bytes.len() as u64, sha256: hex::encode(Sha256::digest(&bytes)) })
}
