//! The minilab binary: an S3 server that develops the photos put into it, and the same engine for local files.

mod cli;
mod commands;
mod config;
mod control;
mod error_chain;
mod machine;
mod metrics;
mod moment;
mod progress;
mod s3_client;
mod serve;
mod table;
mod telemetry;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", error_chain::one_line(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
