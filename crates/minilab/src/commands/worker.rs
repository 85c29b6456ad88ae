//! `minilab worker`: what the server starts for image work. Not for people.

use minilab_pipeline::RenderWork;
use minilab_workers::{Walls, child};
use std::process::ExitCode;
use std::time::Duration;

/// Do image work for a server (started by it)
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Most bytes of address space
    #[arg(long)]
    memory_bytes: u64,
    /// Most CPU time over the life of the process, in seconds
    #[arg(long, default_value_t = 4000)]
    cpu_seconds: u64,
    /// How far to stand back for other processes, 0 to 19
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=19))]
    nice: u8,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let walls = Walls { memory_bytes: args.memory_bytes, cpu_time: Duration::from_secs(args.cpu_seconds), niceness: args.nice };
    child::run(&walls, RenderWork::render)?;
    Ok(ExitCode::SUCCESS)
}
