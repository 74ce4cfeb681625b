//! The moment at which money moves.

use serde_json::json;

use crate::{Gateway, data, id, ok, send};

#[tokio::test(flavor = "multi_thread")]
async fn confirming_takes_the_money_once() {
    let gateway = Gateway::start().await;
    let intent = gateway.create(&[("metadata[order_id]", "ord_1")]).await;
    let paid = ok(gateway.confirm(&intent, "pm_card_visa")).await;
    assert_eq!((&paid["status"], &paid["amount_received"]), (&json!("succeeded"), &json!(1000)));
    let charges = gateway.charges(&intent, "succeeded").await;
    assert_eq!(charges.len(), 1);
    assert_eq!(charges[0]["id"], paid["latest_charge"]);
    assert_eq!(charges[0]["metadata"], json!({"order_id": "ord_1"}));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_has_all_the_fields_that_the_strictest_client_needs() {
    let gateway = Gateway::start().await;
    let intent = gateway.pay(899).await;
    let charge =
        ok(gateway.get(&format!("/v1/charges/{}", intent["latest_charge"].as_str().unwrap())))
            .await;
    let mut expected = json!({
        "object": "charge", "amount": 899, "amount_captured": 899, "amount_refunded": 0,
        "billing_details": {"address": null, "email": null, "name": null, "phone": null},
        "captured": true, "currency": "eur", "customer": null, "description": null, "disputed": false,
        "failure_code": null, "failure_message": null, "livemode": false, "metadata": {},
        "outcome": {"network_status": "approved_by_network", "reason": null, "seller_message": "Payment complete.",
            "type": "authorized"},
        "paid": true, "payment_method": "pm_card_visa", "receipt_email": null, "receipt_url": null,
        "refunded": false, "status": "succeeded",
    });
    expected["payment_intent"] = intent["id"].clone();
    for field in ["id", "created"] {
        expected[field] = charge[field].clone();
    }
    assert_eq!(charge, expected);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn creating_with_confirm_takes_the_money_at_once() {
    let gateway = Gateway::start().await;
    let form = [
        ("payment_method", "pm_card_mastercard"),
        ("confirm", "true"),
        ("expand[]", "latest_charge"),
    ];
    let intent = gateway.create(&form).await;
    assert_eq!(intent["latest_charge"]["object"], "charge");
    assert_eq!(gateway.charges(&intent, "succeeded").await.len(), 1);
    let expanded =
        gateway.get(&format!("/v1/payment_intents/{}?expand%5B0%5D=latest_charge", id(&intent)));
    assert_eq!(ok(expanded).await["latest_charge"]["payment_intent"], intent["id"]);
    assert!(gateway.reread(&intent).await["latest_charge"].is_string());
    let list = ok(gateway.get("/v1/payment_intents?expand[]=data.latest_charge")).await;
    assert_eq!(data(&list)[0]["latest_charge"]["object"], "charge");
    let refused = send(gateway.get("/v1/payment_intents?expand[]=data.customer")).await;
    assert_eq!((refused.status, refused.error().2), (400, "expand[]"));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decline_is_no_end_and_another_card_succeeds() {
    let gateway = Gateway::start().await;
    let intent = gateway.create(&[]).await;
    let declined =
        send(gateway.confirm(&intent, "pm_card_visa_chargeDeclinedInsufficientFunds")).await;
    assert_eq!((declined.status, declined.error()), (402, ("card_error", "card_declined", "")));
    let error = &declined.body["error"];
    assert_eq!(error["decline_code"], "insufficient_funds");
    assert_eq!(error["payment_intent"]["id"], intent["id"]);
    assert_eq!(error["payment_intent"]["status"], "requires_payment_method");
    assert_eq!(error["payment_intent"]["last_payment_error"]["decline_code"], "insufficient_funds");
    let failed = gateway.charges(&intent, "failed").await;
    assert_eq!((failed.len(), &failed[0]["id"]), (1, &error["charge"]));

    let paid = ok(gateway.confirm(&intent, "pm_card_visa")).await;
    assert_eq!((&paid["status"], &paid["last_payment_error"]), (&json!("succeeded"), &json!(null)));
    assert_eq!(gateway.charges(&intent, "succeeded").await.len(), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_creation_tells_the_name_of_what_it_created() {
    let gateway = Gateway::start().await;
    let form = [
        ("amount", "1000"),
        ("currency", "eur"),
        ("payment_method", "pm_card_chargeDeclined"),
        ("confirm", "true"),
    ];
    let declined = send(gateway.post("/v1/payment_intents", &form)).await;
    assert_eq!(declined.status, 402);
    let intent = gateway.reread(&declined.body["error"]["payment_intent"]).await;
    assert_eq!(intent["last_payment_error"]["code"], "card_declined");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_decline_has_its_code() {
    let gateway = Gateway::start().await;
    for (method, code) in [
        ("pm_card_chargeCustomerFail", "card_declined"),
        ("pm_card_visa_chargeDeclinedLostCard", "card_declined"),
        ("pm_card_visa_chargeDeclinedStolenCard", "card_declined"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error"),
    ] {
        let intent = gateway.create(&[]).await;
        let declined = send(gateway.confirm(&intent, method)).await;
        assert_eq!((declined.status, declined.error().1), (402, code), "{method}");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_needs_authentication_takes_no_money_yet() {
    let gateway = Gateway::start().await;
    let intent = gateway.create(&[]).await;
    let waiting = ok(gateway.confirm(&intent, "pm_card_authenticationRequired")).await;
    assert_eq!(waiting["status"], "requires_action");
    assert_eq!(waiting["next_action"]["type"], "use_stripe_sdk");
    assert_eq!(data(&ok(gateway.get("/v1/charges")).await).len(), 0);
    assert_eq!(ok(gateway.confirm(&intent, "pm_card_visa")).await["status"], "succeeded");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_method_nothing_is_confirmed() {
    let gateway = Gateway::start().await;
    let intent = gateway.create(&[]).await;
    let path = format!("/v1/payment_intents/{}/confirm", id(&intent));
    let refused = send(gateway.post(&path, &[])).await;
    assert_eq!((refused.status, refused.error().1), (400, "payment_intent_unexpected_state"));
    assert!(refused.text.contains("missing a payment method"));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_simultaneous_confirmations_make_one_charge() {
    let gateway = Gateway::start_with(&[("database.wait_timeout_ms", "20000")]).await;
    let intent = gateway.create(&[]).await;
    let requests = (0..30).map(|_| tokio::spawn(send(gateway.confirm(&intent, "pm_card_visa"))));
    let mut statuses = Vec::new();
    for request in requests.collect::<Vec<_>>() {
        statuses.push(request.await.unwrap().status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 400).count(), 29, "{statuses:?}");
    assert_eq!(gateway.charges(&intent, "succeeded").await.len(), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_race_between_confirming_and_canceling_has_one_winner() {
    let gateway = Gateway::start_with(&[("database.wait_timeout_ms", "20000")]).await;
    for _ in 0..10 {
        let intent = gateway.create(&[]).await;
        let cancel = gateway.post(&format!("/v1/payment_intents/{}/cancel", id(&intent)), &[]);
        let confirmed = tokio::spawn(send(gateway.confirm(&intent, "pm_card_visa")));
        let canceled = send(cancel).await;
        let confirmed = confirmed.await.unwrap();
        assert_eq!(confirmed.status + canceled.status, 600, "{} {}", confirmed.text, canceled.text);
        let charges = gateway.charges(&intent, "succeeded").await.len();
        assert_eq!(charges == 1, confirmed.status == 200);
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn charges_are_counted_by_their_outcome() {
    let gateway = Gateway::start().await;
    let intent = gateway.create(&[]).await;
    send(gateway.confirm(&intent, "pm_card_chargeDeclined")).await;
    let confirm = || gateway.confirm(&intent, "pm_card_visa").header("idempotency-key", "k");
    ok(confirm()).await;
    ok(confirm()).await;
    let metrics = String::from_utf8(gateway.service.metrics.render()).unwrap();
    assert!(metrics.contains("gateway_charges_total{outcome=\"declined\"} 1"), "{metrics}");
    assert!(
        metrics.contains("gateway_charges_total{outcome=\"succeeded\"} 1"),
        "a replay is no charge: {metrics}"
    );
    gateway.stop().await;
}
