//! Stock: all or nothing, exactly once, never below zero.

use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Shop;

impl Shop {
    async fn reserve(&self, order: Uuid, lines: Value) -> (StatusCode, Value) {
        let request = self
            .catalog
            .http
            .put(&format!("/v1/reservations/{order}"))
            .json(&json!({"lines": lines}));
        self.as_orders(request).await
    }

    async fn end(&self, order: Uuid, how: &str) -> (StatusCode, Value) {
        self.as_orders(self.catalog.http.post(&format!("/v1/reservations/{order}/{how}"))).await
    }

    async fn as_orders(&self, request: reqwest::RequestBuilder) -> (StatusCode, Value) {
        let mut claims = self.issuer.claims("orders", None, &[], "reservations:write");
        // Longer than any test moves the clock.
        claims.exp += 86_400;
        let token = self.issuer.sign(&claims);
        let answer = request.bearer_auth(token).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    /// Available, reserved, sold.
    async fn stock(&self, book: &str) -> (i64, i64, i64) {
        let stock = crate::json(self.catalog.http.get(&format!("/v1/books/{book}/stock"))).await;
        let count = |name: &str| stock[name].as_i64().unwrap();
        (count("available"), count("reserved"), count("sold"))
    }
}

fn line(book: &str, quantity: i64) -> Value {
    json!({"book_id": book, "quantity": quantity})
}

#[tokio::test(flavor = "multi_thread")]
async fn holding_committing_and_releasing_move_the_copies_exactly_once() {
    let shop = Shop::start().await;
    let book = shop.book_id(0).await;
    let (available, ..) = shop.stock(&book).await;
    let (sold, given_back) = (Uuid::new_v4(), Uuid::new_v4());
    for _ in 0..2 {
        assert_eq!(shop.reserve(sold, json!([line(&book, 2)])).await.0, StatusCode::OK);
        assert_eq!(shop.reserve(given_back, json!([line(&book, 1)])).await.0, StatusCode::OK);
    }
    assert_eq!(shop.stock(&book).await, (available - 3, 3, 0));
    for _ in 0..2 {
        assert_eq!(shop.end(sold, "commit").await.1["state"], "committed");
        assert_eq!(shop.end(given_back, "release").await.1["state"], "released");
    }
    assert_eq!(shop.stock(&book).await, (available - 2, 0, 2));
    assert_eq!(shop.end(sold, "release").await.0, StatusCode::CONFLICT);
    assert_eq!(shop.end(given_back, "commit").await.0, StatusCode::CONFLICT);
    assert_eq!(shop.stock(&book).await, (available - 2, 0, 2));
    shop.catalog.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_short_line_refuses_the_whole_order() {
    let shop = Shop::start().await;
    let (plenty, scarce) = (shop.book_id(0).await, shop.book_id(1).await);
    let (before, (available, ..)) = (shop.stock(&plenty).await, shop.stock(&scarce).await);
    let (status, problem) =
        shop.reserve(Uuid::new_v4(), json!([line(&plenty, 1), line(&scarce, available + 1)])).await;
    assert_eq!(
        (status, &problem["type"]),
        (StatusCode::CONFLICT, &json!("/problems/insufficient-stock"))
    );
    let shortage = json!([{"book_id": scarce, "requested": available + 1, "available": available}]);
    assert_eq!(problem["shortages"], shortage);
    assert_eq!(shop.stock(&plenty).await, before);
    shop.catalog.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_parallel_buyers_get_what_there_is_and_no_more() {
    let shop = Shop::start().await;
    let (first, second) = (shop.book_id(0).await, shop.book_id(1).await);
    let (available, ..) = shop.stock(&first).await;
    let buyers = (0..100).map(|buyer| {
        // Half of them name the books the other way round: whoever locks in the order of the request deadlocks.
        let lines = if buyer % 2 == 0 { [&first, &second] } else { [&second, &first] };
        shop.reserve(Uuid::new_v4(), lines.map(|book| line(book, 1)).to_vec().into())
    });
    let answers = futures_util::future::join_all(buyers).await;
    let count = |wanted: StatusCode| {
        let matching = answers.iter().filter(|(status, _)| *status == wanted).count();
        i64::try_from(matching).unwrap()
    };
    let held = count(StatusCode::OK);
    let refused = count(StatusCode::CONFLICT);
    assert_eq!(held + refused, 100, "{answers:?}");
    let (first_after, second_after) = (shop.stock(&first).await, shop.stock(&second).await);
    assert_eq!(first_after.0 + first_after.1, available);
    assert_eq!((first_after.1, second_after.1), (held, held));
    assert!(first_after.0 == 0 || second_after.0 == 0 || held == 100);
    shop.catalog.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_parallel_requests_of_one_order_hold_once() {
    let shop = Shop::start().await;
    let (book, order) = (shop.book_id(0).await, Uuid::new_v4());
    let requests = (0..30).map(|_| shop.reserve(order, json!([line(&book, 1)])));
    for (status, _) in futures_util::future::join_all(requests).await {
        assert_eq!(status, StatusCode::OK);
    }
    assert_eq!(shop.stock(&book).await.1, 1);
    assert_eq!(shop.reserve(order, json!([line(&book, 2)])).await.0, StatusCode::CONFLICT);
    shop.catalog.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_that_nobody_comes_for_expires() {
    let shop = Shop::start_with(&[("reservations.sweep_seconds", "1")]).await;
    let (book, order) = (shop.book_id(0).await, Uuid::new_v4());
    let before = shop.stock(&book).await;
    shop.reserve(order, json!([line(&book, 3)])).await;
    shop.catalog.clock.advance(chrono::TimeDelta::minutes(31));
    testkit::eventually("the copies are back", async || shop.stock(&book).await == before).await;
    assert_eq!(shop.end(order, "commit").await.0, StatusCode::CONFLICT);
    assert_eq!(shop.end(order, "release").await.1["state"], "expired");
    shop.catalog.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_arrives_after_it_was_given_up_holds_nothing() {
    let shop = Shop::start().await;
    let (book, order) = (shop.book_id(0).await, Uuid::new_v4());
    let before = shop.stock(&book).await;
    assert_eq!(shop.end(order, "release").await.0, StatusCode::OK);
    assert_eq!(shop.reserve(order, json!([line(&book, 1)])).await.0, StatusCode::CONFLICT);
    assert_eq!(shop.stock(&book).await, before);
    shop.catalog.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_lines_are_refused_with_every_fault() {
    let shop = Shop::start().await;
    let book = shop.book_id(0).await;
    let (status, problem) =
        shop.reserve(Uuid::new_v4(), json!([line(&book, 0), line(&book, 1)])).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem["errors"].as_array().unwrap().len(), 2);
    let unknown = "book_00000000000070008000000000000000";
    assert_eq!(
        shop.reserve(Uuid::new_v4(), json!([line(unknown, 1)])).await.0,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    shop.catalog.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_service_with_the_scope_may_touch_stock() {
    let shop = Shop::start().await;
    let path = format!("/v1/reservations/{}", Uuid::new_v4());
    let mut expired = shop.issuer.claims("orders", None, &[], "reservations:write");
    expired.exp -= 10_000;
    let mut other_audience = shop.issuer.claims("orders", None, &[], "reservations:write");
    other_audience.aud = vec!["orders".to_owned()];
    for (token, expected) in [
        (None, 401),
        (Some("nonsense".to_owned()), 401),
        (Some(shop.issuer.sign(&expired)), 401),
        (Some(shop.issuer.sign(&other_audience)), 401),
        (Some(shop.issuer.customer(Uuid::new_v4())), 403),
        (Some(shop.issuer.admin()), 403),
        (Some(shop.issuer.service("orders", "something:else")), 403),
        (Some(shop.issuer.service("orders", "reservations:write")), 404),
    ] {
        let request = shop.catalog.http.get(&path);
        let request = match &token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        assert_eq!(request.send().await.unwrap().status(), expected, "{token:?}");
    }
    shop.catalog.stop().await;
}
