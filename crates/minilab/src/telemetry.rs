//! Logging: lines on stderr, so that stdout stays for answers.

use anyhow::Context;
use std::io::IsTerminal;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

const FILTER: &str = "MINILAB_LOG";
const FORMAT: &str = "MINILAB_LOG_FORMAT";

/// Starts logging. `MINILAB_LOG` filters as `tracing` does (`info`, `minilab_gateway=debug`); `MINILAB_LOG_FORMAT=json`
/// gives one JSON object a line. The protocol library `s3s` is left out by default: it repeats each refusal that the
/// gateway logs already, and at debug it prints signatures.
///
/// # Errors
/// When the filter cannot be read.
pub fn start(default_filter: &str) -> anyhow::Result<()> {
    let filter = match std::env::var(FILTER) {
        Ok(text) => text.parse::<Targets>().with_context(|| format!("{FILTER} is `{text}`, which is no filter"))?,
        Err(_) => default_filter.parse()?,
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let json = std::env::var(FORMAT).is_ok_and(|format| format == "json");
    let layer = match json {
        true => lines.json().boxed(),
        false => lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(filter)).init();
    Ok(())
}
