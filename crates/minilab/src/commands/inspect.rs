//! `minilab inspect`

use crate::error_chain::one_line;
use minilab_imaging::RenderOptions;
use minilab_model::{ImageMetadata, Limits};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Print what image files say of themselves. Exit code 1 when any cannot be read.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Image files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Also print the place where a photo was taken
    #[arg(long)]
    gps: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    file: &'a Path,
    #[serde(flatten)]
    found: Found,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Found {
    Image {
        #[serde(flatten)]
        metadata: Box<ImageMetadata>,
        size_bytes: u64,
        sha256: String,
    },
    Error {
        error: String,
    },
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut all_well = true;
    let mut out = std::io::stdout().lock();
    for file in &args.files {
        let found = inspect(file, args.gps).unwrap_or_else(|error| Found::Error { error: one_line(error.as_ref()) });
        all_well &= matches!(found, Found::Image { .. });
        serde_json::to_writer(&mut out, &Line { file, found })?;
        writeln!(out)?;
    }
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn inspect(file: &Path, record_gps: bool) -> anyhow::Result<Found> {
    let limits = Limits::default();
    let bytes = super::develop::read_source(file, limits.decode.source_bytes)?;
    let options = RenderOptions { limits: &limits, record_gps, deadline: None };
    let metadata = Box::new(minilab_imaging::inspect(&bytes, &options)?);
    Ok(Found::Image { metadata, size_bytes: bytes.len() as u64, sha256: hex::encode(Sha256::digest(&bytes)) })
}
