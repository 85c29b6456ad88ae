//! `minilab stats`

use crate::progress::{count, human_bytes};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Print the totals of a data directory, also while its server runs.
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
    let statistics = minilab_embedded::read_statistics(&super::data_dir(args.data.as_ref()))?;
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut out, &statistics)?;
        writeln!(out)?;
        return Ok(ExitCode::SUCCESS);
    }
    for bucket in &statistics.buckets {
        writeln!(out, "bucket {}: {}, {}", bucket.bucket, count(bucket.objects, "object"), human_bytes(bucket.object_bytes))?;
        let images = &bucket.images;
        if images.count + images.failed == 0 {
            continue;
        }
        let types: Vec<String> = images.types.iter().map(|(format, number)| format!("{number} {format}")).collect();
        writeln!(out, "  {}, {} ({})", count(images.count, "image"), human_bytes(images.bytes), types.join(", "))?;
        for (label, sized) in [("largest ", &images.largest), ("smallest", &images.smallest)] {
            if let Some(sized) = sized {
                writeln!(out, "  {label} {} ({})", sized.key, human_bytes(sized.size_bytes))?;
            }
        }
        if images.failed > 0 {
            writeln!(out, "  {} could not be processed", images.failed)?;
        }
    }
    let jobs = &statistics.jobs;
    writeln!(
        out,
        "jobs: {} ready, {} running, {} waiting to be tried again, {} dead",
        jobs.ready, jobs.leased, jobs.waiting, jobs.dead
    )?;
    Ok(ExitCode::SUCCESS)
}
