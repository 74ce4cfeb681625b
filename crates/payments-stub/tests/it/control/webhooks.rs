//! Webhooks that misbehave.

use chrono::TimeDelta;
use serde_json::{Value, json};
use wiremock::{MockServer, Request};

use super::{Controlled, done};
use crate::webhooks::{QUICK, header, is_signed, received, receiver};
use crate::{data, ok};

/// A gateway, a receiver that accepts everything, and the receiver's secret.
async fn start(how: Value) -> (Controlled, MockServer, String) {
    // One worker, so that deliveries take turns.
    let gateway = Controlled::start_with(&[QUICK[0], QUICK[1], ("webhooks.parallel", "1")]).await;
    let server = receiver(&[200]).await;
    let endpoint = gateway.endpoint(&server.uri(), &["*"]).await;
    let now = done(gateway.tell("PUT", "/_test/webhooks", &how)).await;
    for (name, value) in how.as_object().unwrap() {
        assert_eq!(&now[name], value);
    }
    (gateway, server, endpoint["secret"].as_str().unwrap().to_owned())
}

fn event(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

fn types(requests: &[Request]) -> Vec<String> {
    requests.iter().map(|request| event(request)["type"].as_str().unwrap().to_owned()).collect()
}

/// How far the signature's time is from the gateway's.
fn age(gateway: &Controlled, request: &Request) -> i64 {
    let time: i64 = header(request, "stripe-signature")[2..12].parse().unwrap();
    gateway.service.clock.now().timestamp() - time
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_webhook_is_never_sent_and_listed_as_undelivered() {
    let (gateway, server, _) = start(json!({"drop": true})).await;
    gateway.create(&[]).await;
    testkit::eventually("the gateway gives up", async || {
        gateway.event("payment_intent.created").await["pending_webhooks"] == 0
    })
    .await;
    let undelivered = ok(gateway.get("/v1/events?delivery_success=false")).await;
    assert_eq!(data(&undelivered).len(), 1);
    assert!(server.received_requests().await.unwrap().is_empty());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicated_webhook_arrives_several_times_and_is_one_event() {
    let (gateway, server, secret) = start(json!({"duplicate": 3})).await;
    gateway.create(&[]).await;
    let requests = received(&server, 4).await;
    for request in &requests {
        assert_eq!(request.body, requests[0].body);
        assert!(is_signed(request, &secret, &request.body));
    }
    testkit::eventually("it is delivered", async || {
        gateway.event("payment_intent.created").await["pending_webhooks"] == 0
    })
    .await;
    gateway.stop().await;
    assert_eq!(server.received_requests().await.unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_webhook_arrives_when_its_time_has_come() {
    let (gateway, server, secret) = start(json!({"delay_ms": 600_000})).await;
    gateway.create(&[]).await;
    testkit::eventually("it is put off", async || {
        let row =
            "SELECT attempts = 0 AND due_at > now() + interval '5 minutes' FROM webhook_deliveries";
        gateway.sql().await.query_one(row, &[]).await.unwrap().get::<_, bool>(0)
    })
    .await;
    assert!(server.received_requests().await.unwrap().is_empty());
    gateway.service.clock.advance(TimeDelta::seconds(600));
    let request = received(&server, 1).await.remove(0);
    assert!(is_signed(&request, &secret, &request.body));
    assert!(age(&gateway, &request) < 60, "it is signed when it is sent");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reordered_webhooks_arrive_in_an_order_that_belongs_to_the_seed() {
    let mut orders = Vec::new();
    for seed in [1, 1, 2, 3, 4] {
        let how = json!({"reorder": true, "delay_ms": 600_000, "seed": seed});
        let (gateway, server, _) = start(how).await;
        gateway.pay(1000).await;
        testkit::eventually("all are put off", async || {
            let row = "SELECT count(*) FROM webhook_deliveries WHERE due_at > now() + interval '2 seconds' AND attempts = 0";
            gateway.sql().await.query_one(row, &[]).await.unwrap().get::<_, i64>(0) == 3
        })
        .await;
        gateway.service.clock.advance(TimeDelta::seconds(600));
        orders.push(types(&received(&server, 3).await));
        gateway.stop().await;
    }
    assert_eq!(orders[0], orders[1]);
    orders.dedup();
    assert!(orders.len() > 1, "{orders:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_can_be_an_hour_old() {
    let (gateway, server, secret) = start(json!({"stale_t": true})).await;
    gateway.create(&[]).await;
    let request = received(&server, 1).await.remove(0);
    assert!((3600..3660).contains(&age(&gateway, &request)));
    assert!(is_signed(&request, &secret, &request.body), "nothing else is wrong with it");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_can_be_an_hour_ahead() {
    let (gateway, server, secret) = start(json!({"future_t": true})).await;
    gateway.create(&[]).await;
    let request = received(&server, 1).await.remove(0);
    assert!((-3600..-3540).contains(&age(&gateway, &request)));
    assert!(is_signed(&request, &secret, &request.body), "nothing else is wrong with it");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_signature_is_nobodys() {
    let (gateway, server, secret) = start(json!({"bad_sig": true})).await;
    gateway.create(&[]).await;
    let request = received(&server, 1).await.remove(0);
    assert!(!is_signed(&request, &secret, &request.body));
    assert_eq!(header(&request, "stripe-signature").len(), "t=1700000000,v1=".len() + 64);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_makes_a_signature_of_somebody_elses() {
    let (gateway, server, secret) = start(json!({"wrong_secret": true})).await;
    gateway.create(&[]).await;
    let request = received(&server, 1).await.remove(0);
    assert!(!is_signed(&request, &secret, &request.body));
    assert!(is_signed(&request, "whsec_of_somebody_else", &request.body));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tampered_amount_is_not_what_was_signed() {
    let (gateway, server, secret) = start(json!({"tamper_amount": true})).await;
    gateway.create(&[]).await;
    let request = received(&server, 1).await.remove(0);
    assert!(!is_signed(&request, &secret, &request.body));
    let mut event = event(&request);
    assert_eq!(event["data"]["object"]["amount"], 1001);
    event["data"]["object"]["amount"] = json!(1000);
    let listed = gateway.event("payment_intent.created").await;
    assert_eq!(event["data"], listed["data"], "nothing else was changed");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_types_that_are_named_misbehave() {
    let (gateway, server, _) = start(json!({"drop": true, "types": ["charge.*"]})).await;
    gateway.pay(1000).await;
    let mut arrived = types(&received(&server, 2).await);
    arrived.sort_unstable();
    assert_eq!(arrived, ["payment_intent.created", "payment_intent.succeeded"]);
    testkit::eventually("the third one is given up", async || {
        gateway.event("charge.succeeded").await["pending_webhooks"] == 0
    })
    .await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_honest_again_when_they_are_told_to_be() {
    let (gateway, server, secret) = start(json!({"bad_sig": true, "duplicate": 1})).await;
    let honest = done(gateway.ask("DELETE", "/_test/webhooks")).await;
    assert_eq!(done(gateway.ask("GET", "/_test/webhooks")).await, honest);
    assert_eq!((&honest["bad_sig"], &honest["duplicate"]), (&json!(false), &json!(0)));
    gateway.create(&[]).await;
    let request = received(&server, 1).await.remove(0);
    assert!(is_signed(&request, &secret, &request.body));
    gateway.stop().await;
}
