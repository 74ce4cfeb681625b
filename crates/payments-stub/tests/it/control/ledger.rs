//! The truth about all money.

use serde_json::json;

use super::{Controlled, done};
use crate::{id, ok};

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_tells_everything_about_one_order_and_balances() {
    let gateway = Controlled::start().await;
    gateway.pay(300).await;
    let form = [
        ("metadata[order_id]", "ord_1"),
        ("payment_method", "pm_card_visa"),
        ("confirm", "true"),
        ("capture_method", "manual"),
    ];
    let held = gateway.create(&form).await;
    let path = format!("/v1/payment_intents/{}/capture", id(&held));
    ok(gateway.post(&path, &[("amount_to_capture", "600")])).await;
    ok(gateway.post("/v1/refunds", &[("payment_intent", id(&held)), ("amount", "100")])).await;

    let one = done(gateway.ask("GET", "/_test/ledger?order_id=ord_1")).await;
    let entry = &one["payment_intents"][0];
    assert_eq!(one["payment_intents"].as_array().unwrap().len(), 1);
    assert_eq!(entry["id"], held["id"]);
    assert_eq!((&entry["captured"], &entry["refunded"]), (&json!(600), &json!(100)));
    let kinds: Vec<_> = entry["transfers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|transfer| (transfer["kind"].as_str().unwrap(), transfer["amount"].as_i64().unwrap()))
        .collect();
    assert_eq!(kinds, [("hold", 1000), ("capture", 600), ("release", 400), ("refund", 100)]);
    assert_eq!(one["balances"], json!({"eur": {"customer": -500, "hold": 0, "merchant": 500}}));

    let all = done(gateway.ask("GET", "/_test/ledger")).await;
    assert_eq!(all["payment_intents"].as_array().unwrap().len(), 2);
    assert_eq!(all["balances"]["eur"]["merchant"], 800);
    gateway.stop().await;
}
