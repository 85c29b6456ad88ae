//! Log lines as JSON: one flat object a line.
//!
//! `timestamp` (RFC 3339, UTC), `level`, `target` and `message` come first; then the fields of the spans that the line was
//! written in, the outermost first; then the line's own, which win. Numbers and truth values are written as such.
//! `trace` is the `x-amz-request-id` of the request that a line goes back to: the same in the request's own line, in
//! those of its jobs and in those of their notifications.

use serde_json::{Map, Value};
use std::fmt;
use std::io::Write;
use std::time::SystemTime;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Writes a line for each event.
pub struct JsonLines<W>(W);

impl<W> JsonLines<W> {
    /// Lines to what `open` gives.
    pub fn new(open: W) -> Self {
        Self(open)
    }
}

/// The fields of a span, kept with it.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, format!("{value:?}").into());
    }
}

impl Fields {
    fn set(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }
}

impl<S, W, O> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn() -> O + 'static,
    O: Write,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().replace(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut own = Fields::default();
        event.record(&mut own);
        let metadata = event.metadata();
        let message = own.0.remove("message").unwrap_or_default();
        let now = minilab_model::Timestamp::from(SystemTime::now()).to_string();
        let mut line = vec![
            ("timestamp".to_owned(), Value::from(now)),
            ("level".to_owned(), metadata.level().as_str().into()),
            ("target".to_owned(), metadata.target().into()),
            ("message".to_owned(), message),
        ];
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(fields) = span.extensions().get::<Fields>() {
                line.extend(fields.0.clone());
            }
        }
        line.extend(own.0);
        // Where a log line goes when it cannot be written, nobody knows.
        let _ = (self.0)().write_all(flat(line).as_bytes());
    }
}

/// The fields in their order, each name once: the last value stands at the first place.
fn flat(fields: Vec<(String, Value)>) -> String {
    let mut line = String::from("{");
    for (place, (name, _)) in fields.iter().enumerate() {
        if fields[..place].iter().any(|(before, _)| before == name) {
            continue;
        }
        let value = fields.iter().rev().find(|(other, _)| other == name).map_or(&Value::Null, |(_, value)| value);
        if place > 0 {
            line.push(',');
        }
        line.push_str(&format!("{}:{value}", Value::from(name.as_str())));
    }
    line.push_str("}\n");
    line
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::prelude::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_one_flat_object() {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::registry().with(JsonLines::new(move || writer.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("request", trace = "4A", operation = tracing::field::Empty, status = 1);
            let _entered = span.enter();
            span.record("operation", "PutObject");
            tracing::info!(status = 200, ms = 1.5, ok = true, object = %"photos/a\"b\n", missing = None::<u64>, "request answered");
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: Value = serde_json::from_str(&text).unwrap();
        let expected = serde_json::json!({
            "level": "INFO", "target": module_path!(), "message": "request answered", "trace": "4A", "operation": "PutObject",
            "status": 200, "ms": 1.5, "ok": true, "object": "photos/a\"b\n", "timestamp": line["timestamp"],
        });
        assert_eq!(line, expected);
        assert_eq!(text.matches("\"status\"").count(), 1, "{text}");
    }
}
