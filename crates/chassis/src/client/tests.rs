//! The client against a real server on a real socket.

use wiremock::matchers::{any, header, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use reqwest::StatusCode;

use super::call::ANSWER_LIMIT;
use super::*;

fn client(base_url: &str) -> Client {
    let settings = Settings {
        base_url: base_url.parse().unwrap(),
        connect_timeout_ms: 300,
        timeout_ms: 300,
        retries: 2,
    };
    Client::new("peer", &settings, &Metrics::new("test").unwrap()).unwrap()
}

async fn server(responses: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(responses).mount(&server).await;
    server
}

#[tokio::test]
async fn a_call_that_is_safe_to_repeat_is_repeated_a_bounded_number_of_times() {
    let server = server(ResponseTemplate::new(503)).await;
    let error = client(&server.uri()).get("/").send().await.unwrap_err();
    assert_eq!(error.blame(), Blame::Theirs);
    assert_eq!(server.received_requests().await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_post_without_a_key_is_sent_once() {
    let server = server(ResponseTemplate::new(503)).await;
    let error = client(&server.uri()).post("/").send().await.unwrap_err();
    assert!(error.may_have_happened());
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_post_with_a_key_is_repeated_with_the_same_key() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(header("idempotency-key", "row-7"))
        .respond_with(ResponseTemplate::new(500))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(header("idempotency-key", "row-7"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let answer = client(&server.uri()).post("/").idempotency_key("row-7").send().await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn our_own_mistake_is_not_repeated() {
    let server = server(ResponseTemplate::new(404)).await;
    let error = client(&server.uri()).get("/").send().await.unwrap_err();
    assert_eq!((error.blame(), error.may_have_happened()), (Blame::Ours, false));
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_timeout_may_have_happened_a_refused_connection_has_not() {
    let server = server(ResponseTemplate::new(200).set_delay(Duration::from_secs(5))).await;
    let error = client(&server.uri()).post("/").send().await.unwrap_err();
    assert_eq!((error.blame(), error.may_have_happened()), (Blame::Network, true));

    let free_port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = client(&format!("http://{free_port}")).post("/").send().await.unwrap_err();
    assert_eq!((error.blame(), error.may_have_happened()), (Blame::Network, false));
}

#[tokio::test]
async fn an_answer_is_read_up_to_a_limit() {
    let server =
        server(ResponseTemplate::new(200).set_body_bytes(vec![b'x'; ANSWER_LIMIT + 1])).await;
    let error = client(&server.uri()).post("/").send().await.unwrap_err();
    assert!(matches!(error.cause(), Cause::AnswerTooLarge));
}

#[tokio::test]
async fn the_circuit_opens_and_spares_a_failing_peer() {
    let server = server(ResponseTemplate::new(500)).await;
    let client = client(&server.uri());
    let mut error = client.post("/").send().await.unwrap_err();
    for _ in 0..40 {
        error = client.post("/").send().await.unwrap_err();
    }
    assert!(matches!(error.cause(), Cause::CircuitOpen));
    assert!(!error.may_have_happened());
    assert!(server.received_requests().await.unwrap().len() < 41);
}
