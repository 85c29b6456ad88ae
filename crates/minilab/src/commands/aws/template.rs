//! `minilab aws template`

use crate::config::Config;
use minilab_aws::Template;
use minilab_aws::template::{MAX_BYTES, MAX_DIRECT_BYTES};
use std::io::Write;
use std::process::ExitCode;

/// Print the CloudFormation template that deploys the configuration. The same configuration always gives the same text.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run functions in private subnets, as far as gateway endpoints reach; aws.vpc = "interface" has them all there
    #[arg(long)]
    vpc: bool,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Yaml)]
    format: Format,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// For people
    Yaml,
    /// For programs
    Json,
}

pub fn run(args: &Args, config: Config) -> anyhow::Result<ExitCode> {
    let bundle = super::bundle(config, args.vpc)?;
    let template = Template::new(&bundle);
    let text = match args.format {
        Format::Yaml => template.to_yaml(),
        Format::Json => template.to_json(),
    };
    anyhow::ensure!(
        text.len() <= MAX_BYTES,
        "the template has {} bytes, CloudFormation takes {MAX_BYTES}; use fewer buckets or prefixes",
        text.len()
    );
    if text.len() > MAX_DIRECT_BYTES {
        eprintln!("note: the template has {} bytes, so `aws cloudformation deploy` needs --s3-bucket", text.len());
    }
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
