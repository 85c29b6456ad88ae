//! One line an image on standard output, which is the log. A line is JSON, and where it counts something also a metric
//! (CloudWatch Logs, "Specification: Embedded metric format"), so that counting costs no call and no second line.

use crate::metrics;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Longest text of a field, in bytes: what an error says may come from a file.
const TEXT_BYTES: usize = 2048;

/// A line that is being made.
#[derive(Debug, Clone)]
pub struct Line {
    fields: Map<String, Value>,
    dimensions: Vec<&'static str>,
    metrics: Vec<Value>,
}

impl Line {
    /// A line of a function.
    #[must_use]
    pub fn new(function: &'static str) -> Self {
        let line = Self { fields: Map::new(), dimensions: vec![metrics::FUNCTION], metrics: Vec::new() };
        line.with(metrics::FUNCTION, function)
    }

    /// Says which tier the function is of; metrics are told apart by it.
    #[must_use]
    pub fn of_tier(mut self, tier: &str) -> Self {
        self.dimensions.push(metrics::TIER);
        self.with(metrics::TIER, tier)
    }

    /// Adds a field, unless its value is null. Texts are cut where they are too long.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Serialize) -> Self {
        match serde_json::to_value(value) {
            Ok(Value::Null) | Err(_) => {}
            Ok(Value::String(text)) => drop(self.fields.insert(name.to_owned(), Value::String(cut(text)))),
            Ok(value) => drop(self.fields.insert(name.to_owned(), value)),
        }
        self
    }

    /// Adds a time in milliseconds, when there is one.
    #[must_use]
    pub fn with_time(self, name: &'static str, time: Option<Duration>) -> Self {
        self.with(name, time.map(millis))
    }

    /// Counts one.
    #[must_use]
    pub fn count(self, metric: &'static str) -> Self {
        self.metric(metric, "Count", 1.0)
    }

    /// Measures a time.
    #[must_use]
    pub fn measure(self, metric: &'static str, time: Duration) -> Self {
        self.metric(metric, "Milliseconds", millis(time))
    }

    /// Adds a metric in one of CloudWatch's units.
    #[must_use]
    pub fn metric(mut self, metric: &'static str, unit: &'static str, value: f64) -> Self {
        self.metrics.push(json!({"Name": metric, "Unit": unit}));
        self.with(metric, value)
    }

    /// The line.
    #[must_use]
    pub fn into_json(mut self, now: SystemTime) -> Value {
        let millis = now.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
        if self.metrics.is_empty() {
            self.fields.insert("timestamp".to_owned(), json!(millis));
        } else {
            let directive = json!({"Namespace": metrics::NAMESPACE, "Dimensions": [self.dimensions], "Metrics": self.metrics});
            self.fields.insert("_aws".to_owned(), json!({"Timestamp": millis, "CloudWatchMetrics": [directive]}));
        }
        Value::Object(self.fields)
    }

    /// Writes the line. A log that cannot be written is no reason to fail.
    pub fn print(self) {
        let mut line = self.into_json(SystemTime::now()).to_string();
        line.push('\n');
        let _ = std::io::stdout().lock().write_all(line.as_bytes());
    }
}

/// Milliseconds with one digit after the point.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e4).round() / 10.0
}

fn cut(mut text: String) -> String {
    if text.len() > TEXT_BYTES {
        let end = (0..=TEXT_BYTES).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_metric_where_it_counts() {
        let line = Line::new("process").of_tier("small").with("rule", "r").with("cause", None::<&str>).count(metrics::PROCESSED);
        let json = line.measure(metrics::DURATION, Duration::from_micros(12_340)).into_json(UNIX_EPOCH + Duration::from_millis(5));
        assert_eq!(
            json,
            json!({
                "function": "process", "tier": "small", "rule": "r", "Processed": 1.0, "Duration": 12.3,
                "_aws": {"Timestamp": 5, "CloudWatchMetrics": [{
                    "Namespace": "Minilab", "Dimensions": [["function", "tier"]],
                    "Metrics": [{"Name": "Processed", "Unit": "Count"}, {"Name": "Duration", "Unit": "Milliseconds"}]
                }]}
            })
        );
    }

    #[test]
    fn what_a_file_says_does_not_fill_the_log() {
        let line = Line::new("process").with("error", "é".repeat(5000)).into_json(UNIX_EPOCH);
        assert_eq!(line["error"].as_str().unwrap().len(), TEXT_BYTES + "…".len());
        assert!(line.get("_aws").is_none() && line["timestamp"] == 0);
    }
}
