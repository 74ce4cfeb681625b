//! What happened, for those who ask.

use serde_json::{Value, json};

use crate::{Gateway, data, id, ok, send};

fn types(list: &Value) -> Vec<&str> {
    data(list).iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_told_newest_first() {
    let gateway = Gateway::start().await;
    let intent = gateway.create(&[]).await;
    send(gateway.confirm(&intent, "pm_card_chargeDeclined")).await;
    ok(gateway.confirm(&intent, "pm_card_authenticationRequired")).await;
    ok(gateway.confirm(&intent, "pm_card_visa")).await;
    ok(gateway.post("/v1/refunds", &[("payment_intent", id(&intent))])).await;
    let other = gateway.create(&[]).await;
    ok(gateway.post(&format!("/v1/payment_intents/{}/cancel", id(&other)), &[])).await;
    let list = ok(gateway.get("/v1/events?limit=100")).await;
    assert_eq!(
        types(&list),
        [
            "payment_intent.canceled",
            "payment_intent.created",
            "charge.refunded",
            "refund.created",
            "payment_intent.succeeded",
            "charge.succeeded",
            "payment_intent.requires_action",
            "payment_intent.payment_failed",
            "charge.failed",
            "payment_intent.created",
        ]
    );
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_shows_the_object_as_it_was_and_the_request_that_changed_it() {
    let gateway = Gateway::start().await;
    let answer = send(
        gateway
            .post(
                "/v1/payment_intents",
                &[("amount", "1000"), ("currency", "eur"), ("metadata[order_id]", "ord_1")],
            )
            .header("idempotency-key", "order-1"),
    )
    .await;
    ok(gateway.confirm(&answer.body, "pm_card_visa")).await;
    let list = ok(gateway.get("/v1/events?type=payment_intent.created")).await;
    let mut expected = json!({
        "object": "event", "api_version": "2026-10-28.endive", "livemode": false, "pending_webhooks": 0,
        "request": {"id": answer.header("request-id"), "idempotency_key": "order-1"},
        "type": "payment_intent.created",
    });
    expected["data"] = json!({"object": answer.body});
    for field in ["id", "created"] {
        expected[field] = data(&list)[0][field].clone();
    }
    assert_eq!(data(&list), [expected.clone()]);
    assert_eq!(ok(gateway.get(&format!("/v1/events/{}", id(&expected)))).await, expected);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_chosen_by_type_and_by_group() {
    let gateway = Gateway::start().await;
    gateway.pay(1000).await;
    let get = async |query: &str| ok(gateway.get(&format!("/v1/events?{query}"))).await;
    assert_eq!(types(&get("type=charge.succeeded").await), ["charge.succeeded"]);
    assert_eq!(
        types(&get("type=payment_intent.*").await),
        ["payment_intent.succeeded", "payment_intent.created"]
    );
    let several = "types[]=charge.succeeded&types[]=payment_intent.created";
    assert_eq!(types(&get(several).await), ["charge.succeeded", "payment_intent.created"]);
    for bad in ["type=nonsense", "types[]=nonsense", "type=charge.failed&types[]=charge.failed"] {
        assert_eq!(send(gateway.get(&format!("/v1/events?{bad}"))).await.status, 400, "{bad}");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_tells_nothing() {
    let gateway = Gateway::start().await;
    let intent = gateway.pay(1000).await;
    let before = ok(gateway.get("/v1/events?limit=100")).await;
    send(gateway.confirm(&intent, "pm_card_visa")).await;
    send(gateway.post("/v1/refunds", &[("payment_intent", id(&intent)), ("amount", "1001")])).await;
    assert_eq!(ok(gateway.get("/v1/events?limit=100")).await, before);
    gateway.stop().await;
}
