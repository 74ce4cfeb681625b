//! Who may call.

use crate::{Gateway, KEY, send};

const PATH: &str = "/v1/payment_intents";

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_taken_as_a_bearer_token_and_as_a_user_name() {
    let gateway = Gateway::start().await;
    assert_eq!(send(gateway.service.http.get(PATH).bearer_auth(KEY)).await.status, 200);
    assert_eq!(send(gateway.service.http.get(PATH).basic_auth(KEY, Some(""))).await.status, 200);
    assert_eq!(
        send(gateway.service.http.get(PATH).basic_auth(KEY, None::<&str>)).await.status,
        200
    );
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_key_nothing_is_answered_and_nothing_is_repeated() {
    let gateway = Gateway::start().await;
    let http = &gateway.service.http;
    let wrong = "sk_test_51SomebodyElses";
    for request in [
        http.get(PATH),
        http.get(PATH).bearer_auth(wrong),
        http.get(PATH).bearer_auth(&KEY[..KEY.len() - 1]),
        http.get(PATH).bearer_auth(format!("{KEY}x")),
        http.get(PATH).basic_auth("", Some(KEY)),
        http.get(PATH).header("authorization", "Bearer"),
        http.get(PATH).header("authorization", "Basic !!!"),
        http.get(PATH).header("authorization", format!("Digest {KEY}")),
        http.post(PATH).bearer_auth(wrong).form(&[("amount", "1")]),
    ] {
        let answer = send(request).await;
        assert_eq!(
            (answer.status, answer.error().0),
            (401, "invalid_request_error"),
            "{}",
            answer.text
        );
        assert!(!answer.text.contains("51"), "a key is repeated: {}", answer.text);
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
        assert!(answer.header("request-id").starts_with("req_"));
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_to_real_money_is_refused_with_a_warning() {
    let gateway = Gateway::start().await;
    let answer = send(gateway.service.http.get(PATH).bearer_auth("sk_live_51Real")).await;
    assert_eq!((answer.status, answer.error().1), (401, "livemode_mismatch"));
    assert!(
        answer.body["error"]["message"].as_str().unwrap().contains("must never be sent here"),
        "{}",
        answer.text
    );
    assert!(!answer.text.contains("51Real"));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_refused_before_their_body_is_read() {
    let gateway = Gateway::start().await;
    let nonsense = gateway.service.http.post(PATH).body("\0".repeat(1_000_000));
    assert_eq!(send(nonsense).await.status, 401);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_does_not_start_with_a_live_key() {
    let settings = |key: &str| {
        let environment =
            [("API__SECRET_KEY", key), ("DATABASE__URL", "postgres://localhost/none")];
        let environment =
            environment.map(|(name, value)| (format!("PAYMENTS_STUB__{name}"), value.to_owned()));
        let defaults = payments_stub::DESCRIPTION.defaults;
        chassis::config::load::<payments_stub::Settings>(
            "payments-stub",
            defaults,
            None,
            environment,
        )
        .unwrap()
        .settings
    };
    assert!(settings("sk_test_1").check().is_ok());
    assert!(settings("sk_live_1").check().unwrap_err().to_string().contains("sk_test_"));
}
