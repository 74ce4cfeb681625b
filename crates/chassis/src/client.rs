//! Calls to other services: bounded in time, in size and in number of tries, and honest about what is known afterwards.
//!
//! The important question after a failed call is not *what* went wrong but *whether it may have happened anyway*:
//! see [`CallError::may_have_happened`]. A timeout is not a failure.
//!
//! Only calls that are safe to repeat are repeated: `GET`, `PUT`, `DELETE` by HTTP's own definition (RFC 9110 §9.2.2),
//! `POST` only with an idempotency key.

mod call;
mod error;

use std::time::Duration;

use recloser::{AsyncRecloser, Recloser};
use reqwest::Method;
use reqwest::header::HeaderName;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::metrics::Metrics;

pub use call::{Answer, Call};
pub use error::{Blame, CallError, Cause};

/// The header that makes a `POST` safe to repeat (draft-ietf-httpapi-idempotency-key-header).
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Where a peer is, and what a call to it may cost.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The peer's address, such as `http://localhost:8082`.
    pub base_url: Url,
    /// How long a connection may take, in milliseconds.
    pub connect_timeout_ms: u64,
    /// How long one try may take from start to the last byte, in milliseconds.
    pub timeout_ms: u64,
    /// How often a call that is safe to repeat is tried again.
    pub retries: usize,
}

/// A client of one peer; clones share its connections and its circuit breaker.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    peer: &'static str,
    settings: Settings,
    breaker: AsyncRecloser,
    metrics: Metrics,
}

/// The client could not be built: no TLS on this machine, for example.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client for {peer} cannot be built: {source}")]
pub struct ClientSetupError {
    peer: &'static str,
    source: reqwest::Error,
}

impl Client {
    /// A client of `peer`, which is how metrics and logs call it.
    pub fn new(
        peer: &'static str,
        settings: &Settings,
        metrics: &Metrics,
    ) -> Result<Self, ClientSetupError> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("backbone/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_millis(settings.connect_timeout_ms))
            .timeout(Duration::from_millis(settings.timeout_ms))
            // A redirect would send our credentials wherever the peer says.
            .redirect(reqwest::redirect::Policy::none())
            // Retries are ours: they must know about idempotency keys.
            .retry(reqwest::retry::never())
            .no_proxy()
            .build()
            .map_err(|source| ClientSetupError { peer, source })?;
        let breaker = Recloser::custom()
            .closed_len(20)
            .half_open_len(3)
            .error_rate(0.5)
            .open_wait(Duration::from_secs(2))
            .build();
        let breaker = AsyncRecloser::from(breaker);
        Ok(Self { http, peer, settings: settings.clone(), breaker, metrics: metrics.clone() })
    }

    /// A `GET` of `path`, relative to the peer's address.
    pub fn get(&self, path: &str) -> Call<'_> {
        self.call(Method::GET, path)
    }

    /// A `PUT` to `path`.
    pub fn put(&self, path: &str) -> Call<'_> {
        self.call(Method::PUT, path)
    }

    /// A `POST` to `path`; see [`Call::idempotency_key`].
    pub fn post(&self, path: &str) -> Call<'_> {
        self.call(Method::POST, path)
    }

    /// A `DELETE` of `path`.
    pub fn delete(&self, path: &str) -> Call<'_> {
        self.call(Method::DELETE, path)
    }

    fn call(&self, method: Method, path: &str) -> Call<'_> {
        Call::new(self, method, path)
    }
}

#[cfg(test)]
mod tests;
