use serde_json::{Value, json};
use std::time::SystemTime;

/// One span on its way to the collector.
#[derive(Debug)]
pub struct SpanData {
    /// 32 hex digits.
    pub trace_id: String,
    /// 16 hex digits.
    pub span_id: String,
    parent_id: Option<String>,
    name: &'static str,
    attributes: Vec<(&'static str, Value)>,
    events: Vec<Value>,
    failure: Option<String>,
    began: SystemTime,
    ended: SystemTime,
}

impl SpanData {
    /// A span that begins; `None` when it belongs to no trace. `above` are the ids of the trace and the span around it.
    pub fn begin(
        name: &'static str,
        trace: Option<&str>,
        above: Option<(String, String)>,
        attributes: Vec<(&'static str, Value)>,
        now: SystemTime,
    ) -> Option<Self> {
        let request = trace.filter(|id| id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) && *id != ZEROS);
        let (trace_id, span_id, parent_id) = match (request.map(str::to_ascii_lowercase), above) {
            (Some(request), None) if name == REQUEST => (format!("{ZEROS}{request}"), request, None),
            (Some(request), None) => (format!("{ZEROS}{request}"), random_id()?, Some(request)),
            (_, Some((trace_id, parent_id))) => (trace_id, random_id()?, Some(parent_id)),
            (None, None) => return None,
        };
        Some(Self { trace_id, span_id, parent_id, name, attributes, events: Vec::new(), failure: None, began: now, ended: now })
    }

    pub fn add(&mut self, attributes: Vec<(&'static str, Value)>) {
        self.attributes.extend(attributes);
    }

    /// Something was said within the span.
    pub fn event(&mut self, message: &str, attributes: Vec<(&'static str, Value)>, now: SystemTime) {
        let attributes: Vec<Value> = attributes.iter().map(|(name, value)| attribute::json(name, value)).collect();
        self.events.push(json!({ "timeUnixNano": nanos(now), "name": message, "attributes": attributes }));
    }

    /// The work did not succeed; the first reason stays.
    pub fn fail(&mut self, reason: &str) {
        self.failure.get_or_insert_with(|| reason.to_owned());
    }

    pub fn end(&mut self, now: SystemTime) {
        self.ended = now;
    }

    /// The span as OTLP has it.
    pub fn json(&self) -> Value {
        // As the specification numbers them: 2 is a server's span, 5 a consumer's, 3 a client's, 1 an internal one.
        let kind = match self.name {
            REQUEST => 2,
            "job" => 5,
            "notification" => 3,
            _ => 1,
        };
        let (own_names, attributes): (Vec<_>, Vec<_>) =
            self.attributes.iter().partition(|(name, _)| matches!((self.name, *name), (REQUEST, "operation") | ("stage", "name")));
        let name = own_names.last().map_or_else(|| self.name.to_owned(), |(_, value)| attribute::text(value));
        let attributes: Vec<Value> = attributes.into_iter().map(|(name, value)| attribute::json(name, value)).collect();
        let status = self.failure.as_ref().map_or(json!({}), |message| json!({ "code": 2, "message": message }));
        let mut span = json!({
            "traceId": self.trace_id,
            "spanId": self.span_id,
            "name": name,
            "kind": kind,
            "startTimeUnixNano": nanos(self.began),
            "endTimeUnixNano": nanos(self.ended),
            "attributes": attributes,
            "events": self.events,
            "status": status,
        });
        if let Some(parent_id) = &self.parent_id {
            span["parentSpanId"] = Value::from(parent_id.as_str());
        }
        span
    }
}

const ZEROS: &str = "0000000000000000";
/// The name of a request's span.
const REQUEST: &str = "request";

fn random_id() -> Option<String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).ok()?;
    Some(hex::encode(bytes))
}

/// Nanoseconds since 1970, as text: JSON's numbers do not hold them.
fn nanos(time: SystemTime) -> String {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos().to_string()
}

pub mod attribute {
    use serde_json::{Value, json};

    /// A value as text, without quotes.
    pub fn text(value: &Value) -> String {
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }

    /// A name and its value, as OTLP has them.
    pub fn json(name: &str, value: &Value) -> Value {
        let value = match value {
            Value::Bool(value) => json!({ "boolValue": value }),
            // 64 bits do not fit into JSON's numbers and are written as text.
            Value::Number(number) if !number.is_f64() => json!({ "intValue": number.to_string() }),
            Value::Number(number) => json!({ "doubleValue": number }),
            other => json!({ "stringValue": text(other) }),
        };
        json!({ "key": name, "value": value })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_job_hangs_under_its_request_and_a_stage_under_its_job() {
        let now = SystemTime::now();
        let trace = Some("00AB34CD00AB34CD");
        let request = SpanData::begin(REQUEST, trace, None, vec![("operation", "PutObject".into())], now).unwrap().json();
        let job = SpanData::begin("job", trace, None, vec![("attempt", 1.into())], now).unwrap();
        let above = Some((job.trace_id.clone(), job.span_id.clone()));
        let stage = SpanData::begin("stage", None, above, vec![("name", "read".into())], now).unwrap().json();
        let job = job.json();
        assert_eq!((&request["name"], &stage["name"]), (&"PutObject".into(), &"read".into()));
        assert_eq!(request["traceId"], "000000000000000000ab34cd00ab34cd");
        assert!(request["traceId"] == job["traceId"] && job["traceId"] == stage["traceId"]);
        assert!(request["parentSpanId"].is_null());
        assert_eq!((&job["parentSpanId"], &stage["parentSpanId"]), (&request["spanId"], &job["spanId"]));
        assert_eq!(job["attributes"], json!([{ "key": "attempt", "value": { "intValue": "1" } }]));
        for strange in [None, Some("-"), Some("00ab34cd00ab34cg"), Some(ZEROS)] {
            assert!(SpanData::begin("job", strange, None, Vec::new(), now).is_none(), "{strange:?}");
        }
    }
}
