//! Bad input of every kind: an answer in Stripe's shape, and no effect.

use crate::{Answer, Gateway, KEY, data, id, ok, send};

const CREATE: &str = "/v1/payment_intents";

impl Gateway {
    /// A body exactly as given.
    async fn post_raw(
        &self,
        path: &str,
        content_type: &str,
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let request =
            self.service.http.post(path).bearer_auth(KEY).header("content-type", content_type);
        send(request.body(body)).await
    }

    async fn post_form(&self, body: &str) -> Answer {
        self.post_raw(CREATE, "application/x-www-form-urlencoded", body.to_owned()).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_is_named() {
    let gateway = Gateway::start().await;
    let long = format!("amount=1&currency=eur&description={}", "x".repeat(1001));
    for (body, code, param) in [
        ("", "parameter_missing", "amount"),
        ("amount=&currency=eur", "parameter_missing", "amount"),
        ("amount=1000", "parameter_missing", "currency"),
        ("amount=ten&currency=eur", "parameter_invalid_integer", "amount"),
        ("amount=1.5&currency=eur", "parameter_invalid_integer", "amount"),
        ("amount=0&currency=eur", "parameter_invalid_integer", "amount"),
        ("amount=-1&currency=eur", "parameter_invalid_integer", "amount"),
        ("amount=100000000&currency=eur", "amount_too_large", "amount"),
        ("amount=1&currency=euro", "", "currency"),
        ("amount=1&currency=zzz", "", "currency"),
        ("amount=1&currency=eur&tip=1", "parameter_unknown", "tip"),
        (
            "amount=1&currency=eur&automatic_payment_methods[on]=1",
            "parameter_unknown",
            "automatic_payment_methods[on]",
        ),
        (
            "amount=1&currency=eur&automatic_payment_methods[enabled]=yes",
            "",
            "automatic_payment_methods[enabled]",
        ),
        ("amount=1&currency=eur&automatic_payment_methods=true", "", "automatic_payment_methods"),
        (
            "amount=1&currency=eur&automatic_payment_methods[enabled]=true&payment_method_types[]=card",
            "",
            "automatic_payment_methods",
        ),
        ("amount=1&currency=eur&payment_method_types[]=ideal", "", "payment_method_types"),
        ("amount=1&currency=eur&confirm=perhaps", "", "confirm"),
        ("amount=1&currency=eur&off_session=true", "", "off_session"),
        ("amount=1&currency=eur&confirm=true", "parameter_missing", "payment_method"),
        ("amount=1&currency=eur&capture_method=later", "", "capture_method"),
        ("amount=1&currency=eur&payment_method=pm_card_gold", "resource_missing", "payment_method"),
        ("amount=1&currency=eur&receipt_email=nobody", "email_invalid", "receipt_email"),
        ("amount=1&currency=eur&return_url=javascript:alert(1)", "url_invalid", "return_url"),
        ("amount=1&currency=eur&metadata=note", "", "metadata"),
        ("amount=1&currency=eur&metadata[a][b]=c", "", "metadata[a]"),
        ("amount[x]=1&currency=eur", "", "amount"),
        ("amount=1&amount=2&currency=eur", "", "amount"),
        (&long, "", "description"),
    ] {
        let refused = gateway.post_form(body).await;
        let expected = (400, ("invalid_request_error", code, param));
        assert_eq!((refused.status, refused.error()), expected, "{body}: {}", refused.text);
    }
    assert_eq!(data(&ok(gateway.get(CREATE)).await).len(), 0, "a refused request has no effect");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_refused() {
    let gateway = Gateway::start().await;
    for body in [
        "amount=1&currency=eur&description=%00",
        "amount=%FF&currency=eur",
        "metadata[a[b]]=1",
        "a[][b]=1",
    ] {
        let refused = gateway.post_form(body).await;
        assert_eq!(
            (refused.status, refused.error().0),
            (400, "invalid_request_error"),
            "{body}: {}",
            refused.text
        );
    }
    let json =
        gateway.post_raw(CREATE, "application/json", r#"{"amount":1000,"currency":"eur"}"#).await;
    assert_eq!((json.status, json.error().0), (400, "invalid_request_error"));
    assert!(json.text.contains("application/x-www-form-urlencoded"), "{}", json.text);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deep_nesting_and_many_parameters_cost_little() {
    let gateway = Gateway::start().await;
    let deep = format!("amount=1&currency=eur&a{}=1", "[x]".repeat(10_000));
    assert_eq!(gateway.post_form(&deep).await.status, 400);
    let many = (0..5000).map(|n| format!("metadata[k{n}]=v&")).collect::<Vec<_>>().concat();
    assert_eq!(
        gateway.post_form(&format!("{many}amount=1&currency=eur")).await.error().2,
        "metadata"
    );
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_refused_in_the_same_shape() {
    let gateway = Gateway::start().await;
    let body = format!("description={}", "x".repeat(200_000));
    let refused = gateway.post_form(&body).await;
    assert_eq!((refused.status, refused.error().0), (413, "invalid_request_error"));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_number_is_refused_wherever_it_is_put_and_never_repeated() {
    let gateway = Gateway::start().await;
    for body in [
        "currency=eur&payment_method=4242424242424242",
        "currency=eur&payment_method=4242-4242-4242-4242",
        "currency=eur&payment_method=pm 4242424242424242",
        "currency=eur&payment_method_data[type]=card&payment_method_data[card][number]=4242424242424242",
        "currency=eur&card[number]=4242424242424242",
        "currency=eur&source=4242424242424242",
        "currency=eur&capture_method=4242424242424242",
        "currency=eur&confirm=4242424242424242",
        "currency=eur&automatic_payment_methods[enabled]=4242424242424242",
        "currency=4242424242424242",
    ] {
        let refused = gateway.post_form(&format!("amount=1&{body}")).await;
        assert_eq!(refused.status, 400, "{body}");
        assert!(!refused.text.contains("4242"), "{body}: {}", refused.text);
    }
    let amount = gateway.post_form("amount=4242424242424242&currency=eur").await;
    assert_eq!((amount.status, amount.text.contains("4242")), (400, false));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sdks_send_is_understood() {
    let gateway = Gateway::start().await;
    let body = "amount=1000&currency=EUR&confirm=true&payment_method=pm_card_visa&metadata[order_id]=o1\
                &automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never\
                &expand[0]=latest_charge&description=&receipt_email=&return_url=https%3A%2F%2Fshop.test%2Fdone";
    let answer = gateway.post_form(body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.body["automatic_payment_methods"]["enabled"], true);
    assert_eq!(answer.body["metadata"]["order_id"], "o1");
    assert_eq!(answer.body["latest_charge"]["object"], "charge");
    assert!(answer.body["description"].is_null());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_names_its_request_and_repeats_the_version() {
    let gateway = Gateway::start().await;
    let answer = send(gateway.get(CREATE).header("stripe-version", "2026-10-28.endive")).await;
    assert_eq!(answer.header("stripe-version"), "2026-10-28.endive");
    assert!(answer.header("request-id").starts_with("req_"));
    assert_eq!(answer.header("content-type"), "application/json");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_routes_and_wrong_methods_answer_in_the_same_shape() {
    let gateway = Gateway::start().await;
    let intent = gateway.create(&[]).await;
    for (request, status) in [
        (gateway.get("/v1/customers"), 404),
        (gateway.get("/"), 404),
        (gateway.get("/v2/payment_intents"), 404),
        (gateway.delete("/v1/payment_intents"), 404),
        (gateway.get(&format!("/v1/payment_intents/{}/confirm", id(&intent))), 404),
        (gateway.service.http.request("PATCH", "/v1/refunds").bearer_auth(KEY), 404),
    ] {
        let answer = send(request).await;
        assert_eq!(
            (answer.status, answer.error().0),
            (status, "invalid_request_error"),
            "{}",
            answer.text
        );
        assert!(answer.header("request-id").starts_with("req_"));
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_gateway_answers_in_the_same_shape() {
    let gateway = Gateway::start_with(&[("http.max_in_flight", "0")]).await;
    let answer = send(gateway.get(CREATE)).await;
    assert_eq!(
        (answer.status, answer.error().0, answer.header("retry-after")),
        (503, "api_error", "1")
    );
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_does_not_answer_is_a_503_without_details() {
    let gateway =
        Gateway::start_with(&[("database.pool_size", "1"), ("database.wait_timeout_ms", "50")])
            .await;
    let intent = gateway.create(&[]).await;
    let mut sql = gateway.sql().await;
    let blocker = sql.transaction().await.unwrap();
    blocker.execute("SELECT 1 FROM payment_intents FOR UPDATE", &[]).await.unwrap();
    let waiting = tokio::spawn(send(gateway.confirm(&intent, "pm_card_visa")));
    testkit::eventually("the only connection is taken", async || {
        let answer = send(gateway.get(CREATE)).await;
        assert!(!answer.text.contains("connection"), "{}", answer.text);
        answer.status == 503 && answer.error().0 == "api_error"
    })
    .await;
    blocker.rollback().await.unwrap();
    assert_eq!(waiting.await.unwrap().status, 200);
    gateway.stop().await;
}
