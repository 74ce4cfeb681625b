//! The books: what was taken, held and given back, told a second time and by another way.

use crate::{Gateway, id, ok};

#[tokio::test(flavor = "multi_thread")]
async fn every_move_of_money_is_in_the_books_and_they_balance() {
    let gateway = Gateway::start().await;
    let paid = gateway.pay(500).await;
    ok(gateway.post("/v1/refunds", &[("payment_intent", id(&paid)), ("amount", "200")])).await;
    let captured = gateway.hold().await;
    let path = format!("/v1/payment_intents/{}/capture", id(&captured));
    ok(gateway.post(&path, &[("amount_to_capture", "600")])).await;
    let given_up = gateway.hold().await;
    ok(gateway.post(&format!("/v1/payment_intents/{}/cancel", id(&given_up)), &[])).await;
    gateway.hold().await;

    assert_eq!(balance(&gateway, "merchant").await, 500 - 200 + 600);
    assert_eq!(balance(&gateway, "hold").await, 1000);
    assert_eq!(balance(&gateway, "customer").await, -(500 - 200 + 600 + 1000));
    gateway.stop().await;
}

async fn balance(gateway: &Gateway, account: &str) -> i64 {
    let sum = "SELECT sum(CASE $1 WHEN credit THEN amount WHEN debit THEN -amount ELSE 0 END)::bigint FROM transfers";
    gateway.sql().await.query_one(sum, &[&account]).await.unwrap().get(0)
}
