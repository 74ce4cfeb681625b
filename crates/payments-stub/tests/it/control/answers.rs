//! What the client sees of each fault.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Controlled;
use crate::{Gateway, KEY, data, id, ok, send};

const LIST: &str = "/v1/payment_intents";

impl Gateway {
    /// A request over a connection of its own: all bytes that came, and how the connection ended.
    async fn raw(&self, method: &str, path: &str) -> (Vec<u8>, std::io::Result<usize>) {
        let address = self.service.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {KEY}\r\nContent-Length: 0\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        let end = stream.read_to_end(&mut bytes).await;
        (bytes, end)
    }

    /// A PaymentIntent that has its method and is not confirmed; and the path that confirms it.
    async fn unconfirmed(&self) -> (Value, String) {
        let intent = self.create(&[("payment_method", "pm_card_visa")]).await;
        let path = format!("/v1/payment_intents/{}/confirm", id(&intent));
        (intent, path)
    }
}

/// `Content-Length`, and the bytes of the body.
fn parts(answer: &[u8]) -> (usize, String) {
    let (head, body) = std::str::from_utf8(answer).unwrap().split_once("\r\n\r\n").unwrap();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse().unwrap())
    });
    (length.unwrap(), body.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_is_a_reset_and_not_an_end() {
    let gateway = Controlled::start().await;
    gateway.fault(json!({"action": "reset"})).await;
    let (bytes, end) = gateway.raw("GET", LIST).await;
    assert_eq!((bytes.as_slice(), end.unwrap_err().kind()), (&[][..], ErrorKind::ConnectionReset));
    assert_eq!(send(gateway.get(LIST)).await.status, 200);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_effect_means_that_nothing_happened() {
    let gateway = Controlled::start().await;
    let (intent, confirm) = gateway.unconfirmed().await;
    gateway.fault(json!({"action": "reset", "when": "before"})).await;
    assert!(gateway.raw("POST", &confirm).await.1.is_err());
    assert_eq!(gateway.reread(&intent).await["status"], "requires_confirmation");
    assert!(gateway.charges(&intent, "succeeded").await.is_empty());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_whose_answer_is_lost_is_made_once_and_its_answer_is_repeated() {
    let gateway = Controlled::start().await;
    let (intent, confirm) = gateway.unconfirmed().await;
    gateway.fault(json!({"action": "reset", "when": "after_effect"})).await;
    let request = || gateway.post(&confirm, &[]).header("idempotency-key", "k");
    assert!(request().send().await.unwrap_err().is_request());
    assert_eq!(gateway.charges(&intent, "succeeded").await.len(), 1);
    let again = send(request()).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, "true"));
    assert_eq!(again.body["status"], "succeeded");
    assert_eq!(gateway.charges(&intent, "succeeded").await.len(), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_after_the_effect_is_kept_under_the_key_and_repeated() {
    let gateway = Controlled::start().await;
    let (intent, confirm) = gateway.unconfirmed().await;
    gateway.fault(json!({"action": "status", "when": "after_effect", "status": 500})).await;
    let request = || gateway.post(&confirm, &[]).header("idempotency-key", "k");
    let first = send(request()).await;
    assert_eq!((first.status, first.error().0), (500, "api_error"));
    let again = send(request()).await;
    assert_eq!((again.status, &again.text), (500, &first.text));
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.header("original-request"), first.header("request-id"));
    assert_eq!(gateway.reread(&intent).await["status"], "succeeded");
    assert_eq!(gateway.charges(&intent, "succeeded").await.len(), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_before_the_effect_leaves_the_key_free() {
    let gateway = Controlled::start().await;
    let (intent, confirm) = gateway.unconfirmed().await;
    gateway.fault(json!({"action": "status", "status": 503})).await;
    let request = || gateway.post(&confirm, &[]).header("idempotency-key", "k");
    let first = send(request()).await;
    assert_eq!((first.status, first.error().0), (503, "api_error"));
    assert_eq!(first.header("idempotency-key"), "k");
    assert!(gateway.charges(&intent, "succeeded").await.is_empty());
    let again = send(request()).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, ""));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_has_the_shape_that_the_gateway_gives_it() {
    let gateway = Controlled::start().await;
    for (status, code) in [(429, "rate_limit"), (409, "idempotency_key_in_use"), (500, "")] {
        gateway.fault(json!({"action": "status", "status": status})).await;
        let answer = send(gateway.get(LIST)).await;
        assert_eq!((answer.status, answer.error().1), (status, code), "{}", answer.text);
        assert!(answer.header("request-id").starts_with("req_"));
        assert_eq!(answer.header("retry-after"), if status == 429 { "1" } else { "" });
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_key_gets_the_error_and_has_its_effect() {
    let gateway = Controlled::start().await;
    gateway.fault(json!({"action": "status", "when": "after_effect"})).await;
    let form = [("amount", "1000"), ("currency", "eur")];
    assert_eq!(send(gateway.post(LIST, &form)).await.status, 500);
    assert_eq!(data(&ok(gateway.get(LIST)).await).len(), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_request_lasts_as_long_as_its_client_and_harms_nobody_else() {
    let gateway = Controlled::start().await;
    gateway.fault(json!({"action": "hang"})).await;
    let hanging = tokio::spawn(gateway.get(LIST).timeout(Duration::from_secs(2)).send());
    gateway.struck().await;
    assert!(hanging.await.unwrap().unwrap_err().is_timeout());
    assert_eq!(send(gateway.get(LIST)).await.status, 200);
    testkit::eventually("the server has noticed that its client is gone", async || {
        gateway.active_requests() == 0.0
    })
    .await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_answer_comes_late_and_whole() {
    let gateway = Controlled::start().await;
    for when in ["before", "after_effect"] {
        gateway.fault(json!({"action": "delay", "delay_ms": 200, "when": when})).await;
        let started = Instant::now();
        assert_eq!(ok(gateway.get(LIST)).await["object"], "list");
        assert!(started.elapsed() >= Duration::from_millis(200), "{:?}", started.elapsed());
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_whose_answer_is_later_than_the_client_waits_is_made() {
    let gateway = Controlled::start().await;
    let (intent, confirm) = gateway.unconfirmed().await;
    let late = json!({"action": "delay", "delay_ms": 600_000, "when": "after_effect", "match": {"path": confirm}});
    gateway.fault(late).await;
    let request = tokio::spawn(gateway.post(&confirm, &[]).send());
    testkit::eventually("the charge is there", async || {
        gateway.charges(&intent, "succeeded").await.len() == 1
    })
    .await;
    assert!(!request.is_finished(), "the client still waits");
    // It goes without an answer.
    request.abort();
    testkit::eventually("the request is over", async || gateway.active_requests() == 0.0).await;
    assert_eq!(gateway.reread(&intent).await["status"], "succeeded");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_during_a_delay_before_the_effect_is_not_charged() {
    let gateway = Controlled::start().await;
    let (intent, confirm) = gateway.unconfirmed().await;
    gateway.fault(json!({"action": "delay", "delay_ms": 600_000})).await;
    let request = tokio::spawn(gateway.post(&confirm, &[]).send());
    gateway.struck().await;
    request.abort();
    testkit::eventually("the request is over", async || gateway.active_requests() == 0.0).await;
    assert_eq!(gateway.reread(&intent).await["status"], "requires_confirmation");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_answer_announces_the_whole_and_ends_in_the_middle() {
    let gateway = Controlled::start().await;
    let (intent, confirm) = gateway.unconfirmed().await;
    gateway.fault(json!({"action": "truncate", "when": "after_effect"})).await;
    let (answer, end) = gateway.raw("POST", &confirm).await;
    assert!(end.is_ok(), "an end, not a reset");
    let (length, body) = parts(&answer);
    assert_eq!(body.len(), length / 2);
    assert!(body.starts_with(&format!("{{\"id\":\"{}\"", id(&intent))), "{body}");

    gateway.fault(json!({"action": "truncate"})).await;
    let response = gateway.get(LIST).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.text().await.is_err());
    assert_eq!(gateway.charges(&intent, "succeeded").await.len(), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_a_page_and_a_wrong_content_type_arrive_whole() {
    let gateway = Controlled::start().await;
    let get = async |action: &str| {
        gateway.fault(json!({"action": action, "when": "after_effect"})).await;
        let response = gateway.get(LIST).send().await.unwrap();
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        (response.status().as_u16(), kind, response.text().await.unwrap())
    };
    let (status, kind, text) = get("garbage_json").await;
    assert_eq!((status, kind.as_str()), (200, "application/json"));
    assert!(serde_json::from_str::<Value>(&text).is_err(), "{text}");
    let (status, kind, text) = get("html").await;
    assert_eq!((status, kind.as_str()), (200, "text/html; charset=utf-8"));
    assert!(text.starts_with("<!DOCTYPE html>"), "{text}");
    let (status, kind, text) = get("wrong_content_type").await;
    assert_eq!((status, kind.as_str()), (200, "application/octet-stream"));
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["object"], "list");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_answer_takes_its_time_for_every_byte() {
    let gateway = Controlled::start().await;
    gateway.fault(json!({"action": "slow_body", "delay_ms": 5, "when": "after_effect"})).await;
    let started = Instant::now();
    let answer = send(gateway.get(LIST)).await;
    let least = Duration::from_millis(5) * u32::try_from(answer.text.len()).unwrap();
    assert!(started.elapsed() >= least, "{:?} for {:?}", started.elapsed(), answer.text);
    assert_eq!(answer.body["object"], "list");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_answer_does_not_say_how_long_it_is() {
    let gateway = Controlled::start().await;
    gateway.fault(json!({"action": "huge_body"})).await;
    let response = gateway.get(LIST).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.content_length()), (200, None));
    let bytes = response.bytes().await.unwrap();
    assert!(bytes.len() > 10_000_000, "{}", bytes.len());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_stops_lets_go_whatever_it_holds() {
    let gateway = Controlled::start_with(&[("http.shutdown_timeout_seconds", "60")]).await;
    gateway.fault(json!({"action": "hang"})).await;
    let slow = json!({"action": "slow_body", "delay_ms": 600_000});
    gateway.fault(slow).await;
    let hanging = tokio::spawn(gateway.get(LIST).send());
    gateway.struck().await;
    let slow = gateway.get(LIST).send().await.unwrap();
    let path = "/v1/payment_intents/*/confirm";
    let barrier = json!({"point": "arrived", "match": {"path": path}});
    let barrier = gateway.barrier(barrier).await;
    let (_, confirm) = gateway.unconfirmed().await;
    let held = tokio::spawn(gateway.post(&confirm, &[]).send());
    super::done(gateway.ask("GET", &format!("/_test/barriers/{barrier}?wait_ms=20000"))).await;

    tokio::time::timeout(Duration::from_secs(30), gateway.stop()).await.unwrap();
    assert!(hanging.await.unwrap().is_err());
    assert!(slow.text().await.is_ok());
    assert_eq!(held.await.unwrap().unwrap().status(), 200);
}
