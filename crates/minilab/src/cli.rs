//! What can be said on the command line.

use crate::commands;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Put photos into a bucket with any S3 client; thumbnails, metadata and statistics come out.
#[derive(Debug, Parser)]
#[command(name = "minilab", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = closing_words())]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server: the S3 listener, the workers, the web page
    Serve(commands::serve::Args),
    /// Show the main job on bundled photos, on a temporary data directory
    Demo(commands::demo::Args),
    /// Make variants of local files and folders, without a server
    Develop(commands::develop::Args),
    /// Print what image files say of themselves, one JSON object a line
    Inspect(commands::inspect::Args),
    /// Check the rules, see what they would make of what is there, and have it made
    Rules(commands::rules::Args),
    /// See what waits, failed or is given up; have it tried again or forgotten
    Jobs(commands::jobs::Args),
    /// See what was told to whom and how it went; have it told again
    Notifications(commands::notifications::Args),
    /// Print the totals of a data directory, also while its server runs
    Stats(commands::stats::Args),
    /// Re-hash everything in a data directory and name what is wrong; its server must be stopped
    Fsck(commands::fsck::Args),
    /// Run the same rules on AWS: the template, the functions' zip, the cost
    Aws(commands::aws::Args),
    /// Do image work for a server, which starts it
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    Worker(commands::worker::Args),
}

/// Formats that are features of the build, and whether it has them.
const OPTIONAL_FORMATS: [(&str, &str, bool); 3] =
    [("AVIF", "avif", cfg!(feature = "avif")), ("HEIC", "heic", cfg!(feature = "heic")), ("JPEG XL", "jxl", cfg!(feature = "jxl"))];

/// What stands below the commands: where to begin, and which formats this build does without.
fn closing_words() -> String {
    let missing: Vec<_> = OPTIONAL_FORMATS.into_iter().filter(|(.., is_built)| !is_built).collect();
    let names: Vec<_> = missing.iter().map(|(name, ..)| *name).collect();
    let features: Vec<_> = missing.iter().map(|(_, feature, _)| *feature).collect();
    let begin = "First time here? `minilab demo` shows the whole job in a minute, and leaves nothing behind.";
    match missing.is_empty() {
        true => begin.to_owned(),
        false => format!(
            "{begin}\n\nNot in this build: {}. Building it with `--features {}` adds them (docs/images.md).",
            names.join(", "),
            features.join(",")
        ),
    }
}

impl Cli {
    /// Does what was asked.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Serve(args) => commands::serve::run(args),
            Command::Demo(args) => commands::demo::run(args),
            Command::Develop(args) => commands::develop::run(&args),
            Command::Inspect(args) => commands::inspect::run(&args),
            Command::Rules(args) => commands::rules::run(&args),
            Command::Jobs(args) => commands::jobs::run(&args),
            Command::Notifications(args) => commands::notifications::run(&args),
            Command::Stats(args) => commands::stats::run(&args),
            Command::Fsck(args) => commands::fsck::run(&args),
            Command::Aws(args) => commands::aws::run(&args),
            #[cfg(target_os = "linux")]
            Command::Worker(args) => commands::worker::run(&args),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
