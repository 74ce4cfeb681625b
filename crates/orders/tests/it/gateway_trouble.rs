//! A gateway that fails in the worst places. A timeout is not a failure.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::eventually;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::{Shop, start_orders};

fn intent(status: &str, amount: i64) -> Value {
    let received = if status == "succeeded" { amount } else { 0 };
    json!({"id": "pi_1", "object": "payment_intent", "status": status, "amount": amount, "amount_received": received,
        "currency": "eur", "latest_charge": "ch_1"})
}

/// A shop whose orders talk to a gateway of our making; also answers that gateway.
async fn shop_with_gateway(amount: i64) -> (Shop, MockServer) {
    let gateway = MockServer::start().await;
    let created =
        ResponseTemplate::new(200).set_body_json(intent("requires_payment_method", amount));
    Mock::given(method("POST"))
        .and(path("/v1/payment_intents"))
        .respond_with(created)
        .mount(&gateway)
        .await;
    let mut shop =
        Shop::start_with(&[("gateway.api.base_url", &gateway.uri()), ("gateway.api.retries", "0")])
            .await;
    let overrides = [
        ("gateway.api.timeout_ms", "300"),
        ("gateway.api.retries", "0"),
        ("checkout.wait_ms", "1000"),
        ("checkout.deadline_seconds", "600"),
    ];
    let orders = start_orders(
        &shop.issuer,
        &shop.catalog.url,
        &gateway.uri(),
        shop.mailbox.path(),
        &overrides,
    )
    .await;
    std::mem::replace(&mut shop.orders, orders).stop().await;
    (shop, gateway)
}

async fn answer_confirm(gateway: &MockServer, answer: ResponseTemplate) {
    Mock::given(method("POST"))
        .and(path("/v1/payment_intents/pi_1/confirm"))
        .respond_with(answer)
        .mount(gateway)
        .await;
}

async fn answer_retrieve(gateway: &MockServer, status: &str, amount: i64) {
    Mock::given(method("GET"))
        .and(path("/v1/payment_intents/pi_1"))
        .respond_with(ResponseTemplate::new(200).set_body_json(intent(status, amount)))
        .mount(gateway)
        .await;
}

/// The keys of all requests to confirm.
async fn confirm_keys(gateway: &MockServer) -> Vec<String> {
    let requests = gateway.received_requests().await.unwrap();
    let confirms = requests.iter().filter(|request| request.url.path().ends_with("/confirm"));
    confirms
        .map(|request| request.headers["idempotency-key"].to_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_whose_answer_is_lost_is_found_and_not_repeated() {
    let probe = Shop::start().await;
    let (book, price) = probe.book(0).await;
    probe.stop().await;
    let (shop, gateway) = shop_with_gateway(price).await;
    answer_confirm(&gateway, ResponseTemplate::new(200).set_delay(Duration::from_secs(30))).await;
    answer_retrieve(&gateway, "succeeded", price).await;
    let (status, order) = shop.order("k1", "pm_card_visa", &[(&book, 1)]).await;
    assert!(status.is_success(), "{order}");
    eventually("it is paid", async || shop.read(&order["id"]).await["state"] == "paid").await;
    assert_eq!(confirm_keys(&gateway).await.len(), 1);
    eventually("there is a receipt", async || shop.receipts().len() == 1).await;
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_that_never_arrived_is_repeated_with_the_same_key() {
    let probe = Shop::start().await;
    let (book, price) = probe.book(0).await;
    probe.stop().await;
    let (shop, gateway) = shop_with_gateway(price).await;
    Mock::given(path("/v1/payment_intents/pi_1/confirm"))
        .respond_with(ResponseTemplate::new(502))
        .up_to_n_times(2)
        .mount(&gateway)
        .await;
    answer_confirm(&gateway, ResponseTemplate::new(200).set_body_json(intent("succeeded", price)))
        .await;
    answer_retrieve(&gateway, "requires_confirmation", price).await;
    let (_, order) = shop.order("k1", "pm_card_visa", &[(&book, 1)]).await;
    eventually("it is paid", async || shop.read(&order["id"]).await["state"] == "paid").await;
    let keys = confirm_keys(&gateway).await;
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_never_paid_is_given_up_only_after_the_gateway_has_cancelled() {
    let probe = Shop::start().await;
    let (book, price) = probe.book(0).await;
    probe.stop().await;
    let (shop, gateway) = shop_with_gateway(price).await;
    answer_confirm(
        &gateway,
        ResponseTemplate::new(200).set_body_json(intent("requires_action", price)),
    )
    .await;
    answer_retrieve(&gateway, "requires_action", price).await;
    let canceled = ResponseTemplate::new(200).set_body_json(intent("canceled", price));
    Mock::given(path("/v1/payment_intents/pi_1/cancel"))
        .respond_with(canceled)
        .expect(1..)
        .mount(&gateway)
        .await;
    let before = shop.stock(&book).await;
    let (status, order) = shop.order("k1", "pm_card_visa", &[(&book, 1)]).await;
    assert_eq!((status.as_u16(), &order["state"]), (202, &json!("requires_action")));
    shop.orders.clock.advance(chrono::TimeDelta::minutes(11));
    eventually("it is given up", async || shop.read(&order["id"]).await["state"] == "expired")
        .await;
    eventually("the stock is free", async || shop.stock(&book).await == before).await;
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_of_another_amount_pays_nothing_and_raises_an_alarm() {
    let probe = Shop::start().await;
    let (book, price) = probe.book(0).await;
    probe.stop().await;
    let (shop, gateway) = shop_with_gateway(price).await;
    answer_confirm(&gateway, ResponseTemplate::new(200).set_body_json(intent("succeeded", 1)))
        .await;
    answer_retrieve(&gateway, "succeeded", 1).await;
    let (_, order) = shop.order("k1", "pm_card_visa", &[(&book, 1)]).await;
    let metrics = String::from_utf8(shop.orders.metrics.render()).unwrap();
    assert!(
        metrics.contains("shop_order_alarms_total")
            && !metrics.contains("shop_order_alarms_total 0"),
        "{metrics}"
    );
    assert_eq!(shop.read(&order["id"]).await["state"], "confirming");
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_process_died_is_taken_up_by_the_next_one() {
    let probe = Shop::start().await;
    let (book, price) = probe.book(0).await;
    probe.stop().await;
    let (mut shop, gateway) = shop_with_gateway(price).await;
    answer_confirm(&gateway, ResponseTemplate::new(200).set_delay(Duration::from_secs(30))).await;
    let (status, order) = shop.order("k1", "pm_card_visa", &[(&book, 1)]).await;
    assert_eq!(status.as_u16(), 202, "{order}");
    gateway.reset().await;
    answer_retrieve(&gateway, "succeeded", price).await;
    let database_url = shop.orders.database_url.clone();
    let overrides = [("database.url", database_url.as_str()), ("checkout.lease_seconds", "1")];
    let next = start_orders(
        &shop.issuer,
        &shop.catalog.url,
        &gateway.uri(),
        shop.mailbox.path(),
        &overrides,
    )
    .await;
    let kept = std::mem::replace(&mut shop.orders, next).stop_keeping_database().await;
    shop.orders.clock.advance(chrono::TimeDelta::minutes(2));
    eventually("it is paid", async || shop.read(&order["id"]).await["state"] == "paid").await;
    let (_, again) = shop.order("k1", "pm_card_visa", &[(&book, 1)]).await;
    assert_eq!(again["id"], order["id"]);
    shop.stop().await;
    kept.unwrap().drop().await;
}
