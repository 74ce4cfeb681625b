//! Webhook endpoints as they are changed: what they want, whether they listen, what they are signed with.

use chrono::{DateTime, TimeDelta};
use payments_stub::domain::signature::sign;
use serde_json::{Value, json};
use wiremock::MockServer;

use crate::webhooks::{QUICK, received, receiver};
use crate::{Gateway, data, id, ok, send};

fn path(endpoint: &Value) -> String {
    format!("/v1/webhook_endpoints/{}", id(endpoint))
}

/// How many signatures the last delivery carries, and whether it has exactly those of these secrets.
async fn is_signed_with(server: &MockServer, count: usize, secrets: &[&str]) -> bool {
    let request = received(server, count).await.pop().unwrap();
    let signature = request.headers["stripe-signature"].to_str().unwrap();
    let seconds = signature.strip_prefix("t=").unwrap().split(',').next().unwrap();
    let at = DateTime::from_timestamp(seconds.parse().unwrap(), 0).unwrap();
    sign(secrets, at, &request.body) == signature
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_secret_is_rolled_both_sign_and_afterwards_only_the_new_one() {
    let gateway = Gateway::start_with(&QUICK).await;
    let server = receiver(&[200]).await;
    let endpoint = gateway.endpoint(&server.uri(), &["payment_intent.created"]).await;
    let old = endpoint["secret"].as_str().unwrap();

    let rolled = format!("{}/roll_secret", path(&endpoint));
    let rolled = ok(gateway.post(&rolled, &[("overlap_seconds", "3600")])).await;
    let new = rolled["secret"].as_str().unwrap();
    assert_ne!(new, old);
    gateway.create(&[]).await;
    assert!(is_signed_with(&server, 1, &[new, old]).await);

    gateway.service.clock.advance(TimeDelta::hours(1));
    gateway.create(&[]).await;
    assert!(is_signed_with(&server, 2, &[new]).await);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_shown_only_when_it_is_made() {
    let gateway = Gateway::start().await;
    let endpoint = gateway.endpoint("http://localhost:9/", &["*"]).await;
    assert!(endpoint["secret"].is_string());
    let shown = ok(gateway.get(&path(&endpoint))).await;
    let updated = ok(gateway.post(&path(&endpoint), &[("description", "mine")])).await;
    for answer in [shown, updated] {
        assert!(answer.get("secret").is_none(), "{answer}");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_can_be_moved_and_asked_for_other_events() {
    let gateway = Gateway::start_with(&QUICK).await;
    let (before, after) = (receiver(&[200]).await, receiver(&[200]).await);
    let endpoint = gateway.endpoint(&before.uri(), &["charge.failed"]).await;
    let change = [
        ("url", after.uri()),
        ("enabled_events[]", "charge.succeeded".to_owned()),
        ("metadata[team]", "shop".to_owned()),
    ];
    let change: Vec<_> = change.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let changed = ok(gateway.post(&path(&endpoint), &change)).await;
    assert_eq!(changed["enabled_events"], json!(["charge.succeeded"]));
    assert_eq!(changed["metadata"], json!({"team": "shop"}));
    gateway.pay(1000).await;
    received(&after, 1).await;
    received(&before, 0).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_while_an_endpoint_is_disabled_is_not_delivered() {
    let gateway = Gateway::start_with(&QUICK).await;
    let server = receiver(&[200]).await;
    let endpoint = gateway.endpoint(&server.uri(), &["payment_intent.created"]).await;
    let disabled = ok(gateway.post(&path(&endpoint), &[("disabled", "true")])).await;
    assert_eq!(disabled["status"], "disabled");
    gateway.create(&[]).await;
    ok(gateway.post(&path(&endpoint), &[("disabled", "false")])).await;
    let seen = gateway.create(&[]).await;
    let request = received(&server, 1).await.remove(0);
    let event: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(event["data"]["object"]["id"], seen["id"]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attempt_is_on_record() {
    let gateway = Gateway::start_with(&QUICK).await;
    let server = receiver(&[500, 200]).await;
    let endpoint = gateway.endpoint(&server.uri(), &["payment_intent.created"]).await;
    gateway.create(&[]).await;
    let attempts = format!("{}/attempts", path(&endpoint));
    testkit::eventually("both attempts are written down", async || {
        data(&ok(gateway.get(&attempts)).await).len() == 2
    })
    .await;
    let listed = ok(gateway.get(&attempts)).await;
    let told: Vec<_> = data(&listed)
        .iter()
        .map(|attempt| (attempt["attempt"].as_i64(), attempt["status"].as_i64()))
        .collect();
    assert_eq!(told, [(Some(2), Some(200)), (Some(1), Some(500))]);
    let next = format!("{attempts}?limit=1&starting_after={}", id(&data(&listed)[0]));
    assert_eq!(data(&ok(gateway.get(&next)).await)[0]["attempt"], 1);
    let nowhere = send(gateway.get(&format!("{attempts}?starting_after=att_0"))).await;
    assert_eq!((nowhere.status, nowhere.error().1), (400, "resource_missing"));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overlap_that_was_promised_is_kept_and_the_settings_endpoint_is_theirs() {
    let settings = [("webhooks.url", "http://localhost:9/"), ("webhooks.secret", "whsec_settings")];
    let gateway = Gateway::start_with(&settings).await;
    let theirs = data(&ok(gateway.get("/v1/webhook_endpoints")).await)[0].clone();
    let ours = gateway.endpoint("http://localhost:9/", &["charge.failed"]).await;
    let roll = |endpoint: &Value, seconds: &'static str| {
        send(
            gateway
                .post(&format!("{}/roll_secret", path(endpoint)), &[("overlap_seconds", seconds)]),
        )
    };
    assert_eq!(roll(&ours, "60").await.status, 200);
    assert_eq!(roll(&ours, "60").await.status, 400, "the first overlap still runs");
    assert_eq!(roll(&ours, "0").await.status, 200, "at once is always possible");
    assert_eq!(roll(&theirs, "60").await.status, 400);
    let moved = send(gateway.post(&path(&theirs), &[("url", "http://localhost:10/")])).await;
    assert_eq!(moved.status, 400);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_an_endpoint_or_not_a_change_is_refused() {
    let gateway = Gateway::start().await;
    let endpoint = gateway.endpoint("http://localhost:9/", &["*"]).await;
    let roll = format!("{}/roll_secret", path(&endpoint));
    for (path, form, status) in [
        ("/v1/webhook_endpoints/we_none", ("description", "x"), 404),
        ("/v1/webhook_endpoints/we_none/roll_secret", ("overlap_seconds", "1"), 404),
        (path(&endpoint).as_str(), ("url", "ftp://host/"), 400),
        (path(&endpoint).as_str(), ("disabled", "perhaps"), 400),
        (roll.as_str(), ("overlap_seconds", "86401"), 400),
        (roll.as_str(), ("overlap_seconds", "-1"), 400),
    ] {
        assert_eq!(send(gateway.post(path, &[form])).await.status, status, "{path} {form:?}");
    }
    gateway.stop().await;
}
