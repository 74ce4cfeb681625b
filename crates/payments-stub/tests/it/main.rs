//! The gateway, from the outside: a real service and a real PostgreSQL.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets something else should fail loudly"
)]

mod authentication;
mod books;
mod charging;
mod control;
mod database;
mod delays;
mod documentation;
mod endpoints;
mod events;
mod fuzz;
mod holds;
mod idempotency;
mod kills;
mod lists;
mod parameters;
mod payment_intents;
mod process;
mod rate_limit;
mod refunds;
mod three_d_secure;
mod webhooks;

use reqwest::RequestBuilder;
use reqwest::header::HeaderMap;
use serde_json::Value;
use testkit::{Running, TestDatabase};

/// What the tests authenticate with.
const KEY: &str = "sk_test_51BackboneBooksForTests";

/// A running gateway.
struct Gateway {
    service: Running,
}

/// What it answered.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
    text: String,
}

impl Gateway {
    async fn start() -> Self {
        Self::start_with(&[]).await
    }

    async fn start_with(overrides: &[(&str, &str)]) -> Self {
        let mut all = vec![("api.secret_key", KEY)];
        all.extend(overrides);
        Self { service: testkit::start(payments_stub::DESCRIPTION, &all, payments_stub::run).await }
    }

    /// Stops it, as SIGTERM would, and drops its database.
    async fn stop(self) {
        self.service.stop().await;
    }

    async fn stop_keeping_database(self) -> TestDatabase {
        self.service.stop_keeping_database().await.unwrap()
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.service.http.get(path).bearer_auth(KEY)
    }

    fn post(&self, path: &str, form: &[(&str, &str)]) -> RequestBuilder {
        self.service.http.post(path).bearer_auth(KEY).form(form)
    }

    fn delete(&self, path: &str) -> RequestBuilder {
        self.service.http.delete(path).bearer_auth(KEY)
    }

    /// A PaymentIntent over 10 euros, with these parameters beside; it must succeed.
    async fn create(&self, form: &[(&str, &str)]) -> Value {
        let mut all = vec![("amount", "1000"), ("currency", "eur")];
        all.extend(form);
        ok(self.post("/v1/payment_intents", &all)).await
    }

    /// A PaymentIntent over `amount` that is paid already.
    async fn pay(&self, amount: i64) -> Value {
        let amount = amount.to_string();
        let form = [
            ("amount", amount.as_str()),
            ("currency", "eur"),
            ("payment_method", "pm_card_visa"),
            ("confirm", "true"),
        ];
        let intent = ok(self.post("/v1/payment_intents", &form)).await;
        assert_eq!(intent["status"], "succeeded");
        intent
    }

    fn confirm(&self, intent: &Value, method: &str) -> RequestBuilder {
        self.post(
            &format!("/v1/payment_intents/{}/confirm", id(intent)),
            &[("payment_method", method)],
        )
    }

    /// The PaymentIntent as it stands now.
    async fn reread(&self, intent: &Value) -> Value {
        ok(self.get(&format!("/v1/payment_intents/{}", id(intent)))).await
    }

    /// The charges of a PaymentIntent with this status.
    async fn charges(&self, intent: &Value, status: &str) -> Vec<Value> {
        let list =
            ok(self.get(&format!("/v1/charges?limit=100&payment_intent={}", id(intent)))).await;
        data(&list).iter().filter(|charge| charge["status"] == status).cloned().collect()
    }

    async fn sql(&self) -> tokio_postgres::Client {
        let (client, driver) =
            tokio_postgres::connect(&self.service.database_url, tokio_postgres::NoTls)
                .await
                .unwrap();
        tokio::spawn(driver);
        client
    }
}

impl Answer {
    /// `error.type`, `error.code` and `error.param`.
    fn error(&self) -> (&str, &str, &str) {
        let field = |name: &str| self.body["error"][name].as_str().unwrap_or_default();
        (field("type"), field("code"), field("param"))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: not JSON: {text}"));
    Answer { status, headers, body, text }
}

/// Sends a request that must succeed.
async fn ok(request: RequestBuilder) -> Value {
    let answer = send(request).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body
}

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

fn data(list: &Value) -> &[Value] {
    list["data"].as_array().unwrap()
}
