//! The outermost middleware: every request gets a span, an id, a measurement, and an answer in the right shape.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};
use futures_util::FutureExt as _;
use tokio::sync::Semaphore;
use tracing::{Instrument as _, Span, field};

use super::{ErrorShape, Settings};
use crate::health::Health;
use crate::metrics::Metrics;
use crate::problem::{self, Problem, ProblemType};
use crate::{timing, trace};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// What the middleware of all worker threads share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) metrics: Metrics,
    pub(super) health: Health,
    pub(super) in_flight: Arc<Semaphore>,
    pub(super) request_timeout: Duration,
    error_shape: ErrorShape,
}

impl Shared {
    pub(super) fn new(
        metrics: Metrics,
        health: Health,
        error_shape: ErrorShape,
        settings: &Settings,
    ) -> Self {
        Self {
            metrics,
            health,
            in_flight: Arc::new(Semaphore::new(settings.max_in_flight)),
            request_timeout: Duration::from_millis(settings.request_timeout_ms),
            error_shape,
        }
    }

    pub(super) fn error(&self, kind: ProblemType) -> HttpResponse {
        (self.error_shape)(kind)
    }
}

/// Wraps everything else. See the module's documentation.
pub(super) async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(shared) = request.app_data::<web::Data<Shared>>().cloned() else {
        return next.call(request).await.map(ServiceResponse::map_into_boxed_body);
    };
    let started = Instant::now();
    let active = shared.metrics.active_request();
    let seen = Seen {
        method: method_label(request.method()),
        route: request.match_pattern().unwrap_or_else(|| "unmatched".to_owned()),
        request_id: request_id(request.headers()),
        shared,
    };
    let span = root_span(&request, &seen);
    // No clone of the request may exist from here on: the router needs it for itself.
    let answer = AssertUnwindSafe(timing::scope(next.call(request)))
        .catch_unwind()
        .instrument(span.clone())
        .await;
    let took = started.elapsed();
    let _entered = span.enter();
    let (answer, timings) = answer
        .unwrap_or_else(|panic| (Err(panicked(&*panic, &seen.shared)), timing::Timings::default()));
    let answer = match answer {
        Ok(answer) => {
            let (request, response) = answer.map_into_boxed_body().into_parts();
            Ok(ServiceResponse::new(request, seen.finish(response, &span, &timings, took)))
        }
        // Nobody below made a response of it: a panic, or a request that took too long.
        Err(error) => {
            let response = seen.finish(HttpResponse::from_error(error), &span, &timings, took);
            Err(InternalError::from_response("already logged", response).into())
        }
    };
    drop(active);
    answer
}

/// What is known of a request before it is routed, and needed after it is answered.
struct Seen {
    method: &'static str,
    route: String,
    request_id: String,
    shared: web::Data<Shared>,
}

impl Seen {
    /// Gives an answer its final shape, and tells metrics, trace and log about it.
    fn finish(
        &self,
        response: HttpResponse,
        span: &Span,
        timings: &timing::Timings,
        took: Duration,
    ) -> HttpResponse {
        self.log(&response, took);
        let mut response = with_problem_body(response, &self.shared);
        let status = response.status();
        self.shared.metrics.observe_request(self.method, &self.route, status.as_u16(), took);
        span.record("http.response.status_code", status.as_u16());
        // A client's mistake is not the server's failure: 4xx leaves the status unset.
        if status.is_server_error() {
            span.record("otel.status_code", "ERROR").record("error.type", status.as_str());
        }
        finish_headers(response.headers_mut(), &self.request_id, timings, took);
        response
    }

    /// One line a request; a server error with its whole chain of causes, once, here.
    fn log(&self, response: &HttpResponse, took: Duration) {
        let (method, route, status) = (self.method, &self.route, response.status());
        // Tenths of a millisecond: more digits are noise.
        let duration_ms = (took.as_secs_f64() * 10_000.0).round() / 10.0;
        let problem = response.error().and_then(|error| error.as_error::<Problem>());
        let cause = problem.and_then(Problem::cause).map(|cause| format!("{cause:#}"));
        if status.is_server_error() {
            let cause =
                cause.or_else(|| response.error().map(ToString::to_string)).unwrap_or_default();
            tracing::error!(
                status = status.as_u16(),
                duration_ms,
                cause,
                "{method} {route} failed"
            );
        } else if let Some(cause) = cause {
            tracing::info!(
                status = status.as_u16(),
                duration_ms,
                cause,
                "{method} {route} was refused"
            );
        } else {
            tracing::info!(status = status.as_u16(), duration_ms, "{method} {route} answered");
        }
    }
}

/// The client gets the service's usual error, the log gets the message.
fn panicked(panic: &(dyn std::any::Any + Send), shared: &Shared) -> Error {
    let message = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    let message = message.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    let cause = format!("a handler panicked: {message}");
    InternalError::from_response(cause, shared.error(problem::INTERNAL)).into()
}

/// The span of the whole request, a child of the caller's when it sent a `traceparent`.
fn root_span(request: &ServiceRequest, seen: &Seen) -> Span {
    let span = tracing::info_span!(
        "request",
        otel.kind = "server",
        otel.name = format!("{} {}", seen.method, seen.route),
        otel.status_code = field::Empty,
        http.request.method = seen.method,
        http.route = seen.route,
        http.response.status_code = field::Empty,
        url.scheme = "http",
        error.type = field::Empty,
        request_id = seen.request_id,
        trace_id = field::Empty,
    );
    let traceparent = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    trace::continue_trace(&span, traceparent);
    if let Some(trace_id) = span.in_scope(trace::current_trace_id) {
        span.record("trace_id", trace_id);
    }
    span
}

/// The framework answers some errors (wrong method, headers it cannot read) with an empty body: give them ours.
fn with_problem_body(response: HttpResponse, shared: &Shared) -> HttpResponse {
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_bare = kind.is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !is_error || !is_bare {
        return response;
    }
    let kind = match response.status() {
        StatusCode::METHOD_NOT_ALLOWED => problem::METHOD_NOT_ALLOWED,
        StatusCode::NOT_FOUND => problem::NO_SUCH_ROUTE,
        StatusCode::PAYLOAD_TOO_LARGE => problem::BODY_TOO_LARGE,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => problem::UNSUPPORTED_MEDIA_TYPE,
        status if status.is_server_error() => problem::INTERNAL,
        _ => problem::MALFORMED_REQUEST,
    };
    let mut ours = shared.error(kind);
    if let Some(allow) = response.headers().get(header::ALLOW) {
        ours.headers_mut().insert(header::ALLOW, allow.clone());
    }
    ours
}

/// Headers of every answer: the request's id, what it spent its time on, and the browser's safety belts.
fn finish_headers(
    headers: &mut HeaderMap,
    request_id: &str,
    timings: &timing::Timings,
    took: Duration,
) {
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(X_REQUEST_ID, value);
    }
    let total = format!("total;dur={:.1}", took.as_secs_f64() * 1000.0);
    let parts = timings.header();
    let value = if parts.is_empty() { total } else { format!("{parts}, {total}") };
    if let Ok(value) = HeaderValue::from_str(&value) {
        headers.insert(SERVER_TIMING, value);
    }
    // OWASP's REST security cheat sheet. An API answers with data: nothing in it may be run, framed or guessed.
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=63072000"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

/// The caller's request id if it is short and plain (it goes into logs), a new one otherwise.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(X_REQUEST_ID).and_then(|value| value.to_str().ok());
    let is_plain = |id: &&str| {
        (1..=64).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    given.filter(is_plain).map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned)
}

/// The method as a label: a stranger may invent methods, but not label values.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "_OTHER",
    }
}

#[cfg(test)]
mod tests {
    use actix_web::middleware::from_fn;
    use actix_web::{App, test};

    use super::*;

    /// An error in a shape that is not the chassis's own.
    fn shape(kind: ProblemType) -> HttpResponse {
        HttpResponse::build(kind.status).content_type("application/json").body("{\"oh\":\"no\"}")
    }

    #[tokio::test]
    async fn a_panic_is_answered_in_the_services_own_shape() {
        let settings = Settings {
            public: ([127, 0, 0, 1], 0).into(),
            management: ([127, 0, 0, 1], 0).into(),
            workers: 1,
            body_limit: 1,
            header_timeout_ms: 1,
            request_timeout_ms: 1,
            max_in_flight: 1,
            drain_delay_ms: 0,
            shutdown_timeout_seconds: 0,
        };
        let metrics = Metrics::new("test").unwrap();
        let shared = Shared::new(metrics.clone(), Health::new(metrics), shape, &settings);
        let explode = async || -> HttpResponse { panic!("with a secret in it") };
        let app = App::new().app_data(web::Data::new(shared)).route("/", web::get().to(explode));
        let app = test::init_service(app.wrap(from_fn(observe))).await;
        let outcome = test::try_call_service(&app, test::TestRequest::get().to_request()).await;
        let answer = outcome.unwrap_err().error_response();
        assert_eq!(answer.status(), 500);
        let body = actix_web::body::to_bytes(answer.into_body()).await.unwrap();
        assert_eq!(body, "{\"oh\":\"no\"}");
    }
}
