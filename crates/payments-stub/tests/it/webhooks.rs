//! Telling receivers: signed, at least once, until they say 2xx.

use std::net::TcpListener;

use chrono::{DateTime, TimeDelta};
use payments_stub::domain::signature::sign;
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::{Gateway, data, id, ok, send};

pub(crate) const QUICK: [(&str, &str); 2] =
    [("webhooks.retry_seconds", "0.01,0.01,0.01,0.01,0.01,0.01"), ("webhooks.poll_ms", "20")];

/// A receiver that answers with these statuses, and with the last one from then on.
pub(crate) async fn receiver(statuses: &[u16]) -> MockServer {
    let server = MockServer::start().await;
    let (last, first) = statuses.split_last().unwrap();
    for status in first {
        Mock::given(any())
            .respond_with(ResponseTemplate::new(*status))
            .up_to_n_times(1)
            .mount(&server)
            .await;
    }
    Mock::given(any()).respond_with(ResponseTemplate::new(*last)).mount(&server).await;
    server
}

impl Gateway {
    /// An endpoint at `url` for these events; with its secret.
    pub(crate) async fn endpoint(&self, url: &str, events: &[&str]) -> Value {
        let mut form = vec![("url", url)];
        form.extend(events.iter().map(|event| ("enabled_events[]", *event)));
        ok(self.post("/v1/webhook_endpoints", &form)).await
    }

    /// The only event of this type.
    pub(crate) async fn event(&self, kind: &str) -> Value {
        data(&ok(self.get(&format!("/v1/events?type={kind}"))).await)[0].clone()
    }
}

/// What the receiver got, once it has got so many.
pub(crate) async fn received(server: &MockServer, count: usize) -> Vec<Request> {
    testkit::eventually("the webhooks arrive", async || {
        server.received_requests().await.unwrap().len() >= count
    })
    .await;
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), count, "more arrived than should");
    requests
}

pub(crate) fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers.get(name).unwrap().to_str().unwrap()
}

/// Whether the signature covers exactly these bytes under this secret.
pub(crate) fn is_signed(request: &Request, secret: &str, body: &[u8]) -> bool {
    let signature = header(request, "stripe-signature");
    let seconds = signature.strip_prefix("t=").unwrap().split(',').next().unwrap().parse().unwrap();
    sign(&[secret], DateTime::from_timestamp(seconds, 0).unwrap(), body) == signature
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_arrives_signed_over_its_exact_bytes() {
    let gateway = Gateway::start_with(&QUICK).await;
    let server = receiver(&[200]).await;
    let endpoint = gateway.endpoint(&server.uri(), &["payment_intent.succeeded"]).await;
    let secret = endpoint["secret"].as_str().unwrap();
    gateway.pay(1000).await;
    let request = received(&server, 1).await.remove(0);
    assert!(secret.starts_with("whsec_"));
    assert!(is_signed(&request, secret, &request.body));
    assert!(!is_signed(&request, "whsec_other", &request.body));
    let mut tampered = request.body.clone();
    tampered.push(b' ');
    assert!(!is_signed(&request, secret, &tampered));
    assert_eq!(header(&request, "content-type"), "application/json; charset=utf-8");

    let event: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(
        (&event["type"], &event["pending_webhooks"]),
        (&json!("payment_intent.succeeded"), &json!(1))
    );
    testkit::eventually("the event is known as delivered", async || {
        let listed = gateway.event("payment_intent.succeeded").await;
        assert_eq!(listed["id"], event["id"]);
        listed["pending_webhooks"] == 0
    })
    .await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_gets_only_what_it_asked_for() {
    let gateway = Gateway::start_with(&QUICK).await;
    let (some, all) = (receiver(&[200]).await, receiver(&[200]).await);
    gateway.endpoint(&some.uri(), &["charge.succeeded", "charge.failed"]).await;
    gateway.endpoint(&all.uri(), &["*"]).await;
    gateway.pay(1000).await;
    received(&all, 3).await;
    received(&some, 1).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failure_the_same_event_is_sent_again_under_a_new_signature() {
    let gateway = Gateway::start_with(&QUICK).await;
    let server = receiver(&[500, 302, 404, 200]).await;
    let endpoint = gateway.endpoint(&server.uri(), &["payment_intent.created"]).await;
    gateway.create(&[]).await;
    let requests = received(&server, 4).await;
    for request in &requests {
        assert_eq!(request.body, requests[0].body);
        assert!(is_signed(request, endpoint["secret"].as_str().unwrap(), &request.body));
    }
    let metrics = String::from_utf8(gateway.service.metrics.render()).unwrap();
    assert!(
        metrics.contains("gateway_webhook_deliveries_total{outcome=\"failed\"} 3"),
        "{metrics}"
    );
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_attempt_is_signed_at_its_own_time() {
    let gateway =
        Gateway::start_with(&[("webhooks.retry_seconds", "600"), ("webhooks.poll_ms", "20")]).await;
    let server = receiver(&[500, 200]).await;
    gateway.endpoint(&server.uri(), &["payment_intent.created"]).await;
    gateway.create(&[]).await;
    received(&server, 1).await;
    testkit::eventually("the failure is in the books", async || {
        let row = gateway
            .sql()
            .await
            .query_one("SELECT last_status FROM webhook_deliveries", &[])
            .await
            .unwrap();
        row.get::<_, Option<i32>>(0) == Some(500)
    })
    .await;
    gateway.service.clock.advance(TimeDelta::minutes(11));
    let requests = received(&server, 2).await;
    let time =
        |request: &Request| header(request, "stripe-signature")[2..12].parse::<i64>().unwrap();
    assert!(time(&requests[1]) - time(&requests[0]) >= 660);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_no_attempt_is_left_the_event_is_listed_as_undelivered() {
    let gateway =
        Gateway::start_with(&[("webhooks.retry_seconds", "0.01"), ("webhooks.poll_ms", "20")])
            .await;
    let server = receiver(&[500]).await;
    gateway.endpoint(&server.uri(), &["payment_intent.created"]).await;
    gateway.pay(1000).await;
    received(&server, 2).await;
    testkit::eventually("the gateway gives up", async || {
        gateway.event("payment_intent.created").await["pending_webhooks"] == 0
    })
    .await;
    let list = async |success: &str| {
        let list = ok(gateway.get(&format!("/v1/events?delivery_success={success}"))).await;
        data(&list)
            .iter()
            .map(|event| event["type"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(list("false").await, ["payment_intent.created"]);
    assert_eq!(list("true").await, ["payment_intent.succeeded", "charge.succeeded"]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undelivered_event_survives_a_restart() {
    let hour = [("webhooks.retry_seconds", "3600"), ("webhooks.poll_ms", "20")];
    let gateway = Gateway::start_with(&hour).await;
    let server = receiver(&[500, 200]).await;
    let endpoint = gateway.endpoint(&server.uri(), &["payment_intent.succeeded"]).await;
    gateway.pay(1000).await;
    let first = received(&server, 1).await.remove(0);
    let database = gateway.stop_keeping_database().await;

    let gateway = Gateway::start_with(&[hour[0], hour[1], ("database.url", database.url())]).await;
    gateway.service.clock.advance(TimeDelta::hours(2));
    let again = received(&server, 2).await.remove(1);
    assert_eq!(again.body, first.body);
    assert!(is_signed(&again, endpoint["secret"].as_str().unwrap(), &again.body));
    gateway.stop().await;
    database.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_worker_had_claimed_is_delivered_by_another_one_later() {
    let gateway = Gateway::start_with(&QUICK).await;
    let server = receiver(&[200]).await;
    gateway.endpoint(&server.uri(), &["charge.succeeded"]).await;
    gateway.pay(1000).await;
    received(&server, 1).await;
    testkit::eventually("the delivery is in the books", async || {
        gateway.event("charge.succeeded").await["pending_webhooks"] == 0
    })
    .await;
    // As if the worker had died after its claim: a lease, and no outcome.
    let claimed =
        "UPDATE webhook_deliveries SET delivered_at = NULL, due_at = now() + interval '30 seconds'";
    gateway.sql().await.batch_execute(claimed).await.unwrap();
    gateway.service.clock.advance(TimeDelta::seconds(31));
    received(&server, 2).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_receiver_does_not_delay_the_others() {
    let gateway = Gateway::start_with(&[("webhooks.timeout_ms", "60000")]).await;
    // It takes the connection and never answers.
    let slow = TcpListener::bind("127.0.0.1:0").unwrap();
    let quick = receiver(&[200]).await;
    gateway
        .endpoint(&format!("http://{}", slow.local_addr().unwrap()), &["payment_intent.created"])
        .await;
    gateway.endpoint(&quick.uri(), &["payment_intent.created"]).await;
    gateway.create(&[]).await;
    received(&quick, 1).await;
    drop(slow);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_never_answers_is_given_up_on_in_time() {
    let settings = [("webhooks.timeout_ms", "100"), ("webhooks.retry_seconds", "3600")];
    let gateway = Gateway::start_with(&settings).await;
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    gateway
        .endpoint(&format!("http://{}", silent.local_addr().unwrap()), &["payment_intent.created"])
        .await;
    gateway.create(&[]).await;
    testkit::eventually("the timeout is in the books", async || {
        let row = gateway
            .sql()
            .await
            .query_one("SELECT last_error FROM webhook_deliveries", &[])
            .await
            .unwrap();
        row.get::<_, Option<String>>(0).is_some_and(|error| error.contains("in time"))
    })
    .await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receiver_of_the_settings_is_there_from_the_start_and_follows_them() {
    let server = receiver(&[200]).await;
    let url = server.uri();
    let settings =
        [QUICK[0], QUICK[1], ("webhooks.url", url.as_str()), ("webhooks.secret", "whsec_settings")];
    let gateway = Gateway::start_with(&settings).await;
    gateway.create(&[]).await;
    let request = received(&server, 1).await.remove(0);
    assert!(is_signed(&request, "whsec_settings", &request.body));
    let database = gateway.stop_keeping_database().await;

    let mut changed = settings.to_vec();
    changed[3].1 = "whsec_changed";
    changed.push(("database.url", database.url()));
    let gateway = Gateway::start_with(&changed).await;
    gateway.create(&[]).await;
    let request = received(&server, 2).await.remove(1);
    assert!(is_signed(&request, "whsec_changed", &request.body));
    assert_eq!(data(&ok(gateway.get("/v1/webhook_endpoints")).await).len(), 1);
    gateway.stop().await;

    let gateway = Gateway::start_with(&[("database.url", database.url())]).await;
    assert_eq!(data(&ok(gateway.get("/v1/webhook_endpoints")).await).len(), 0);
    gateway.stop().await;
    database.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_shown_once() {
    let gateway = Gateway::start().await;
    let server = receiver(&[200]).await;
    let mut endpoint = gateway.endpoint(&server.uri(), &["charge.failed"]).await;
    assert!(endpoint.as_object_mut().unwrap().remove("secret").is_some());
    assert_eq!(data(&ok(gateway.get("/v1/webhook_endpoints")).await), [endpoint.clone()]);
    assert_eq!(
        ok(gateway.get(&format!("/v1/webhook_endpoints/{}", id(&endpoint)))).await,
        endpoint
    );
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_endpoint_gets_nothing_more() {
    let gateway =
        Gateway::start_with(&[("webhooks.retry_seconds", "3600"), ("webhooks.poll_ms", "20")])
            .await;
    let server = receiver(&[500, 200]).await;
    let endpoint = gateway.endpoint(&server.uri(), &["*"]).await;
    gateway.create(&[]).await;
    received(&server, 1).await;
    let path = format!("/v1/webhook_endpoints/{}", id(&endpoint));
    let deleted = ok(gateway.delete(&path)).await;
    assert_eq!(
        deleted,
        json!({"id": id(&endpoint), "object": "webhook_endpoint", "deleted": true})
    );
    assert_eq!(send(gateway.delete(&path)).await.status, 404);
    gateway.create(&[]).await;
    assert_eq!(gateway.event("payment_intent.created").await["pending_webhooks"], 0);
    gateway.stop().await;
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_are_checked_and_limited() {
    let gateway = Gateway::start().await;
    let create =
        async |form: &[(&str, &str)]| send(gateway.post("/v1/webhook_endpoints", form)).await;
    for (form, param) in [
        (vec![("enabled_events[]", "*")], "url"),
        (vec![("url", "ftp://receiver"), ("enabled_events[]", "*")], "url"),
        (vec![("url", "http://user:secret@receiver"), ("enabled_events[]", "*")], "url"),
        (vec![("url", "http://receiver")], "enabled_events"),
        (
            vec![("url", "http://receiver"), ("enabled_events[]", "customer.created")],
            "enabled_events",
        ),
    ] {
        let refused = create(&form).await;
        assert_eq!((refused.status, refused.error().2), (400, param), "{form:?}: {}", refused.text);
        assert!(!refused.text.contains("secret"), "{}", refused.text);
    }
    let form = [("url", "http://receiver"), ("enabled_events[]", "*")];
    for _ in 0..16 {
        assert_eq!(create(&form).await.status, 200);
    }
    assert_eq!(create(&form).await.status, 400);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_spans_the_request_and_its_webhook() {
    let gateway = Gateway::start_with(&QUICK).await;
    let server = receiver(&[200]).await;
    gateway.endpoint(&server.uri(), &["payment_intent.created"]).await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let form = [("amount", "1000"), ("currency", "eur")];
    let request = gateway
        .post("/v1/payment_intents", &form)
        .header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"));
    ok(request).await;
    let request = received(&server, 1).await.remove(0);
    assert!(header(&request, "traceparent").contains(trace), "{}", header(&request, "traceparent"));
    gateway.stop().await;
}
