//! One call: put together, sent, and sent again where that is safe.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::{Instrument as _, field};

use super::{Blame, CallError, Cause, Client, IDEMPOTENCY_KEY};
use crate::{timing, trace};

/// Answers larger than this are cut off: a peer must not be able to fill our memory.
pub(super) const ANSWER_LIMIT: usize = 1024 * 1024;
/// A peer may ask for a longer pause than a waiting caller can give it.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A call that is being put together.
pub struct Call<'a> {
    client: &'a Client,
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Body,
    repeatable: bool,
}

impl<'a> Call<'a> {
    pub(super) fn new(client: &'a Client, method: Method, path: &str) -> Self {
        let base = client.settings.base_url.as_str().trim_end_matches('/');
        let repeatable = method != Method::POST;
        let url = format!("{base}{path}");
        Self { client, method, url, headers: HeaderMap::new(), body: Body::None, repeatable }
    }
}

enum Body {
    None,
    Bytes(Vec<u8>),
}

/// A peer's answer with a status below 400.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body, at most one mebibyte.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}

impl Call<'_> {
    /// The key that makes this call safe to repeat: it must come from a database row, so that it survives a crash.
    pub fn idempotency_key(mut self, key: &str) -> Self {
        self.repeatable = true;
        self.header(IDEMPOTENCY_KEY, key)
    }

    /// `Authorization: Bearer …`; marked as sensitive, so that nothing prints it.
    pub fn bearer(self, token: &str) -> Self {
        self.secret_header(reqwest::header::AUTHORIZATION, &format!("Bearer {token}"))
    }

    /// `Authorization: Basic …`; marked as sensitive.
    pub fn basic(self, user: &str, password: &str) -> Self {
        use base64::Engine as _;
        let credentials = base64::prelude::BASE64_STANDARD.encode(format!("{user}:{password}"));
        self.secret_header(reqwest::header::AUTHORIZATION, &format!("Basic {credentials}"))
    }

    /// A JSON body.
    pub fn json(self, body: &impl Serialize) -> Self {
        // What we send are structs of ours; they serialise.
        let body = serde_json::to_vec(body).unwrap_or_default();
        self.body("application/json", body)
    }

    /// A form body that is already encoded.
    pub fn form(self, body: String) -> Self {
        self.body("application/x-www-form-urlencoded", body.into_bytes())
    }

    /// Exact bytes, for signatures.
    pub fn body(mut self, content_type: &'static str, body: Vec<u8>) -> Self {
        self.headers.insert(reqwest::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        self.body = Body::Bytes(body);
        self
    }

    /// Any other header. A value that no header can hold is left out.
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    fn secret_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(mut value) = HeaderValue::from_str(value) {
            value.set_sensitive(true);
            self.headers.insert(name, value);
        }
        self
    }

    /// Sends it, again if that is safe and may help.
    pub async fn send(self) -> Result<Answer, CallError> {
        let started = Instant::now();
        let mut pauses = ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(Duration::from_millis(50))
            .with_max_delay(LONGEST_PAUSE)
            .with_max_times(if self.repeatable { self.client.settings.retries } else { 0 })
            .build();
        let mut unknown_before = false;
        let outcome = loop {
            let error = match self.guarded_try().await {
                Ok(answer) => break Ok(answer),
                Err(error) => error.after_unknown(unknown_before),
            };
            unknown_before = error.may_have_happened();
            match pauses.next() {
                Some(pause) if error.is_retryable() => {
                    let pause = error.retry_after().unwrap_or(pause).min(LONGEST_PAUSE);
                    tracing::debug!(%error, "trying again in {pause:?}");
                    tokio::time::sleep(pause).await;
                }
                _ => break Err(error),
            }
        };
        timing::record("upstream", None, started.elapsed());
        outcome
    }

    /// One try, if the circuit is closed. Only the peer's failures open it, not our own mistakes.
    async fn guarded_try(&self) -> Result<Answer, CallError> {
        let is_peers_failure = |error: &CallError| error.blame() != Blame::Ours;
        match self.client.breaker.call_with(is_peers_failure, self.measured_try()).await {
            Ok(answer) => Ok(answer),
            Err(recloser::Error::Inner(error)) => Err(error),
            Err(recloser::Error::Rejected) => {
                Err(CallError::new(self.client.peer, Cause::CircuitOpen))
            }
        }
    }

    async fn measured_try(&self) -> Result<Answer, CallError> {
        let started = Instant::now();
        let span = tracing::info_span!(
            "call",
            otel.kind = "client",
            otel.name = format!("{} {}", self.method, self.client.peer),
            otel.status_code = field::Empty,
            peer = self.client.peer,
            http.request.method = %self.method,
            server.address = self.client.settings.base_url.host_str(),
            server.port = self.client.settings.base_url.port_or_known_default(),
            http.response.status_code = field::Empty,
            error.type = field::Empty,
        );
        let outcome = self.one_try(&span).instrument(span.clone()).await;
        let label = match &outcome {
            Ok(_) => "success",
            Err(error) => error.label(),
        };
        if outcome.is_err() {
            span.record("otel.status_code", "ERROR").record("error.type", label);
        }
        self.client.metrics.observe_call(
            self.client.peer,
            self.method.as_str(),
            label,
            started.elapsed(),
        );
        outcome
    }

    async fn one_try(&self, span: &tracing::Span) -> Result<Answer, CallError> {
        let failed = |cause| CallError::new(self.client.peer, cause);
        let mut request =
            self.client.http.request(self.method.clone(), &self.url).headers(self.headers.clone());
        if let Body::Bytes(bytes) = &self.body {
            request = request.body(bytes.clone());
        }
        if let Some(traceparent) = trace::current_traceparent() {
            request = request.header("traceparent", traceparent);
        }
        let mut response =
            request.send().await.map_err(|error| failed(Cause::from_reqwest(&error)))?;
        let status = response.status();
        span.record("http.response.status_code", status.as_u16());
        let retry_after = response.headers().get(RETRY_AFTER).and_then(parse_seconds);
        let mut body = Vec::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|error| failed(Cause::from_reqwest(&error)))?
        {
            if body.len() + chunk.len() > ANSWER_LIMIT {
                return Err(failed(Cause::AnswerTooLarge));
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_client_error() || status.is_server_error() {
            return Err(failed(Cause::Status { status, body, retry_after }));
        }
        Ok(Answer { status, body })
    }
}

/// `Retry-After` in seconds; the form with a date is not worth its parser.
fn parse_seconds(value: &HeaderValue) -> Option<Duration> {
    value.to_str().ok()?.parse().ok().map(Duration::from_secs)
}
