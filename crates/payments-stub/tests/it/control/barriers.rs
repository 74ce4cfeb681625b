//! Holding requests at a point, and letting them go.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{Controlled, assert_problem, done};
use crate::{Answer, ok, send};

const CONFIRM: &str = "/v1/payment_intents/*/confirm";

impl Controlled {
    /// A barrier for confirmations at this point; its path.
    async fn barrier_at(&self, point: &str) -> String {
        let id = self.barrier(json!({"point": point, "match": {"path": CONFIRM}})).await;
        format!("/_test/barriers/{id}")
    }

    /// The PaymentIntent, and its confirmation on the way.
    async fn confirming(&self) -> (Value, JoinHandle<Answer>) {
        let intent = self.create(&[]).await;
        let request = self.confirm(&intent, "pm_card_visa").header("idempotency-key", "k");
        (intent, tokio::spawn(send(request)))
    }

    /// What a barrier says as soon as it holds somebody.
    async fn wait(&self, barrier: &str) -> Value {
        done(self.ask("GET", &format!("{barrier}?wait_ms=20000"))).await
    }

    async fn release(&self, barrier: &str) {
        let answer = done(self.ask("POST", &format!("{barrier}/release"))).await;
        assert_eq!(answer["released"], 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_never_gets_to_the_point_leaves_its_place_to_another() {
    let gateway = Controlled::start().await;
    let intent = gateway.create(&[]).await;
    let barrier =
        gateway.barrier(json!({"point": "after_effect", "match": {"method": "POST"}})).await;
    // Refused by name, so there is no effect to be held after.
    assert_eq!(send(gateway.confirm(&intent, "pm_card_gold")).await.status, 400);
    let held = tokio::spawn(gateway.confirm(&intent, "pm_card_visa").send());
    let seen = done(gateway.ask("GET", &format!("/_test/barriers/{barrier}?wait_ms=10000"))).await;
    assert_eq!((&seen["held"], &seen["passed"]), (&json!(1), &json!(1)));
    let all = done(gateway.ask("GET", "/_test/barriers")).await;
    assert_eq!((&all[0]["id"], &all[0]["held"]), (&json!(barrier), &json!(1)));
    assert_eq!(done(gateway.ask("DELETE", "/_test/barriers")).await["deleted"], 1);
    assert_eq!(held.await.unwrap().unwrap().status(), 200);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_held_on_arrival_has_done_nothing() {
    let gateway = Controlled::start().await;
    let barrier = gateway.barrier_at("arrived").await;
    let (intent, request) = gateway.confirming().await;
    let state = gateway.wait(&barrier).await;
    assert_eq!((&state["held"], &state["passed"]), (&json!(1), &json!(0)));
    assert_eq!(gateway.reread(&intent).await["status"], "requires_payment_method");
    assert!(!request.is_finished());
    gateway.release(&barrier).await;
    assert_eq!(request.await.unwrap().body["status"], "succeeded");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_held_after_its_effect_has_charged() {
    let gateway = Controlled::start().await;
    let barrier = gateway.barrier_at("after_effect").await;
    let (intent, request) = gateway.confirming().await;
    assert_eq!(gateway.wait(&barrier).await["held"], 1);
    assert_eq!(gateway.charges(&intent, "succeeded").await.len(), 1);
    assert!(!request.is_finished());
    // Its answer is kept already: whoever asks again gets it.
    let again = gateway.confirm(&intent, "pm_card_visa").header("idempotency-key", "k");
    let again = send(again).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, "true"));
    gateway.release(&barrier).await;
    assert_eq!(request.await.unwrap().text, again.text);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_request_needs_no_connection_of_the_database() {
    let gateway = Controlled::start_with(&[("database.pool_size", "1")]).await;
    let barrier = gateway.barrier_at("after_effect").await;
    let (intent, request) = gateway.confirming().await;
    gateway.wait(&barrier).await;
    // Workers come and go; a connection that the held request kept would never come back.
    assert_eq!(gateway.reread(&intent).await["status"], "succeeded");
    gateway.release(&barrier).await;
    assert_eq!(request.await.unwrap().status, 200);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_held_before_its_answer_has_one() {
    let gateway = Controlled::start().await;
    // Reading has no effect, so only one of these two points lies on its way.
    let list = json!({"method": "GET", "path": "/v1/payment_intents"});
    let effect = gateway.barrier(json!({"point": "after_effect", "match": list})).await;
    let answer = gateway.barrier(json!({"point": "before_answer", "match": list})).await;
    let request = tokio::spawn(ok(gateway.get("/v1/payment_intents")));
    let answer = format!("/_test/barriers/{answer}");
    assert_eq!(gateway.wait(&answer).await["held"], 1);
    let effect = done(gateway.ask("GET", &format!("/_test/barriers/{effect}"))).await;
    assert_eq!(effect["held"], 0);
    // Made while the answer is held: it is not in it.
    gateway.create(&[]).await;
    gateway.release(&answer).await;
    assert_eq!(request.await.unwrap()["data"], json!([]));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_barrier_that_was_released_is_gone() {
    let gateway = Controlled::start().await;
    let barrier = gateway.barrier_at("arrived").await;
    let (_, request) = gateway.confirming().await;
    gateway.wait(&barrier).await;
    assert_eq!(done(gateway.ask("DELETE", &barrier)).await["released"], 1);
    assert_eq!(request.await.unwrap().status, 200);
    assert_problem(&send(gateway.ask("GET", &barrier)).await, 404, "not-found");
    gateway.pay(500).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_barrier_holds_as_many_as_it_is_told_to() {
    let gateway = Controlled::start().await;
    let barrier = gateway.barrier_at("arrived").await;
    let (_, first) = gateway.confirming().await;
    gateway.wait(&barrier).await;
    let second = gateway.create(&[]).await;
    assert_eq!(send(gateway.confirm(&second, "pm_card_visa")).await.status, 200);
    let state = done(gateway.ask("GET", &barrier)).await;
    assert_eq!((&state["held"], &state["passed"]), (&json!(1), &json!(1)));

    let all = json!({"point": "arrived", "times": 0, "match": {"path": "/v1/refunds"}});
    let all = format!("/_test/barriers/{}", gateway.barrier(all).await);
    let held: Vec<_> = (0..3).map(|_| tokio::spawn(ok(gateway.get("/v1/refunds")))).collect();
    testkit::eventually("all three are held", async || {
        done(gateway.ask("GET", &all)).await["held"] == 3
    })
    .await;
    assert_eq!(done(gateway.ask("DELETE", &all)).await["released"], 3);
    for request in held {
        request.await.unwrap();
    }
    gateway.release(&barrier).await;
    assert_eq!(first.await.unwrap().status, 200);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_while_it_is_held_on_arrival_is_not_charged() {
    let gateway = Controlled::start().await;
    let barrier = gateway.barrier_at("arrived").await;
    let (intent, request) = gateway.confirming().await;
    gateway.wait(&barrier).await;
    request.abort();
    testkit::eventually("its request is not held any more", async || {
        let state = done(gateway.ask("GET", &barrier)).await;
        (&state["held"], &state["passed"]) == (&json!(0), &json!(1))
    })
    .await;
    testkit::eventually("it is over", async || gateway.active_requests() == 0.0).await;
    assert_eq!(gateway.reread(&intent).await["status"], "requires_payment_method");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_begins_before_the_request_ends_with_it() {
    let gateway = Controlled::start().await;
    let barrier = gateway.barrier_at("arrived").await;
    let waiting = gateway.ask("GET", &format!("{barrier}?wait_ms=30000")).send();
    let waiting = tokio::spawn(waiting);
    testkit::eventually("somebody waits", async || gateway.active_requests() >= 1.0).await;
    let started = Instant::now();
    let (_, request) = gateway.confirming().await;
    let state: Value = waiting.await.unwrap().unwrap().json().await.unwrap();
    assert_eq!(state["held"], 1);
    assert!(started.elapsed() < Duration::from_secs(25), "{:?}", started.elapsed());
    gateway.release(&barrier).await;
    request.await.unwrap();
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_in_vain_ends() {
    let gateway = Controlled::start().await;
    let barrier = gateway.barrier_at("arrived").await;
    let started = Instant::now();
    let state = done(gateway.ask("GET", &format!("{barrier}?wait_ms=100"))).await;
    assert_eq!((&state["held"], &state["passed"]), (&json!(0), &json!(0)));
    assert!(started.elapsed() >= Duration::from_millis(100));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_barrier_and_a_fault_meet_the_same_request_in_their_order() {
    let gateway = Controlled::start().await;
    let barrier = gateway.barrier_at("before_answer").await;
    let fault = json!({"action": "status", "when": "after_effect", "match": {"path": CONFIRM}});
    gateway.fault(fault).await;
    let (intent, request) = gateway.confirming().await;
    gateway.wait(&barrier).await;
    assert_eq!(gateway.reread(&intent).await["status"], "succeeded");
    gateway.release(&barrier).await;
    assert_eq!(request.await.unwrap().status, 500);
    gateway.stop().await;
}
