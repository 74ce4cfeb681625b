//! Money on its way back: never more than was taken.

use serde_json::{Value, json};

use crate::{Gateway, data, id, ok, send};

impl Gateway {
    fn refund(&self, intent: &Value, form: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let mut all = vec![("payment_intent", id(intent))];
        all.extend(form);
        self.post("/v1/refunds", &all)
    }

    /// The sum of the refunds in the list, and what the charge says.
    async fn refunded(&self, intent: &Value) -> (i64, i64) {
        let refunds =
            ok(self.get(&format!("/v1/refunds?limit=100&payment_intent={}", id(intent)))).await;
        let sum = data(&refunds).iter().map(|refund| refund["amount"].as_i64().unwrap()).sum();
        let charge = self.charges(intent, "succeeded").await.remove(0);
        (sum, charge["amount_refunded"].as_i64().unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_and_a_cancellation_at_once_do_not_wait_for_each_other_for_ever() {
    let gateway = Gateway::start().await;
    for _ in 0..10 {
        let intent = gateway.pay(1000).await;
        let charge = intent["latest_charge"].as_str().unwrap();
        let cancel = format!("/v1/payment_intents/{}/cancel", id(&intent));
        let (refund, canceled, other) = futures_util::future::join3(
            send(gateway.post("/v1/refunds", &[("charge", charge), ("amount", "100")])),
            send(gateway.post(&cancel, &[])),
            send(
                gateway.post("/v1/refunds", &[("payment_intent", id(&intent)), ("amount", "100")]),
            ),
        )
        .await;
        assert_eq!((refund.status, canceled.status, other.status), (200, 400, 200));
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_refund_gives_all_back_and_a_second_one_is_refused() {
    let gateway = Gateway::start().await;
    let intent = gateway.pay(1000).await;
    let form = [("reason", "requested_by_customer"), ("metadata[order_id]", "ord_1")];
    let refund = ok(gateway.refund(&intent, &form)).await;
    let mut expected = json!({
        "object": "refund", "amount": 1000, "balance_transaction": null, "currency": "eur",
        "metadata": {"order_id": "ord_1"}, "reason": "requested_by_customer", "receipt_number": null,
        "status": "succeeded",
    });
    expected["payment_intent"] = intent["id"].clone();
    expected["charge"] = intent["latest_charge"].clone();
    for field in ["id", "created"] {
        expected[field] = refund[field].clone();
    }
    assert_eq!(refund, expected);
    assert_eq!(ok(gateway.get(&format!("/v1/refunds/{}", id(&refund)))).await, refund);
    assert_eq!(gateway.charges(&intent, "succeeded").await[0]["refunded"], true);

    let again = send(gateway.refund(&intent, &[])).await;
    assert_eq!((again.status, again.error().1), (400, "charge_already_refunded"));
    assert_eq!(gateway.refunded(&intent).await, (1000, 1000));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_add_up_and_the_part_too_many_is_refused() {
    let gateway = Gateway::start().await;
    let intent = gateway.pay(1000).await;
    ok(gateway.refund(&intent, &[("amount", "400")])).await;
    assert_eq!(gateway.charges(&intent, "succeeded").await[0]["refunded"], false);
    let too_much = send(gateway.refund(&intent, &[("amount", "601")])).await;
    assert_eq!((too_much.status, too_much.error().2), (400, "amount"), "{}", too_much.text);
    assert_eq!(ok(gateway.refund(&intent, &[])).await["amount"], 600);
    assert_eq!(gateway.refunded(&intent).await, (1000, 1000));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_can_name_the_charge_itself() {
    let gateway = Gateway::start().await;
    let intent = gateway.pay(1000).await;
    let refund =
        ok(gateway.post("/v1/refunds", &[("charge", intent["latest_charge"].as_str().unwrap())]))
            .await;
    assert_eq!(refund["payment_intent"], intent["id"]);
    let of_charge = format!("/v1/refunds?charge={}", refund["charge"].as_str().unwrap());
    assert_eq!(data(&ok(gateway.get(&of_charge)).await), [refund]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_simultaneous_refunds_never_give_back_more_than_was_taken() {
    let gateway = Gateway::start_with(&[("database.wait_timeout_ms", "20000")]).await;
    let intent = gateway.pay(1000).await;
    let requests =
        (0..60).map(|_| tokio::spawn(send(gateway.refund(&intent, &[("amount", "70")]))));
    let mut succeeded = 0;
    for request in requests.collect::<Vec<_>>() {
        succeeded += i64::from(request.await.unwrap().status == 200);
    }
    assert_eq!(succeeded, 14, "1000 / 70");
    assert_eq!(gateway.refunded(&intent).await, (980, 980));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_refunded_is_refused() {
    let gateway = Gateway::start().await;
    let (paid, unpaid) = (gateway.pay(1000).await, gateway.create(&[]).await);
    let declined = send(gateway.confirm(&unpaid, "pm_card_chargeDeclined")).await;
    let failed = declined.body["error"]["charge"].as_str().unwrap();
    let charge = paid["latest_charge"].as_str().unwrap();
    for (form, code, param) in [
        (vec![], "parameter_missing", "payment_intent"),
        (vec![("payment_intent", id(&paid)), ("charge", charge)], "", "charge"),
        (vec![("payment_intent", "pi_nothing")], "resource_missing", "payment_intent"),
        (vec![("charge", "ch_nothing")], "resource_missing", "charge"),
        (vec![("charge", "nonsense")], "resource_missing", "charge"),
        (vec![("payment_intent", id(&unpaid))], "", ""),
        (vec![("charge", failed)], "", ""),
        (vec![("charge", charge), ("amount", "0")], "parameter_invalid_integer", "amount"),
        (vec![("charge", charge), ("amount", "-5")], "parameter_invalid_integer", "amount"),
        (vec![("charge", charge), ("amount", "9223372036854775807")], "", "amount"),
        (
            vec![("charge", charge), ("amount", "9223372036854775808")],
            "parameter_invalid_integer",
            "amount",
        ),
        (vec![("charge", charge), ("reason", "whim")], "", "reason"),
    ] {
        let refused = send(gateway.post("/v1/refunds", &form)).await;
        let expected = (400, ("invalid_request_error", code, param));
        assert_eq!((refused.status, refused.error()), expected, "{form:?}: {}", refused.text);
    }
    assert_eq!(gateway.refunded(&paid).await, (0, 0));
    gateway.stop().await;
}
