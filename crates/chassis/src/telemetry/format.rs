//! Two shapes of a log line. For machines: one JSON object a line, flat, so that `jq 'select(.trace_id == "…")'` and every log store can query it.

use std::fmt;

use serde::ser::SerializeMap as _;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Span fields that every line of a request repeats; the rest of a span's fields belong to the trace.
const CONTEXT: [&str; 5] = ["trace_id", "request_id", "http.route", "worker", "peer"];

/// Formats events as flat JSON: time, level, service, message, the event's fields, and the request's identifiers.
pub(super) struct JsonLine {
    pub(super) service: &'static str,
}

impl<S> FormatEvent<S, JsonFields> for JsonLine
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let mut fields = Fields::default();
        event.record(&mut fields);
        let inherited = span_fields(context);

        let mut buffer = Vec::with_capacity(512);
        let mut json = serde_json::Serializer::new(&mut buffer);
        let written = (|| {
            use serde::Serializer as _;
            let mut line = json.serialize_map(None)?;
            line.serialize_entry("timestamp", &timestamp)?;
            line.serialize_entry("level", event.metadata().level().as_str())?;
            line.serialize_entry("service", self.service)?;
            line.serialize_entry("message", &fields.message)?;
            line.serialize_entry("target", event.metadata().target())?;
            for (name, value) in fields.others.iter().chain(&inherited) {
                line.serialize_entry(name, value)?;
            }
            line.end()
        })();
        // `fmt::Error` has no room for a reason.
        if written.is_err_and(|_: serde_json::Error| true) {
            return Err(fmt::Error);
        }
        writeln!(writer, "{}", String::from_utf8_lossy(&buffer))
    }
}

/// Formats events for a person at a terminal: time, level, message, the event's fields, and the trace.
pub(super) struct PrettyLine;

impl<S> FormatEvent<S, JsonFields> for PrettyLine
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        // Of 2026-11-22T18:04:05.123456Z, who watches needs 18:04:05.123.
        let time = timestamp.get(11..23).unwrap_or(&timestamp);
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = *event.metadata().level();
        let (colour, dim, reset) = match (writer.has_ansi_escapes(), level) {
            (false, _) => ("", "", ""),
            (true, Level::ERROR) => ("\x1b[31m", "\x1b[2m", "\x1b[0m"),
            (true, Level::WARN) => ("\x1b[33m", "\x1b[2m", "\x1b[0m"),
            (true, _) => ("\x1b[32m", "\x1b[2m", "\x1b[0m"),
        };
        write!(writer, "{dim}{time}{reset} {colour}{level:>5}{reset} {}{dim}", fields.message)?;
        for (name, value) in &fields.others {
            write!(writer, " {name}={value}")?;
        }
        for (name, value) in span_fields(context).iter().filter(|(name, _)| name == "trace_id") {
            write!(writer, " {name}={}", value.as_str().unwrap_or_default())?;
        }
        writeln!(writer, "{reset}")
    }
}

/// The identifying fields of the spans around the event, innermost first.
fn span_fields<S>(context: &FmtContext<'_, S, JsonFields>) -> Vec<(String, Value)>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let mut found: Vec<(String, Value)> = Vec::new();
    for span in context.event_scope().into_iter().flatten() {
        let extensions = span.extensions();
        let Some(formatted) = extensions.get::<FormattedFields<JsonFields>>() else { continue };
        let Ok(Value::Object(fields)) = serde_json::from_str(&formatted.fields) else { continue };
        for (name, value) in fields {
            if CONTEXT.contains(&name.as_str()) && !found.iter().any(|(known, _)| *known == name) {
                found.push((name, value));
            }
        }
    }
    found
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(String, Value)>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.push(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, value.into());
    }
}

impl Fields {
    fn push(&mut self, field: &Field, value: Value) {
        // `log.*` repeats what the record already says.
        if field.name().starts_with("log.") {
            return;
        }
        match (field.name(), value) {
            ("message", Value::String(message)) => self.message = message,
            (name, value) => self.others.push((name.to_owned(), value)),
        }
    }
}
