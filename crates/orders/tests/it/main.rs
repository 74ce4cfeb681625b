//! Orders, from the outside: with the real catalog and the real stand-in of the payment gateway.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets something else should fail loudly"
)]

mod cancel;
mod cards;
mod checkout;
mod documentation;
mod fencing;
mod gateway_trouble;
mod reconcile;
mod refunds;
mod statements;
mod waiting;
mod webhooks;

use std::path::Path;

use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::{Issuer, Running, eventually};
use uuid::Uuid;

const GATEWAY_KEY: &str = "sk_test_orders";
const WEBHOOK_SECRET: &str = "whsec_orders_and_the_gateway_share_this";

/// A shop: catalog, gateway, orders, and one customer.
struct Shop {
    orders: Running,
    catalog: Running,
    gateway: Running,
    issuer: Issuer,
    customer: Uuid,
    mailbox: tempfile::TempDir,
}

impl Shop {
    async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// `overrides` are settings of orders.
    async fn start_with(overrides: &[(&str, &str)]) -> Self {
        Self::start_beside(&[], overrides).await
    }

    /// A gateway with `gateway_overrides`, orders with `overrides`.
    async fn start_beside(gateway_overrides: &[(&str, &str)], overrides: &[(&str, &str)]) -> Self {
        let issuer = Issuer::start().await;
        let (name, jwks_url) = (issuer.name(), issuer.jwks_url());
        let identity =
            [("identity.issuer", name.as_str()), ("identity.jwks_url", jwks_url.as_str())];
        let catalog = testkit::start(catalog::DESCRIPTION, &identity, catalog::run).await;
        let mut gateway_settings = vec![("api.secret_key", GATEWAY_KEY)];
        gateway_settings.extend(gateway_overrides);
        let gateway =
            testkit::start(payments_stub::DESCRIPTION, &gateway_settings, payments_stub::run).await;
        let mailbox = tempfile::tempdir().unwrap();
        let orders =
            start_orders(&issuer, &catalog.url, &gateway.url, mailbox.path(), overrides).await;
        Self { orders, catalog, gateway, issuer, customer: Uuid::new_v4(), mailbox }
    }

    /// The identifier and the price of the `index`th book.
    async fn book(&self, index: usize) -> (String, i64) {
        let page: Value = self
            .catalog
            .http
            .get("/v1/books?limit=100")
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let book = &page["data"][index];
        (book["id"].as_str().unwrap().to_owned(), book["price"]["amount"].as_i64().unwrap())
    }

    async fn stock(&self, book: &str) -> (i64, i64, i64) {
        let path = format!("/v1/books/{book}/stock");
        let stock: Value = self.catalog.http.get(&path).send().await.unwrap().json().await.unwrap();
        let count = |name: &str| stock[name].as_i64().unwrap();
        (count("available"), count("reserved"), count("sold"))
    }

    async fn order(&self, key: &str, card: &str, lines: &[(&str, i64)]) -> (StatusCode, Value) {
        let lines: Vec<Value> = lines
            .iter()
            .map(|(book, quantity)| json!({"book_id": book, "quantity": quantity}))
            .collect();
        let body =
            json!({"lines": lines, "payment_method": card, "receipt_email": "reader@example.com"});
        let request =
            self.orders.http.post("/v1/orders").header("idempotency-key", key).json(&body);
        self.as_customer(request).await
    }

    /// `POST /v1/orders/{id}/{what}`.
    async fn act(
        &self,
        order_id: &Value,
        what: &str,
        key: Option<&str>,
        body: Value,
    ) -> (StatusCode, Value) {
        let path = format!("/v1/orders/{}/{what}", order_id.as_str().unwrap());
        let request = self.orders.http.post(&path).json(&body);
        self.as_customer(match key {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        })
        .await
    }

    async fn read(&self, order_id: &Value) -> Value {
        self.as_customer(
            self.orders.http.get(&format!("/v1/orders/{}", order_id.as_str().unwrap())),
        )
        .await
        .1
    }

    async fn as_customer(&self, request: reqwest::RequestBuilder) -> (StatusCode, Value) {
        let mut claims =
            self.issuer.claims(&self.customer.to_string(), Some(Uuid::new_v4()), &["customer"], "");
        // Longer than any test moves the clock.
        claims.exp += 86_400;
        let answer = request.bearer_auth(self.issuer.sign(&claims)).send().await.unwrap();
        let status = answer.status();
        (status, answer.json().await.unwrap())
    }

    /// The charges that the gateway holds: amount and whether it was paid.
    async fn charges(&self) -> Vec<(i64, bool)> {
        let request = self.gateway.http.get("/v1/charges?limit=100").bearer_auth(GATEWAY_KEY);
        let list: Value = request.send().await.unwrap().json().await.unwrap();
        let charges = list["data"].as_array().unwrap_or_else(|| panic!("{list}"));
        charges
            .iter()
            .map(|charge| (charge["amount"].as_i64().unwrap(), charge["paid"].as_bool().unwrap()))
            .collect()
    }

    /// What the history of an order says: its states in sequence.
    async fn path(&self, order_id: &Value) -> Vec<String> {
        let order = self.read(order_id).await;
        let history = order["history"].as_array().unwrap_or_else(|| panic!("{order}")).clone();
        history.iter().map(|entry| entry["state"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until the order is there.
    async fn until(&self, order_id: &Value, state: &str) {
        let what = format!("the order is {state}");
        eventually(&what, async || self.read(order_id).await["state"] == state).await;
    }

    fn receipts(&self) -> Vec<String> {
        receipts_in(self.mailbox.path())
    }

    async fn stop(self) {
        self.orders.stop().await;
        self.gateway.stop().await;
        self.catalog.stop().await;
    }
}

fn receipts_in(mailbox: &Path) -> Vec<String> {
    let files = std::fs::read_dir(mailbox).unwrap().map(|entry| entry.unwrap().path());
    let complete =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "eml"));
    complete.map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

async fn start_orders(
    issuer: &Issuer,
    catalog: &str,
    gateway: &str,
    mailbox: &Path,
    overrides: &[(&str, &str)],
) -> Running {
    let (name, jwks_url) = (issuer.name(), issuer.jwks_url());
    let mut settings = vec![
        ("identity.issuer", name.as_str()),
        ("identity.jwks_url", jwks_url.as_str()),
        ("credentials.client_secret", "not-checked-by-the-test-issuer"),
        ("credentials.issuer.base_url", name.as_str()),
        ("credentials.issuer.timeout_ms", "10000"),
        ("catalog.base_url", catalog),
        ("catalog.timeout_ms", "10000"),
        ("gateway.secret_key", GATEWAY_KEY),
        ("gateway.api.base_url", gateway),
        ("gateway.api.timeout_ms", "10000"),
        ("webhook.secret", WEBHOOK_SECRET),
        ("checkout.wait_ms", "25000"),
        ("checkout.poll_ms", "50"),
        ("mail.folder", mailbox.to_str().unwrap()),
    ];
    settings.extend(overrides);
    testkit::start(orders::DESCRIPTION, &settings, orders::run).await
}
