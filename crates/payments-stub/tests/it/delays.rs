//! Banks that answer after days.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::{Gateway, id, ok, send};

const DAYS: [(&str, &str); 1] = [("api.settle_seconds", "345600")];

impl Gateway {
    async fn pay_slowly(&self, method: &str) -> Value {
        let intent = self.create(&[("payment_method", method), ("confirm", "true")]).await;
        assert_eq!(intent["status"], "processing");
        intent
    }

    async fn wait_for(&self, intent: &Value, status: &str) -> Value {
        testkit::eventually("the bank has answered", async || {
            self.reread(intent).await["status"] == status
        })
        .await;
        self.reread(intent).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_bank_says_yes_after_its_time_and_not_before() {
    let gateway = Gateway::start_with(&DAYS).await;
    let intent = gateway.pay_slowly("pm_usBankAccount_success").await;
    assert_eq!(gateway.charges(&intent, "pending").await.len(), 1);
    gateway.service.clock.advance(TimeDelta::days(3));
    assert_eq!(gateway.reread(&intent).await["status"], "processing");

    gateway.service.clock.advance(TimeDelta::days(2));
    let paid = gateway.wait_for(&intent, "succeeded").await;
    assert_eq!(paid["amount_received"], 1000);
    assert_eq!(gateway.charges(&intent, "succeeded").await.len(), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_bank_says_no_and_another_method_may_be_tried() {
    let gateway = Gateway::start_with(&[("api.settle_seconds", "0")]).await;
    let intent = gateway.pay_slowly("pm_usBankAccount_insufficientFunds").await;
    let failed = gateway.wait_for(&intent, "requires_payment_method").await;
    let error = &failed["last_payment_error"];
    assert_eq!(error["code"], "payment_intent_payment_attempt_failed");
    assert_eq!(error["charge"], failed["latest_charge"]);
    assert_eq!(ok(gateway.confirm(&intent, "pm_card_visa")).await["status"], "succeeded");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_bank_is_silent_nobody_can_give_up_or_try_another_method() {
    let gateway = Gateway::start_with(&[("api.settle_seconds", "0")]).await;
    let intent = gateway.pay_slowly("pm_usBankAccount_processing").await;
    let cancel =
        send(gateway.post(&format!("/v1/payment_intents/{}/cancel", id(&intent)), &[])).await;
    let confirm = send(gateway.confirm(&intent, "pm_card_visa")).await;
    for refused in [cancel, confirm] {
        assert_eq!(refused.error().1, "payment_intent_unexpected_state");
        assert_eq!(refused.body["error"]["payment_intent"]["status"], json!("processing"));
    }
    gateway.stop().await;
}
