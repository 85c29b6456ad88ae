//! Logging: lines on stderr, so that stdout stays for answers.

mod json;
#[cfg(feature = "otlp")]
mod otlp;

use anyhow::{Context, bail};
use json::JsonLines;
use std::io::IsTerminal;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

const FILTER: &str = "MINILAB_LOG";
const FORMAT: &str = "MINILAB_LOG_FORMAT";

/// What has to go on while the program runs. Dropped at the end, so that what waits is still sent.
#[derive(Default)]
#[must_use]
pub struct Telemetry {
    #[cfg(feature = "otlp")]
    _exporter: Option<otlp::Exporter>,
}

/// The exporter of traces, when a collector is named.
#[cfg(feature = "otlp")]
fn traces() -> anyhow::Result<Option<(otlp::Exporter, otlp::SpanLayer)>> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let Some(endpoint) = variable("OTEL_EXPORTER_OTLP_ENDPOINT") else { return Ok(None) };
    let service = variable("OTEL_SERVICE_NAME").unwrap_or_else(|| "minilab".to_owned());
    otlp::Exporter::start(&endpoint, service).map(Some)
}

/// Starts logging. `MINILAB_LOG` filters as `tracing` does (`info`, `minilab_gateway=debug`); `MINILAB_LOG_FORMAT=json`
/// gives one flat JSON object a line (the module `json`), `text` or nothing a line to read. The protocol library `s3s` is left out by default: it repeats each refusal that the
/// gateway logs already, and at debug it prints signatures.
///
/// # Errors
/// When the filter or the format cannot be read.
pub fn start(default_filter: &str) -> anyhow::Result<Telemetry> {
    let filter = match std::env::var(FILTER) {
        Ok(text) => text.parse::<Targets>().with_context(|| format!("{FILTER} is `{text}`, which is no filter"))?,
        Err(_) => default_filter.parse()?,
    };
    let format = std::env::var(FORMAT).unwrap_or_default();
    let layer = match format.as_str() {
        "json" => JsonLines::new(|| std::io::stderr().lock()).boxed(),
        "" | "text" => {
            let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
            lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).boxed()
        }
        other => bail!("{FORMAT} is `{other}`; it can be text or json"),
    };
    let registry = tracing_subscriber::registry().with(layer.with_filter(filter));
    #[cfg(feature = "otlp")]
    if let Some((exporter, spans)) = traces()? {
        // Spans are made whatever the log leaves out.
        registry.with(spans.with_filter(Targets::new().with_target("minilab", tracing::Level::INFO))).init();
        return Ok(Telemetry { _exporter: Some(exporter) });
    }
    registry.init();
    Ok(Telemetry::default())
}
