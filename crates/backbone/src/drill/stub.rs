//! The gateway's control plane, from the outside: makes it fail on command, and asks it for the truth.

use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Confirming: the call that moves money.
pub(crate) const CONFIRM: &str = "/v1/payment_intents/*/confirm";
/// Making the PaymentIntent.
pub(crate) const CREATE: &str = "/v1/payment_intents";
/// Asking for it.
pub(crate) const RETRIEVE: &str = "/v1/payment_intents/*";
/// Giving it up.
pub(crate) const CANCEL: &str = "/v1/payment_intents/*/cancel";
/// Giving money back.
pub(crate) const REFUND: &str = "/v1/refunds";

/// What has happened, for those whom webhooks do not reach.
pub(crate) const EVENTS: &str = "/v1/events";

/// A client of the control plane.
pub(crate) struct Stub {
    url: String,
    token: String,
    http: reqwest::Client,
}

/// A barrier of the gateway.
#[derive(Clone, Debug)]
pub(crate) struct Barrier(String);

impl Stub {
    /// The control plane at `url`.
    pub(crate) fn new(url: String, token: String) -> anyhow::Result<Self> {
        // A barrier is waited for as long as the control plane allows.
        let http =
            reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(40)).build()?;
        Ok(Self { url, token, http })
    }

    /// Arranges a fault for requests of this method and path.
    pub(crate) async fn fault(
        &self,
        (method, path): (&str, &str),
        mut fault: Value,
    ) -> anyhow::Result<()> {
        if let Some(members) = fault.as_object_mut() {
            members.insert("match".to_owned(), json!({"method": method, "path": path}));
        }
        self.ask(Method::POST, "/_test/faults", Some(fault)).await.map(|_: Value| ())
    }

    /// How many requests were struck by faults since they were arranged.
    pub(crate) async fn struck(&self) -> anyhow::Result<u64> {
        let faults: Value = self.ask(Method::GET, "/_test/faults", None).await?;
        let struck = faults.as_array().into_iter().flatten().filter_map(|it| it.get("struck"));
        Ok(struck.filter_map(Value::as_u64).sum())
    }

    /// Arranges a barrier that holds one request.
    pub(crate) async fn barrier(
        &self,
        (method, path): (&str, &str),
        point: &str,
        nth: u64,
    ) -> anyhow::Result<Barrier> {
        let wish = json!({"match": {"method": method, "path": path, "nth": nth}, "point": point});
        self.barrier_of(wish).await
    }

    /// Arranges any barrier.
    pub(crate) async fn barrier_of(&self, wish: Value) -> anyhow::Result<Barrier> {
        let made: Value = self.ask(Method::POST, "/_test/barriers", Some(wish)).await?;
        let id = made.get("id").and_then(Value::as_str).context("a barrier without a name")?;
        Ok(Barrier(id.to_owned()))
    }

    /// Waits until the barrier holds a request; `false` when none came in time.
    pub(crate) async fn holds(&self, barrier: &Barrier, wait: Duration) -> anyhow::Result<bool> {
        let path = format!("/_test/barriers/{}?wait_ms={}", barrier.0, wait.as_millis());
        let counts: Value = self.ask(Method::GET, &path, None).await?;
        Ok(counts.get("held").and_then(Value::as_u64).unwrap_or_default() > 0)
    }

    /// Lets go what the barrier holds. One that is gone holds nothing.
    pub(crate) async fn release(&self, barrier: &Barrier) {
        let path = format!("/_test/barriers/{}/release", barrier.0);
        let _ = self.ask::<Value>(Method::POST, &path, None).await;
    }

    /// How webhooks misbehave from now on.
    pub(crate) async fn webhooks(&self, misbehaviour: Value) -> anyhow::Result<()> {
        self.ask(Method::PUT, "/_test/webhooks", Some(misbehaviour)).await.map(|_: Value| ())
    }

    /// Forgets all idempotency keys, as after a day.
    pub(crate) async fn prune(&self) -> anyhow::Result<u64> {
        let answer: Value = self.ask(Method::POST, "/_test/idempotency/prune", None).await?;
        Ok(answer.get("pruned").and_then(Value::as_u64).unwrap_or_default())
    }

    /// The truth about all money.
    pub(crate) async fn ledger<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        self.ask(Method::GET, "/_test/ledger", None).await
    }

    /// Behaves again: no faults, no barriers, honest webhooks.
    pub(crate) async fn heal(&self) -> anyhow::Result<()> {
        for what in ["faults", "barriers", "webhooks"] {
            self.ask::<Value>(Method::DELETE, &format!("/_test/{what}"), None).await?;
        }
        Ok(())
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<T> {
        let request = self.http.request(method, format!("{}{path}", self.url));
        let request = request.bearer_auth(&self.token);
        let request = body.iter().fold(request, RequestBuilder::json);
        let answer = request.send().await.with_context(|| format!("the control plane: {path}"))?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            bail!("the control plane answers {status} to {path}: {text}");
        }
        serde_json::from_str(&text).with_context(|| format!("the control plane: {path}: {text}"))
    }
}
