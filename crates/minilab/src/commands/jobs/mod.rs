//! `minilab jobs`

mod change;
mod list;
mod show;

use super::place::Place;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use minilab_model::FailureCause;
use std::process::ExitCode;

/// See what waits, failed or is given up, and have it tried again or forgotten. Works beside a running server and without
/// one.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A job is the work of one rule on one version of one image. One that failed for good is a dead letter: it is kept \
                        for 14 days and can be tried again."
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    place: Place,
    /// Print JSON, one object a line
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List jobs: dead letters first, then what waits to be tried again, what is worked on, what is queued
    List(list::Args),
    /// Show everything about a job: what failed, why, each attempt, what to do
    Show(show::Args),
    /// Try dead letters again, with all their attempts; a waiting job that is named by its number is tried at once
    Retry(change::RetryArgs),
    /// Forget jobs; their images stay as they are
    Discard(change::DiscardArgs),
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    super::block_on(async {
        let control = args.place.open().await?;
        let done = match &args.command {
            Command::List(list) => list::run(list, &control, &args.place, args.json).await,
            Command::Show(show) => show::run(show, &control, &args.place, args.json).await,
            Command::Retry(retry) => change::retry(retry, &control, args.json).await,
            Command::Discard(discard) => change::discard(discard, &control, args.json).await,
        };
        control.close().await;
        done
    })
}

/// Accepts the name of a cause; says which there are.
fn cause_parser() -> impl clap::builder::TypedValueParser<Value = FailureCause> {
    PossibleValuesParser::new(FailureCause::ALL.map(FailureCause::as_str)).try_map(|name| name.parse::<FailureCause>())
}
