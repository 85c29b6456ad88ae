//! Traces over OTLP: a span for the request, one for each of its jobs with their stages, one for each notification.
//!
//! `OTEL_EXPORTER_OTLP_ENDPOINT` names the collector (`http://localhost:4318`); spans are posted to `/v1/traces` as OTLP/HTTP
//! with JSON (<https://opentelemetry.io/docs/specs/otlp/#otlphttp>), which collectors take beside protobuf. The trace's id
//! is the request's (`x-amz-request-id`, 16 hex digits) behind 16 zeros, and the id of the request's own span is the
//! request's: so a job that runs a day later, in another process, belongs to the trace and hangs under its request
//! without anything being passed along but the event.
//!
//! Spans wait in a bounded queue. When the collector does not keep up they are dropped and counted in the log; the
//! work itself never waits.

mod export;
mod span;

pub use export::Exporter;

use span::{SpanData, attribute};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::mpsc;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Makes spans of ours into OTLP's, and gives them to the exporter when they end.
pub struct SpanLayer {
    finished: mpsc::Sender<SpanData>,
    dropped: Arc<export::Dropped>,
}

/// The fields of a span or an event.
#[derive(Default)]
struct Fields {
    trace: Option<String>,
    others: Vec<(&'static str, serde_json::Value)>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: serde_json::Value) {
        match field.name() {
            "trace" => self.trace = Some(attribute::text(&value)),
            name => self.others.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.add(field, format!("{value:?}").into());
    }
}

impl<S> Layer<S> for SpanLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let Some(span) = context.span(id) else { return };
        let above = span.parent().and_then(|parent| {
            let extensions = parent.extensions();
            extensions.get::<SpanData>().map(|above| (above.trace_id.clone(), above.span_id.clone()))
        });
        if let Some(data) = SpanData::begin(span.name(), fields.trace.as_deref(), above, fields.others, SystemTime::now()) {
            span.extensions_mut().replace(data);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        if let Some(span) = context.span(id)
            && let Some(data) = span.extensions_mut().get_mut::<SpanData>()
        {
            data.add(fields.others);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if *event.metadata().level() > Level::INFO {
            return;
        }
        let Some(span) = context.event_span(event) else { return };
        let mut extensions = span.extensions_mut();
        let Some(data) = extensions.get_mut::<SpanData>() else { return };
        let mut fields = Fields::default();
        event.record(&mut fields);
        let message = fields.others.iter().position(|(name, _)| *name == "message");
        let message = message.map_or_else(String::new, |place| attribute::text(&fields.others.remove(place).1));
        if *event.metadata().level() <= Level::WARN {
            data.fail(&message);
        }
        data.event(&message, fields.others, SystemTime::now());
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(mut data) = context.span(&id).and_then(|span| span.extensions_mut().remove::<SpanData>()) else { return };
        data.end(SystemTime::now());
        if self.finished.try_send(data).is_err() {
            self.dropped.count();
        }
    }
}
