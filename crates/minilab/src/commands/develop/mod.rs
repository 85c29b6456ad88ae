//! `minilab develop`

mod batch;
mod budget;
mod current;
mod inputs;
mod look;
mod options;
mod output;
mod summary;

use crate::config::Config;
use anyhow::{Context, bail};
use batch::Batch;
use budget::Budget;
use current::Current;
use look::Look;
use minilab_model::Limits;
use output::Outputs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Make variants of local files and folders.
///
/// Folders are searched for images and keep their shape below --out. A pattern such as 'photos/**/*.jpg' can be given in
/// quotes. Files whose results are there already, made from the same file with the same options, are skipped.
///
/// Exit code 0: all went well. 1: some file failed (each is named, the others are made), or there was nothing to begin with.
/// 2: the options are not understood.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Image files, folders of them, and patterns
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<PathBuf>,
    /// Where the results go; folders keep their shape
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    look: Look,
    /// Make the variants of the rules in this configuration instead; buckets become folders
    #[arg(long, value_name = "FILE", conflicts_with = "look")]
    rules: Option<PathBuf>,
    /// Where the images that watermarks name lie, a folder for each bucket [default: beside the rules, or here]
    #[arg(long, value_name = "DIR")]
    overlays: Option<PathBuf>,
    /// Leave out files whose path below IN matches, such as '**/raw/*'
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
    /// Files worked on at once [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,
    /// Make everything again, also what is current
    #[arg(long)]
    force: bool,
    /// Say what would be made, and make nothing
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object a line for each file
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (rules, limits) = match &args.rules {
        Some(file) => {
            let config = Config::load(Some(file))?;
            (config.rules.iter().cloned().collect(), config.limits)
        }
        None => (vec![args.look.rule()?], Limits::default()),
    };
    let beside_rules = || args.rules.as_deref().and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
    let overlays = batch::read_overlays(&rules, &args.overlays.clone().unwrap_or_else(beside_rules))?;
    let inputs = inputs::collect(&args.inputs, &args.exclude)?;
    if inputs.is_empty() {
        bail!(
            "no image files were found; folders are searched for {}",
            inputs::EXTENSIONS.map(|name| format!(".{name}")).join(" ")
        );
    }
    if args.dry_run {
        inputs.iter().for_each(|input| println!("{}", input.path.display()));
        return Ok(ExitCode::SUCCESS);
    }
    std::fs::create_dir_all(&args.out).with_context(|| format!("{} cannot be made", args.out.display()))?;
    let outputs = Outputs::new(&args.out, args.rules.is_some());
    let current = Current::open(&args.out, &rules, args.force);
    let jobs = args.jobs.map_or_else(crate::machine::cores, |jobs| jobs as usize);
    let batch = Batch { rules, limits, overlays, outputs, current, budget: Budget::of_this_machine() };
    let started = Instant::now();
    let summary = batch.develop_all(&inputs, jobs, args.json);
    batch.current.save();
    summary.print(started.elapsed())?;
    Ok(if summary.failed() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub use batch::read_source;
