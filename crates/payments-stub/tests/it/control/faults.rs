//! Which requests a fault strikes, and how often.

use serde_json::json;

use super::{Controlled, done};
use crate::{data, id, ok, send};

const LIST: &str = "/v1/payment_intents";

impl Controlled {
    /// The statuses of so many requests, one after the other.
    async fn statuses(&self, count: usize) -> Vec<u16> {
        let mut statuses = Vec::new();
        for _ in 0..count {
            statuses.push(send(self.get(LIST)).await.status);
        }
        statuses
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_strikes_the_next_request_and_no_other() {
    let gateway = Controlled::start().await;
    gateway.fault(json!({"action": "status"})).await;
    assert_eq!(gateway.statuses(3).await, [500, 200, 200]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_strikes_as_often_as_it_is_told_to() {
    let gateway = Controlled::start().await;
    gateway.fault(json!({"action": "status", "times": 2})).await;
    assert_eq!(gateway.statuses(3).await, [500, 500, 200]);
    gateway.fault(json!({"action": "status", "times": 0})).await;
    assert_eq!(gateway.statuses(4).await, [500; 4]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_can_wait_for_the_nth_request() {
    let gateway = Controlled::start().await;
    gateway.fault(json!({"action": "status", "match": {"nth": 3}})).await;
    assert_eq!(gateway.statuses(5).await, [200, 200, 500, 200, 200]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chance_decides_the_same_again_with_the_same_seed() {
    let gateway = Controlled::start().await;
    let run = async |seed: u32| {
        let fault = json!({"action": "status", "times": 0, "probability": 0.5, "seed": seed});
        gateway.fault(fault).await;
        let statuses = gateway.statuses(20).await;
        done(gateway.ask("DELETE", "/_test/faults")).await;
        statuses
    };
    let first = run(7).await;
    assert!(first.contains(&200) && first.contains(&500), "{first:?}");
    assert_eq!(run(7).await, first);
    assert_ne!(run(8).await, first);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_strikes_the_method_and_the_path_that_it_names() {
    let gateway = Controlled::start().await;
    let path = "/v1/payment_intents/*/confirm";
    let fault = json!({"action": "status", "times": 0, "match": {"method": "POST", "path": path}});
    gateway.fault(fault).await;
    let intent = gateway.create(&[("payment_method", "pm_card_visa")]).await;
    assert_eq!(gateway.reread(&intent).await["id"], intent["id"]);
    assert_eq!(send(gateway.confirm(&intent, "pm_card_visa")).await.status, 500);
    let cancel = format!("/v1/payment_intents/{}/cancel", id(&intent));
    assert_eq!(send(gateway.post(&cancel, &[])).await.status, 200);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_finds_a_request_by_the_notes_that_it_brings() {
    let gateway = Controlled::start().await;
    let fault = json!({"action": "status", "match": {"metadata": {"order_id": "o1"}}});
    gateway.fault(fault).await;
    let create = |order| {
        let form = [("amount", "1000"), ("currency", "eur"), ("metadata[order_id]", order)];
        send(gateway.post(LIST, &form))
    };
    let other = create("o2").await;
    assert_eq!((other.status, &other.body["metadata"]["order_id"]), (200, &json!("o2")));
    assert_eq!(create("o1").await.status, 500);
    // The body was read twice.
    let again = create("o1").await;
    assert_eq!((again.status, &again.body["amount"]), (200, &json!(1000)));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_finds_a_request_by_the_notes_of_its_payment_intent() {
    let gateway = Controlled::start().await;
    let intent = async |order| gateway.create(&[("metadata[order_id]", order)]).await;
    let (first, second) = (intent("o1").await, intent("o2").await);
    let fault = |path: &str| {
        let found = json!({"method": "POST", "path": path, "metadata": {"order_id": "o1"}});
        gateway.fault(json!({"action": "status", "match": found}))
    };
    fault("/v1/payment_intents/*/confirm").await;
    assert_eq!(ok(gateway.confirm(&second, "pm_card_visa")).await["status"], "succeeded");
    assert_eq!(send(gateway.confirm(&first, "pm_card_visa")).await.status, 500);
    assert_eq!(ok(gateway.confirm(&first, "pm_card_visa")).await["status"], "succeeded");

    fault("/v1/refunds").await;
    let refund = |intent| send(gateway.post("/v1/refunds", &[("payment_intent", id(intent))]));
    assert_eq!(refund(&second).await.status, 200);
    assert_eq!(refund(&first).await.status, 500);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_refused_as_ever() {
    let gateway = Controlled::start().await;
    let fault = json!({"action": "status", "times": 0, "match": {"metadata": {"a": "b"}}});
    gateway.fault(fault).await;
    let large = "x".repeat(200_000);
    assert_eq!(send(gateway.post(LIST, &[("description", &large)])).await.status, 413);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_use_up_no_fault() {
    let gateway = Controlled::start().await;
    gateway.fault(json!({"action": "status"})).await;
    let stranger = gateway.service.http.get(LIST).bearer_auth("sk_test_somebody");
    assert_eq!(send(stranger).await.status, 401);
    assert_eq!(gateway.statuses(1).await, [500]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_are_listed_with_what_they_did_and_can_be_deleted() {
    let gateway = Controlled::start().await;
    let first = gateway.fault(json!({"action": "status", "times": 2, "status": 503})).await;
    let second = gateway.fault(json!({"action": "hang", "match": {"nth": 9}})).await;
    gateway.statuses(1).await;
    let list = done(gateway.ask("GET", "/_test/faults")).await;
    assert_eq!(
        list[0],
        json!({
            "id": first, "action": "status", "status": 503, "when": "before", "delay_ms": 0,
            "times": 2, "probability": 1.0, "seed": 0, "seen": 1, "struck": 1,
            "match": {"method": null, "path": null, "metadata": {}, "nth": null}
        })
    );
    assert_eq!((&list[1]["seen"], &list[1]["struck"]), (&json!(1), &json!(0)));

    done(gateway.ask("DELETE", &format!("/_test/faults/{first}"))).await;
    assert_eq!(gateway.statuses(1).await, [200]);
    assert_eq!(done(gateway.ask("GET", "/_test/faults")).await[0]["id"], json!(second));
    assert_eq!(done(gateway.ask("DELETE", "/_test/faults")).await, json!({"deleted": 1}));
    assert_eq!(done(gateway.ask("GET", "/_test/faults")).await, json!([]));
    assert!(data(&ok(gateway.get(LIST)).await).is_empty());
    gateway.stop().await;
}
