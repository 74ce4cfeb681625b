//! Money that is held first and taken by hand.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::{Gateway, id, ok, send};

impl Gateway {
    /// A PaymentIntent over 10 euros that are held.
    pub(crate) async fn hold(&self) -> Value {
        let form =
            [("capture_method", "manual"), ("payment_method", "pm_card_visa"), ("confirm", "true")];
        let intent = self.create(&form).await;
        assert_eq!(intent["status"], "requires_capture");
        intent
    }

    async fn charge(&self, intent: &Value) -> Value {
        let path = format!("/v1/charges/{}", intent["latest_charge"].as_str().unwrap());
        ok(self.get(&path)).await
    }
}

fn capture(intent: &Value) -> String {
    format!("/v1/payment_intents/{}/capture", id(intent))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_not_taken() {
    let gateway = Gateway::start().await;
    let intent = gateway.hold().await;
    assert_eq!(
        (&intent["amount_capturable"], &intent["amount_received"]),
        (&json!(1000), &json!(0))
    );
    let charge = gateway.charge(&intent).await;
    assert_eq!((&charge["status"], &charge["captured"]), (&json!("succeeded"), &json!(false)));
    let refund = send(gateway.post("/v1/refunds", &[("charge", id(&charge))])).await;
    assert_eq!(refund.status, 400, "{}", refund.text);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_is_taken_and_only_that_can_be_given_back() {
    let gateway = Gateway::start().await;
    let intent = gateway.hold().await;
    let captured = ok(gateway.post(&capture(&intent), &[("amount_to_capture", "600")])).await;
    assert_eq!(
        (&captured["status"], &captured["amount_received"], &captured["amount_capturable"]),
        (&json!("succeeded"), &json!(600), &json!(0))
    );
    let charge = gateway.charge(&intent).await;
    assert_eq!((&charge["amount_captured"], &charge["captured"]), (&json!(600), &json!(true)));
    let refund = |amount: &'static str| {
        gateway.post("/v1/refunds", &[("charge", id(&charge)), ("amount", amount)])
    };
    assert_eq!(send(refund("601")).await.status, 400);
    assert_eq!(send(refund("600")).await.status, 200);
    assert_eq!(gateway.charge(&intent).await["refunded"], true);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_is_held_is_refused_by_name() {
    let gateway = Gateway::start().await;
    let intent = gateway.hold().await;
    let refused = send(gateway.post(&capture(&intent), &[("amount_to_capture", "1001")])).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.error().1, "amount_too_large");
    assert_eq!(refused.error().2, "amount_to_capture");
    assert_eq!(gateway.reread(&intent).await["status"], "requires_capture");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_captures_at_once_take_the_money_once() {
    let gateway = Gateway::start().await;
    let intent = gateway.hold().await;
    let path = capture(&intent);
    let attempts = (0..30).map(|_| send(gateway.post(&path, &[("amount_to_capture", "400")])));
    let answers = futures_util::future::join_all(attempts).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    let refused = answers.iter().find(|answer| answer.status != 200).unwrap();
    assert_eq!(refused.error().1, "payment_intent_unexpected_state");
    assert_eq!(refused.body["error"]["payment_intent"]["status"], "succeeded");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn giving_up_gives_back_what_is_held() {
    let gateway = Gateway::start().await;
    let intent = gateway.hold().await;
    let canceled =
        ok(gateway.post(&format!("/v1/payment_intents/{}/cancel", id(&intent)), &[])).await;
    assert_eq!(
        (&canceled["status"], &canceled["amount_capturable"]),
        (&json!("canceled"), &json!(0))
    );
    let charge = gateway.charge(&intent).await;
    assert_eq!(
        (&charge["refunded"], &charge["amount_refunded"], &charge["captured"]),
        (&json!(true), &json!(1000), &json!(false))
    );
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_captures_in_seven_days_goes_back_by_itself() {
    let gateway = Gateway::start().await;
    let intent = gateway.hold().await;
    gateway.service.clock.advance(TimeDelta::days(7) + TimeDelta::seconds(1));
    testkit::eventually("the hold is given up", async || {
        gateway.reread(&intent).await["status"] == "canceled"
    })
    .await;
    assert_eq!(gateway.reread(&intent).await["cancellation_reason"], "automatic");
    gateway.stop().await;
}
