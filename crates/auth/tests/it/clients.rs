//! The token endpoint, as services see it.

use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::access_tokens::claims;
use crate::{Auth, CLIENT_SECRET, problem};

impl Auth {
    fn client(&self, scope: Option<&str>) -> RequestBuilder {
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(scope.map(|scope| ("scope", scope)));
        self.service.http.post("/v1/tokens").form(&form)
    }
}

/// Checks a refusal of the token endpoint: its status, and `error` as RFC 6749 wants it.
async fn assert_refused(answer: Response, status: StatusCode, error: &str) {
    assert_eq!(answer.status(), status);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert_eq!(problem(answer).await.1["error"], error);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_gets_a_token_for_itself() {
    let auth = Auth::start().await;
    let request = auth.client(Some("stock:reserve")).basic_auth("orders", Some(CLIENT_SECRET));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!((&body["expires_in"], &body["scope"]), (&json!(600), &json!("stock:reserve")));
    assert!(body.get("refresh_token").is_none(), "a service asks again with its secret");

    let claims = claims(body["access_token"].as_str().unwrap());
    assert_eq!((&claims["sub"], &claims["client_id"]), (&json!("orders"), &json!("orders")));
    assert_eq!(claims["aud"], json!(["auth", "catalog", "orders"]));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
    assert!(claims.get("sid").is_none() && claims["scope"] == "stock:reserve", "{claims}");
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_asks_for_nothing_gets_what_it_may_have() {
    let auth = Auth::start().await;
    for scope in [None, Some("")] {
        let answer =
            auth.client(scope).basic_auth("orders", Some(CLIENT_SECRET)).send().await.unwrap();
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["scope"], "stock:read stock:reserve");
    }
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_not_proved_who_it_is_gets_nothing() {
    let auth = Auth::start().await;
    let requests = [
        auth.client(None),
        auth.client(None).basic_auth("orders", Some("a wrong secret of good length...")),
        auth.client(None).basic_auth("orders", None::<&str>),
        auth.client(None).basic_auth("nobody", Some(CLIENT_SECRET)),
        auth.client(None).bearer_auth(CLIENT_SECRET),
        auth.client(None).header("authorization", "Basic !!!"),
        auth.client(None).header("authorization", "Basic"),
    ];
    for request in requests {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["www-authenticate"], "Basic realm=\"backbone\"");
        assert_refused(answer, StatusCode::UNAUTHORIZED, "invalid_client").await;
    }
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_gets_no_more_than_it_may_have() {
    let auth = Auth::start().await;
    let request =
        auth.client(Some("stock:read refunds:make")).basic_auth("orders", Some(CLIENT_SECRET));
    assert_refused(request.send().await.unwrap(), StatusCode::BAD_REQUEST, "invalid_scope").await;
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_make_no_sense_are_refused_as_oauth_says() {
    let auth = Auth::start().await;
    let bad = StatusCode::BAD_REQUEST;
    assert_refused(auth.tokens(&[]).await, bad, "invalid_request").await;
    assert_refused(auth.tokens(&[("grant_type", "")]).await, bad, "invalid_request").await;
    assert_refused(auth.tokens(&[("grant_type", "password")]).await, bad, "unsupported_grant_type")
        .await;
    assert_refused(auth.tokens(&[("grant_type", "refresh_token")]).await, bad, "invalid_request")
        .await;
    let twice = [("grant_type", "refresh_token"), ("grant_type", "client_credentials")];
    assert_refused(auth.tokens(&twice).await, bad, "invalid_request").await;
    let json = auth.post("/v1/tokens", json!({ "grant_type": "client_credentials" })).await;
    assert_refused(json, StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request").await;
    let large = "x".repeat(20_000);
    let large = auth.tokens(&[("grant_type", "refresh_token"), ("refresh_token", &large)]).await;
    assert_refused(large, StatusCode::PAYLOAD_TOO_LARGE, "invalid_request").await;
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_services_token_is_no_persons() {
    let auth = Auth::start().await;
    let answer = auth.client(None).basic_auth("orders", Some(CLIENT_SECRET)).send().await.unwrap();
    let body: Value = answer.json().await.unwrap();
    let token = body["access_token"].as_str().unwrap();
    assert_eq!(auth.account(token).await.status(), StatusCode::FORBIDDEN);
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_services_can_find_everything_they_need() {
    let auth = Auth::start().await;
    let answer =
        auth.service.http.get("/.well-known/oauth-authorization-server").send().await.unwrap();
    assert_eq!(answer.headers()["cache-control"], "public, max-age=300");
    let metadata: Value = answer.json().await.unwrap();
    assert_eq!(
        metadata,
        json!({
            "issuer": "http://localhost:8081",
            "token_endpoint": "http://localhost:8081/v1/tokens",
            "jwks_uri": "http://localhost:8081/.well-known/jwks.json",
            "grant_types_supported": ["refresh_token", "client_credentials"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "none"],
            "response_types_supported": [],
            "service_documentation": "http://localhost:8081/docs/",
        })
    );
    auth.stop().await;
}
