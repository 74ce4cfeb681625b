//! Trace context: which trace the current work belongs to, in and out (W3C Trace Context).
//!
//! Every request has a trace id, whether or not traces are exported: it stands in the logs of all services that
//! the request touched and in the problem document that the client got, and so ties them together.

use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator as _};
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The trace id of the current span as 32 hexadecimal digits, or `None` outside any trace.
pub fn current_trace_id() -> Option<String> {
    let context = Span::current().context();
    let span_context = context.span().span_context().clone();
    span_context.is_valid().then(|| span_context.trace_id().to_string())
}

/// The `traceparent` header that continues the current span elsewhere: in another service,
/// or later, when it is stored beside the work that it caused.
pub fn current_traceparent() -> Option<String> {
    let mut carrier = Carrier(None);
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut carrier);
    carrier.0
}

/// Makes `span` a child of the span that a `traceparent` header names. Anything malformed is ignored, as the
/// specification asks: a stranger's header must not be able to fail a request.
pub fn continue_trace(span: &Span, traceparent: Option<&str>) {
    let Some(traceparent) = traceparent else { return };
    let carrier = Carrier(Some(traceparent.to_owned()));
    let context = TraceContextPropagator::new().extract(&carrier);
    if context.span().span_context().is_valid() {
        // It fails only without an OpenTelemetry layer, as in unit tests: then there is no trace to continue.
        let _ = span.set_parent(context);
    }
}

/// One header's worth of context. `tracestate` is not passed on: nobody here reads it.
struct Carrier(Option<String>);

impl Injector for Carrier {
    fn set(&mut self, key: &str, value: String) {
        if key == "traceparent" {
            self.0 = Some(value);
        }
    }
}

impl Extractor for Carrier {
    fn get(&self, key: &str) -> Option<&str> {
        if key == "traceparent" { self.0.as_deref() } else { None }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
    }
}
