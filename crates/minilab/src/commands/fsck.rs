//! `minilab fsck`

use crate::progress::{Progress, Unit, count, human_bytes};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Re-hash everything and name what is wrong. Exit code 1 when something is.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The data directory [default: minilab-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut progress: Option<Progress> = None;
    let report = minilab_embedded::fsck(&super::data_dir(args.data.as_ref()), |at| {
        progress.get_or_insert_with(|| Progress::new("checking", at.total_bytes, Unit::Bytes)).at(at.bytes);
    })?;
    if let Some(progress) = progress {
        progress.finish();
    }
    let serious = report.findings.iter().filter(|finding| finding.serious).count() as u64;
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut out, &report)?;
        writeln!(out)?;
    } else {
        for finding in &report.findings {
            writeln!(out, "{}{}: {}", if finding.serious { "" } else { "note: " }, finding.subject, finding.problem)?;
        }
        let checked =
            format!("{}, {}, {}", count(report.objects, "object"), human_bytes(report.bytes), count(report.images, "image record"));
        match serious {
            0 => writeln!(out, "clean: {checked}")?,
            problems => writeln!(out, "{}: {checked}", count(problems, "problem"))?,
        }
    }
    Ok(if serious == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
