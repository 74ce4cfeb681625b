//! One attempt: sign the bytes, send them, look at the status and nothing else.

use std::error::Error as _;
use std::time::Duration;

use chassis::config::Secret;
use chassis::trace;
use chrono::{DateTime, Utc};

use crate::control::misbehaviour::Forgery;
use crate::domain::signature;
use crate::store::deliveries::Claimed;

/// Sends; clones share connections.
#[derive(Clone)]
pub(super) struct Sender {
    http: reqwest::Client,
}

/// Why an attempt is not a success.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) status: Option<u16>,
    pub(super) reason: String,
}

impl Sender {
    /// Built like the chassis's client, but without its circuit breaker and its retries: every attempt is one request,
    /// and the schedule alone decides about the next.
    pub(super) fn new(timeout: Duration) -> reqwest::Result<Self> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("payments-stub/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(timeout)
            .timeout(timeout)
            // A redirect would send the event wherever the receiver says.
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .build()?;
        Ok(Self { http })
    }

    /// The status, if it is a 2xx. The answer's body is never read: a receiver cannot make us hold it.
    pub(super) async fn send(
        &self,
        claimed: &Claimed,
        now: DateTime<Utc>,
        forgery: &Forgery,
    ) -> Result<u16, Failed> {
        let (at, body) = (forgery.signed_at(now), claimed.body.as_bytes());
        let secrets: Vec<_> = claimed.secrets.iter().map(Secret::expose).collect();
        let signature = signature::sign(&secrets, at, body);
        let signature = forgery.signature(signature, at, body);
        let mut request = self
            .http
            .post(&claimed.url)
            .header("content-type", "application/json; charset=utf-8")
            .header("stripe-signature", signature)
            .body(forgery.body(&claimed.body));
        if let Some(traceparent) = trace::current_traceparent() {
            request = request.header("traceparent", traceparent);
        }
        let response = request
            .send()
            .await
            .map_err(|error| Failed { status: None, reason: reason(&error) })?;
        let status = response.status();
        if status.is_success() {
            return Ok(status.as_u16());
        }
        Err(Failed {
            status: Some(status.as_u16()),
            reason: format!("the receiver answered {status}"),
        })
    }
}

/// The innermost cause: the outer ones repeat the address, which may hold what must not be logged.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "the receiver did not answer in time".to_owned();
    }
    let mut innermost = error.source();
    while let Some(inner) = innermost.and_then(|error| error.source()) {
        innermost = Some(inner);
    }
    innermost.map_or_else(|| "the request could not be sent".to_owned(), ToString::to_string)
}
