//! `minilab aws`

mod compile;
mod estimate;
mod package;
mod template;

use crate::config::Config;
use minilab_aws::Bundle;
use minilab_aws::config::Vpc;
use std::path::PathBuf;
use std::process::ExitCode;

/// Run the same rules on AWS, without a server: a template of everything that it takes, the zip with the functions, and what it
/// would cost. Nothing here calls AWS.
#[derive(Debug, clap::Args)]
#[command(after_help = "docs/aws.md goes from nothing to a deployed stack.")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
    /// The configuration with the rules and the [aws] table [default: minilab.toml, if it is there]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print the CloudFormation template
    Template(template::Args),
    /// Make the zip with the functions and the configuration
    Package(package::Args),
    /// Print what a month would cost, item by item
    Estimate(estimate::Args),
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = || Config::load_for_aws(args.config.as_deref());
    match &args.command {
        Command::Template(template) => template::run(template, config()?),
        Command::Package(package) => package::run(package, config()?),
        Command::Estimate(estimate) => estimate::run(estimate, config()?),
    }
}

/// What is deployed, with what is likely not meant told on stderr.
fn bundle(mut config: Config, in_private_subnets: bool) -> anyhow::Result<Bundle> {
    if in_private_subnets && config.aws.vpc == Vpc::Off {
        config.aws.vpc = Vpc::Gateway;
    }
    let bundle = config.bundle()?;
    for warning in bundle.warnings() {
        eprintln!("warning: {warning}");
    }
    Ok(bundle)
}
