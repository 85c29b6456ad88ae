//! Logging: lines on stderr, so that stdout stays for answers.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Starts logging. `MINILAB_LOG` filters as `tracing` does (`info`, `minilab_gateway=debug`); `MINILAB_LOG_FORMAT=json`
/// gives one JSON object a line. The protocol library `s3s` is left out by default: it repeats each refusal that the
/// gateway logs already, and at debug it prints signatures.
pub fn start(default_filter: &str) {
    let filter = EnvFilter::try_from_env("MINILAB_LOG").unwrap_or_else(|_| EnvFilter::new(default_filter));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let json = std::env::var("MINILAB_LOG_FORMAT").is_ok_and(|format| format == "json");
    if json {
        lines.json().init();
    } else {
        lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).init();
    }
}
