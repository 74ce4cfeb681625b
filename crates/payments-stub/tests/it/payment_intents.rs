//! PaymentIntents: what they look like, and the moves they make.

use serde_json::json;

use crate::{Gateway, id, ok, send};

#[tokio::test(flavor = "multi_thread")]
async fn a_new_one_has_all_the_fields_that_the_strictest_client_needs() {
    let gateway = Gateway::start().await;
    let intent =
        gateway.create(&[("metadata[order_id]", "ord_1"), ("description", "Two books")]).await;
    let mut expected = json!({
        "object": "payment_intent", "amount": 1000, "amount_capturable": 0, "amount_received": 0,
        "automatic_payment_methods": null, "canceled_at": null, "cancellation_reason": null,
        "capture_method": "automatic_async", "confirmation_method": "automatic", "currency": "eur", "customer": null,
        "description": "Two books", "last_payment_error": null, "latest_charge": null, "livemode": false,
        "metadata": {"order_id": "ord_1"}, "next_action": null, "payment_method": null,
        "payment_method_types": ["card", "us_bank_account"], "receipt_email": null, "setup_future_usage": null,
        "status": "requires_payment_method",
    });
    for field in ["id", "client_secret", "created"] {
        expected[field] = intent[field].clone();
    }
    assert_eq!(intent, expected);
    assert!(
        intent["client_secret"].as_str().unwrap().starts_with(&format!("{}_secret_", id(&intent)))
    );
    assert_eq!(gateway.reread(&intent).await, intent);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_method_it_waits_to_be_confirmed() {
    let gateway = Gateway::start().await;
    let intent = gateway.create(&[("payment_method", "pm_card_visa")]).await;
    assert_eq!(
        (&intent["status"], &intent["payment_method"]),
        (&json!("requires_confirmation"), &json!("pm_card_visa"))
    );
    let path = format!("/v1/payment_intents/{}/confirm", id(&intent));
    assert_eq!(ok(gateway.post(&path, &[])).await["status"], "succeeded");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_can_be_attached_later() {
    let gateway = Gateway::start().await;
    let intent = gateway.create(&[]).await;
    let path = format!("/v1/payment_intents/{}", id(&intent));
    let attached = ok(gateway.post(&path, &[("payment_method", "pm_card_amex")])).await;
    assert_eq!(attached["status"], "requires_confirmation");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_are_merged_and_forgotten_one_by_one_or_all_at_once() {
    let gateway = Gateway::start().await;
    let intent = gateway.create(&[("metadata[a]", "1"), ("metadata[b]", "2")]).await;
    let path = format!("/v1/payment_intents/{}", id(&intent));
    let merged =
        ok(gateway.post(&path, &[("metadata[a]", ""), ("metadata[c]", "3"), ("description", "d")]))
            .await;
    assert_eq!(
        (&merged["metadata"], &merged["description"]),
        (&json!({"b": "2", "c": "3"}), &json!("d"))
    );
    assert_eq!(ok(gateway.post(&path, &[("metadata", "")])).await["metadata"], json!({}));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn canceling_is_an_end() {
    let gateway = Gateway::start().await;
    let intent = gateway.create(&[("payment_method", "pm_card_visa")]).await;
    let path = format!("/v1/payment_intents/{}/cancel", id(&intent));
    let canceled = ok(gateway.post(&path, &[("cancellation_reason", "abandoned")])).await;
    assert_eq!(
        (&canceled["status"], &canceled["cancellation_reason"]),
        (&json!("canceled"), &json!("abandoned"))
    );
    assert!(canceled["canceled_at"].is_i64());
    for request in [
        gateway.confirm(&intent, "pm_card_visa"),
        gateway.post(&path, &[]),
        gateway.post(
            &format!("/v1/payment_intents/{}", id(&intent)),
            &[("payment_method", "pm_card_visa")],
        ),
    ] {
        let refused = send(request).await;
        let expected = ("invalid_request_error", "payment_intent_unexpected_state", "");
        assert_eq!((refused.status, refused.error()), (400, expected));
        assert_eq!(refused.body["error"]["payment_intent"]["status"], "canceled");
    }
    assert!(gateway.charges(&intent, "succeeded").await.is_empty());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_paid_cannot_be_paid_again_or_canceled() {
    let gateway = Gateway::start().await;
    let intent = gateway.pay(1000).await;
    let cancel = gateway.post(&format!("/v1/payment_intents/{}/cancel", id(&intent)), &[]);
    for request in [gateway.confirm(&intent, "pm_card_visa"), cancel] {
        let refused = send(request).await;
        assert_eq!((refused.status, refused.error().1), (400, "payment_intent_unexpected_state"));
        assert_eq!(refused.body["error"]["payment_intent"]["status"], "succeeded");
    }
    assert_eq!(gateway.charges(&intent, "succeeded").await.len(), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_is_not_found() {
    let gateway = Gateway::start().await;
    for id in ["pi_nothing", "ch_wrongkind", "pi_", "%00", "pi_%F0%9F%92%B8", &"pi_x".repeat(500)] {
        let path = format!("/v1/payment_intents/{id}");
        for request in [
            gateway.get(&path),
            gateway.post(&format!("{path}/confirm"), &[]),
            gateway.post(&path, &[]),
        ] {
            let answer = send(request).await;
            assert_eq!(
                (answer.status, answer.error().1),
                (404, "resource_missing"),
                "{id}: {}",
                answer.text
            );
        }
    }
    gateway.stop().await;
}
