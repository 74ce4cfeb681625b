//! The control plane: who may use it, what it refuses, time, keys. What it does to requests and webhooks stands in the
//! modules below.

mod answers;
mod barriers;
mod faults;
mod ledger;
mod webhooks;

use std::net::TcpListener;
use std::ops::Deref;
use std::sync::atomic::{AtomicU32, Ordering};

use payments_stub::control::app::ControlPlane;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use testkit::Http;
use tokio_util::sync::CancellationToken;

use crate::webhooks::{received, receiver};
use crate::{Answer, Gateway, KEY, send};

const TOKEN: &str = "the token of the control plane";

/// A gateway whose control plane is on.
struct Controlled {
    gateway: Gateway,
    control: Http,
}

impl Deref for Controlled {
    type Target = Gateway;

    fn deref(&self) -> &Gateway {
        &self.gateway
    }
}

/// A port that nobody else takes: not one of those that the system hands out for connections.
pub(crate) fn free_port() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mut ports = std::iter::repeat_with(|| {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        20_000 + (std::process::id().wrapping_mul(97) + next) % 10_000
    });
    ports.find(|port| TcpListener::bind(format!("127.0.0.1:{port}")).is_ok()).unwrap()
}

impl Controlled {
    async fn start() -> Self {
        Self::start_with(&[]).await
    }

    async fn start_with(overrides: &[(&str, &str)]) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let mut all = vec![("control.listen", address.as_str()), ("control.token", TOKEN)];
        all.extend(overrides);
        let gateway = Gateway::start_with(&all).await;
        Self { gateway, control: Http::new(&format!("http://{address}")) }
    }

    async fn stop(self) {
        self.gateway.stop().await;
    }

    fn ask(&self, method: &str, path: &str) -> RequestBuilder {
        self.control.request(method, path).bearer_auth(TOKEN)
    }

    fn tell(&self, method: &str, path: &str, body: &Value) -> RequestBuilder {
        self.ask(method, path).json(body)
    }

    /// Adds a fault; its name.
    async fn fault(&self, fault: Value) -> String {
        created(self.tell("POST", "/_test/faults", &fault)).await
    }

    /// Waits until the first fault has struck.
    async fn struck(&self) {
        testkit::eventually("the fault strikes", async || {
            done(self.ask("GET", "/_test/faults")).await[0]["struck"] == 1
        })
        .await;
    }

    /// Adds a barrier; its name.
    async fn barrier(&self, barrier: Value) -> String {
        created(self.tell("POST", "/_test/barriers", &barrier)).await
    }

    /// Requests that are being handled or held, on the public listener and on that of the control plane.
    fn active_requests(&self) -> f64 {
        let metrics = String::from_utf8(self.service.metrics.render()).unwrap();
        let line = metrics.lines().find(|line| line.starts_with("http_server_active_requests"));
        line.unwrap().rsplit(' ').next().unwrap().parse().unwrap()
    }
}

async fn created(request: RequestBuilder) -> String {
    let answer = send(request).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    crate::id(&answer.body).to_owned()
}

/// Sends a request to the control plane that must succeed.
async fn done(request: RequestBuilder) -> Value {
    let answer = send(request).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body
}

fn assert_problem(answer: &Answer, status: u16, slug: &str) {
    let kind = answer.body["type"].as_str().unwrap_or_default();
    assert_eq!(
        (answer.status, kind),
        (status, format!("/problems/{slug}").as_str()),
        "{}",
        answer.text
    );
    assert_eq!(answer.header("content-type"), "application/problem+json");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_off_by_default() {
    let gateway = Gateway::start().await;
    for key in [KEY, TOKEN] {
        for path in ["/_test/faults", "/v1/_test/faults"] {
            assert_eq!(send(gateway.service.http.get(path).bearer_auth(key)).await.status, 404);
        }
    }
    gateway.stop().await;
    let defaults = settings(&[]).control;
    assert!(ControlPlane::bind(&defaults, &CancellationToken::new()).unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn its_routes_are_on_its_own_listener_only() {
    let gateway = Controlled::start().await;
    for path in ["/_test/faults", "/v1/_test/faults"] {
        assert_eq!(send(gateway.service.http.get(path).bearer_auth(TOKEN)).await.status, 404);
    }
    assert_eq!(send(gateway.ask("GET", "/v1/payment_intents")).await.status, 404);
    assert_eq!(send(gateway.ask("GET", "/_test/faults")).await.body, json!([]));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_does_not_open_it_and_its_token_is_no_api_key() {
    let gateway = Controlled::start().await;
    let control = || gateway.control.get("/_test/clock");
    for refused in [
        control(),
        control().bearer_auth(KEY),
        control().basic_auth(KEY, Some("")),
        control().basic_auth(TOKEN, Some("")),
        control().bearer_auth(format!("{TOKEN}.")),
        gateway.control.post("/_test/faults").bearer_auth(KEY).json(&json!({"action": "reset"})),
    ] {
        let answer = send(refused).await;
        assert_problem(&answer, 401, "unauthenticated");
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
        assert!(!answer.text.contains("sk_test"), "{}", answer.text);
    }
    assert_eq!(done(gateway.ask("GET", "/_test/faults")).await, json!([]));
    let public = send(gateway.service.http.get("/v1/events").bearer_auth(TOKEN)).await;
    assert_eq!((public.status, public.error().0), (401, "invalid_request_error"));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_it_refuses_is_a_problem_document() {
    let gateway = Controlled::start().await;
    let fault = |body: Value| gateway.tell("POST", "/_test/faults", &body);
    for (request, status, slug) in [
        (gateway.ask("GET", "/_test/nothing"), 404, "no-such-route"),
        (gateway.ask("PUT", "/_test/faults"), 405, "method-not-allowed"),
        (gateway.ask("POST", "/_test/faults").body("{}"), 415, "unsupported-media-type"),
        (fault(json!("x")).body("{"), 400, "malformed-request"),
        (fault(json!({})), 422, "invalid-request"),
        (fault(json!({"action": "explode"})), 422, "invalid-request"),
        (fault(json!({"action": "reset", "often": 1})), 422, "invalid-request"),
        (fault(json!({"action": "reset", "match": {"verb": "GET"}})), 422, "invalid-request"),
        (gateway.ask("DELETE", "/_test/faults/fault_1"), 404, "not-found"),
        (gateway.ask("GET", "/_test/barriers/barrier_1"), 404, "not-found"),
        (gateway.ask("POST", "/_test/barriers/barrier_1/release"), 404, "not-found"),
        (gateway.tell("PUT", "/_test/webhooks", &json!({"stale": true})), 422, "invalid-request"),
        (
            gateway.tell("POST", "/_test/clock", &json!({"advance_seconds": -1})),
            422,
            "invalid-request",
        ),
        (fault(json!({"action": "reset", "seed": "a".repeat(200_000)})), 413, "body-too-large"),
    ] {
        assert_problem(&send(request).await, status, slug);
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_and_texts_have_bounds_and_every_fault_is_listed() {
    let gateway = Controlled::start().await;
    let wish = json!({
        "action": "status", "status": 200, "delay_ms": 600_001, "probability": 1.1,
        "match": {"method": "BREW", "path": "/v2", "nth": 0, "metadata": {"k": "v".repeat(501)}}
    });
    let refused = send(gateway.tell("POST", "/_test/faults", &wish)).await;
    assert_problem(&refused, 422, "invalid-request");
    let faults = refused.body["errors"].as_array().unwrap();
    let mut pointers: Vec<_> =
        faults.iter().map(|fault| fault["pointer"].as_str().unwrap()).collect();
    pointers.sort_unstable();
    assert_eq!(
        pointers,
        [
            "/delay_ms",
            "/match/metadata",
            "/match/method",
            "/match/nth",
            "/match/path",
            "/probability",
            "/status"
        ]
    );
    for how in [
        json!({"duplicate": 101}),
        json!({"delay_ms": 600_001}),
        json!({"types": ["customer.created"]}),
        json!({"stale_t": true, "future_t": true}),
    ] {
        assert_problem(
            &send(gateway.tell("PUT", "/_test/webhooks", &how)).await,
            422,
            "invalid-request",
        );
    }
    let endless = gateway.ask("GET", "/_test/barriers/barrier_1?wait_ms=30001");
    assert_problem(&send(endless).await, 422, "invalid-request");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_at_most_a_hundred_faults_and_a_hundred_barriers() {
    let gateway = Controlled::start().await;
    for _ in 0..100 {
        gateway.fault(json!({"action": "reset"})).await;
        gateway.barrier(json!({"point": "arrived"})).await;
    }
    let fault = send(gateway.tell("POST", "/_test/faults", &json!({"action": "reset"}))).await;
    let barrier = send(gateway.tell("POST", "/_test/barriers", &json!({"point": "arrived"}))).await;
    for refused in [fault, barrier] {
        assert_problem(&refused, 422, "invalid-request");
        assert!(refused.text.contains("100"), "{}", refused.text);
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_that_it_turns_moves_the_retries_of_webhooks() {
    let hour = [("webhooks.retry_seconds", "3600"), ("webhooks.poll_ms", "20")];
    let gateway = Controlled::start_with(&hour).await;
    let server = receiver(&[500, 200]).await;
    gateway.endpoint(&server.uri(), &["payment_intent.created"]).await;
    let before = done(gateway.ask("GET", "/_test/clock")).await;
    gateway.create(&[]).await;
    received(&server, 1).await;
    testkit::eventually("the failure is in the books", async || {
        let row = "SELECT last_status FROM webhook_deliveries";
        let row = gateway.sql().await.query_one(row, &[]).await.unwrap();
        row.get::<_, Option<i32>>(0).is_some()
    })
    .await;
    let after = done(gateway.tell("POST", "/_test/clock", &json!({"advance_seconds": 3600}))).await;
    received(&server, 2).await;
    let time = |answer: &Value| {
        chrono::DateTime::parse_from_rfc3339(answer["now"].as_str().unwrap()).unwrap().timestamp()
    };
    assert!(time(&after) - time(&before) >= 3600, "{before} {after}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_ends_before_the_calendar_does() {
    let gateway = Controlled::start().await;
    let ten_years = json!({"advance_seconds": 315_360_000});
    done(gateway.tell("POST", "/_test/clock", &ten_years)).await;
    gateway.service.clock.advance(chrono::TimeDelta::days(365 * 7000));
    let refused = send(gateway.tell("POST", "/_test/clock", &ten_years)).await;
    assert_problem(&refused, 422, "invalid-request");
    assert_eq!(gateway.create(&[]).await["status"], "requires_payment_method");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pruning_makes_every_key_new_again() {
    let gateway = Controlled::start().await;
    let create = || {
        let form = [("amount", "1000"), ("currency", "eur")];
        send(gateway.post("/v1/payment_intents", &form).header("idempotency-key", "k"))
    };
    let first = create().await;
    assert_eq!(create().await.text, first.text);
    assert_eq!(done(gateway.ask("POST", "/_test/idempotency/prune")).await, json!({"pruned": 1}));
    let again = create().await;
    assert_ne!(again.body["id"], first.body["id"]);
    assert_eq!(again.header("idempotent-replayed"), "");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_forgets_what_was_arranged() {
    let gateway = Controlled::start().await;
    gateway.fault(json!({"action": "status", "times": 0})).await;
    done(gateway.tell("PUT", "/_test/webhooks", &json!({"drop": true}))).await;
    let database = gateway.gateway.stop_keeping_database().await;
    let gateway = Controlled::start_with(&[("database.url", database.url())]).await;
    assert_eq!(done(gateway.ask("GET", "/_test/faults")).await, json!([]));
    assert_eq!(done(gateway.ask("GET", "/_test/webhooks")).await["drop"], false);
    gateway.create(&[]).await;
    gateway.stop().await;
    database.drop().await;
}

fn settings(overrides: &[(&str, &str)]) -> payments_stub::Settings {
    let mut environment =
        vec![("API__SECRET_KEY", KEY), ("DATABASE__URL", "postgres://localhost/none")];
    environment.extend(overrides);
    let environment = environment
        .into_iter()
        .map(|(name, value)| (format!("PAYMENTS_STUB__{name}"), value.to_owned()));
    let defaults = payments_stub::DESCRIPTION.defaults;
    chassis::config::load("payments-stub", defaults, None, environment).unwrap().settings
}

#[test]
fn settings_that_would_leave_the_door_open_are_refused() {
    for (listen, token, word) in [
        ("8094", TOKEN, "control.listen"),
        ("127.0.0.1:8094", "", "control.token"),
        ("127.0.0.1:8094", "fifteen letters", "control.token"),
        ("127.0.0.1:8094", KEY, "API key"),
    ] {
        let settings = settings(&[("CONTROL__LISTEN", listen), ("CONTROL__TOKEN", token)]);
        let error = settings.check().unwrap_err().to_string();
        assert!(error.contains(word) && !error.contains(KEY), "{error}");
    }
    let good = settings(&[("CONTROL__LISTEN", "127.0.0.1:8094"), ("CONTROL__TOKEN", TOKEN)]);
    assert!(good.check().is_ok());
}

#[test]
fn a_port_that_is_taken_is_named_with_its_setting() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let settings = settings(&[("CONTROL__LISTEN", address.as_str()), ("CONTROL__TOKEN", TOKEN)]);
    let error = ControlPlane::bind(&settings.control, &CancellationToken::new()).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("control.listen") && error.contains(&address), "{error}");
}
