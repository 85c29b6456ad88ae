//! `minilab rules`

mod apply;
mod check;
mod plan;
mod report;
mod words;

use crate::config::Config;
use std::path::PathBuf;
use std::process::ExitCode;

/// Check the rules, see what they would make of what is there, and have it made. Works beside a running server and without
/// one.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Uploads are processed by the rules in force when they arrive. After a change of the rules, and for objects that were \
                  there before them, `rules plan` shows what is missing, out of date or left over, and `rules apply` brings it \
                  up to date."
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    place: Place,
}

/// Which rules, and which data.
#[derive(Debug, clap::Args)]
struct Place {
    /// The configuration with the rules [default: minilab.toml, if it is there]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The data directory [default: the configuration's]
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Check the configuration and say in words what its rules do; exit code 1 when something is wrong
    Check,
    /// Show what would be made, made again or removed, and what that would cost; changes nothing
    Plan(plan::Args),
    /// Make what is missing or out of date, behind the uploads that come meanwhile; run it again after an interruption and it
    /// goes on
    Apply(apply::Args),
}

impl Place {
    /// The configuration and the data directory that are meant.
    fn load(&self) -> anyhow::Result<(Config, PathBuf)> {
        let config = Config::load(self.config.as_deref())?;
        let data_dir = self.data.clone().unwrap_or_else(|| config.server.data.clone());
        Ok((config, data_dir))
    }
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (config, data_dir) = args.place.load()?;
    match &args.command {
        Command::Check => check::run(&config, &data_dir),
        Command::Plan(plan) => plan::run(plan, &config, &data_dir),
        Command::Apply(apply) => apply::run(apply, &config, &data_dir),
    }
}
