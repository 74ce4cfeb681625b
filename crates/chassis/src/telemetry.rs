//! Logs and traces of one process.
//!
//! Logs go to standard output, as JSON for machines or as coloured lines for a person. Every line that belongs to a
//! request carries its `trace_id` and `request_id`, whether or not traces are exported.
//!
//! Traces go out by OTLP when the standard variables ask for it: `OTEL_EXPORTER_OTLP_ENDPOINT` (or
//! `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`), `OTEL_TRACES_SAMPLER`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_SDK_DISABLED`.
//! <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>

mod format;

use std::io::IsTerminal as _;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use serde::{Deserialize, Serialize};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer};

/// How to log.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `json`, `pretty`, or `auto`: pretty on a terminal, JSON elsewhere.
    pub format: LogFormat,
    /// A filter in `tracing`'s syntax, such as `info,catalog=debug`.
    pub filter: String,
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Pretty on a terminal, JSON elsewhere.
    Auto,
    /// One JSON object a line.
    Json,
    /// One coloured line.
    Pretty,
}

/// Why telemetry did not start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter does not parse.
    #[error("setting `log.filter`: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The exporter cannot be built from the `OTEL_*` variables.
    #[error("traces cannot be exported as the OTEL_* variables ask: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// Somebody else installed a subscriber.
    #[error("telemetry was started twice: {0}")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Keeps the exporter; hand it to [`Telemetry::shutdown`] after the server has drained, so that the last spans leave.
#[derive(Debug)]
pub struct Telemetry {
    provider: SdkTracerProvider,
}

/// The `OTEL_*` variables that decide here; the exporter reads the others (endpoint, headers, timeout) itself.
#[derive(Clone, Debug, Default)]
pub struct OtelEnvironment {
    endpoint: Option<String>,
    sampler: Option<String>,
    sampler_argument: Option<String>,
    disabled: bool,
}

impl OtelEnvironment {
    /// Reads the process's environment.
    pub fn from_process() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "these names are a standard, not settings of ours"
        )]
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            endpoint: variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
                .or_else(|| variable("OTEL_EXPORTER_OTLP_ENDPOINT")),
            sampler: variable("OTEL_TRACES_SAMPLER"),
            sampler_argument: variable("OTEL_TRACES_SAMPLER_ARG"),
            disabled: variable("OTEL_SDK_DISABLED")
                .is_some_and(|value| value.eq_ignore_ascii_case("true"))
                || variable("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none"),
        }
    }

    fn exports(&self) -> bool {
        self.endpoint.is_some() && !self.disabled
    }

    fn sampler(&self) -> Sampler {
        let ratio = || {
            let argument = self.sampler_argument.as_deref().and_then(|text| text.parse().ok());
            Sampler::TraceIdRatioBased(argument.unwrap_or(1.0))
        };
        match self.sampler.as_deref() {
            Some("always_on") => Sampler::AlwaysOn,
            Some("always_off") => Sampler::AlwaysOff,
            Some("traceidratio") => ratio(),
            Some("parentbased_always_off") => Sampler::ParentBased(Box::new(Sampler::AlwaysOff)),
            Some("parentbased_traceidratio") => Sampler::ParentBased(Box::new(ratio())),
            // `parentbased_always_on` is the specification's default.
            _ => Sampler::ParentBased(Box::new(Sampler::AlwaysOn)),
        }
    }
}

/// Starts logging and tracing for the whole process; call it once, inside the runtime.
pub fn init(
    service: &'static str,
    settings: &Settings,
    otel: &OtelEnvironment,
) -> Result<Telemetry, TelemetryError> {
    let provider = tracer_provider(service, otel)?;
    // The exporter's own HTTP/2 client must not be traced, or it exports spans about exporting spans.
    let statements = if otel.exports() { "debug" } else { "off" };
    let exported = EnvFilter::try_new(format!(
        "info,chassis::db={statements},h2=off,hyper=off,hyper_util=off,tonic=off,tower=off,opentelemetry=off",
    ))?;
    let traces = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(service))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_filter(exported);

    let pretty = match settings.format {
        LogFormat::Pretty => true,
        LogFormat::Json => false,
        LogFormat::Auto => std::io::stdout().is_terminal(),
    };
    let fields = tracing_subscriber::fmt::format::JsonFields::new();
    let lines = tracing_subscriber::fmt::layer().fmt_fields(fields);
    let logs = if pretty {
        lines.event_format(format::PrettyLine).boxed()
    } else {
        lines.event_format(format::JsonLine { service }).boxed()
    };
    let logged = EnvFilter::try_new(&settings.filter)?;
    tracing_subscriber::registry().with(traces).with(logs.with_filter(logged)).try_init()?;
    Ok(Telemetry { provider })
}

fn tracer_provider(
    service: &'static str,
    otel: &OtelEnvironment,
) -> Result<SdkTracerProvider, TelemetryError> {
    // `OTEL_RESOURCE_ATTRIBUTES` is read by the builder's own detectors.
    let resource = Resource::builder()
        .with_service_name(service)
        .with_attributes([
            KeyValue::new("service.namespace", "backbone"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", uuid::Uuid::new_v4().to_string()),
        ])
        .build();
    if !otel.exports() {
        // Trace ids are still made, for logs and problem documents; nothing is recorded.
        return Ok(SdkTracerProvider::builder()
            .with_sampler(Sampler::AlwaysOff)
            .with_resource(resource)
            .build());
    }
    let exporter = opentelemetry_otlp::SpanExporter::builder().with_tonic().build()?;
    Ok(SdkTracerProvider::builder()
        .with_sampler(otel.sampler())
        .with_resource(resource)
        .with_batch_exporter(exporter)
        .build())
}

impl Telemetry {
    /// Sends what is still queued. It blocks for up to a few seconds, so it runs on a blocking thread.
    pub async fn shutdown(self) {
        let flushed = tokio::task::spawn_blocking(move || self.provider.shutdown()).await;
        if let Ok(Err(error)) = flushed {
            tracing::warn!(%error, "the last spans could not be exported");
        }
    }
}
