//! Money that goes back.

use chrono::TimeDelta;
use serde_json::{Value, json};
use testkit::eventually;
use uuid::Uuid;

use crate::{GATEWAY_KEY, Shop};

impl Shop {
    async fn paid(&self, quantity: i64) -> (Value, i64) {
        let (book, price) = self.book(0).await;
        let (status, order) = self.order("k1", "pm_card_visa", &[(&book, quantity)]).await;
        assert_eq!(status.as_u16(), 201, "{order}");
        (order["id"].clone(), price * quantity)
    }

    async fn refund(&self, order_id: &Value, key: &str, body: Value) -> (u16, Value) {
        let (status, answer) = self.act(order_id, "refunds", Some(key), body).await;
        (status.as_u16(), answer)
    }

    /// The refunds that the gateway has made.
    async fn gateway_refunds(&self) -> Vec<i64> {
        let request = self.gateway.http.get("/v1/refunds?limit=100").bearer_auth(GATEWAY_KEY);
        let list: Value = request.send().await.unwrap().json().await.unwrap();
        let refunds = list["data"].as_array().unwrap_or_else(|| panic!("{list}"));
        refunds.iter().map(|refund| refund["amount"].as_i64().unwrap()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_it_goes_back_once_and_the_customer_is_told_once() {
    let shop = Shop::start().await;
    let (id, total) = shop.paid(1).await;
    let (_, first) = shop.refund(&id, "r1", json!({})).await;
    let (status, again) = shop.refund(&id, "r1", json!({})).await;
    assert_eq!((status, &first), (201, &again));
    assert_eq!((&first["state"], &first["amount"]["amount"]), (&json!("succeeded"), &json!(total)));
    assert_eq!(shop.gateway_refunds().await, [total]);
    shop.until(&id, "refunded").await;
    eventually("receipt and refund are told", async || shop.receipts().len() == 2).await;
    let told = shop.receipts().into_iter().find(|mail| mail.contains("Your refund")).unwrap();
    assert!(told.contains(&format!("refund.{}", first["id"].as_str().unwrap())), "{told}");
    let (status, problem) = shop.refund(&id, "r2", json!({})).await;
    assert_eq!((status, &problem["type"]), (409, &json!("/problems/refund-not-possible")));
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_go_back_until_nothing_is_left() {
    let shop = Shop::start().await;
    let (id, total) = shop.paid(2).await;
    assert_eq!(shop.refund(&id, "r1", json!({"amount": 100})).await.0, 201);
    assert_eq!(shop.refund(&id, "r0", json!({"amount": i64::MAX})).await.0, 409);
    assert_eq!(shop.read(&id).await["refunded"]["amount"], 100);
    assert_eq!(shop.read(&id).await["state"], "paid");
    let (status, problem) = shop.refund(&id, "r2", json!({"amount": total})).await;
    assert_eq!((status, problem["detail"].as_str().unwrap().contains("left")), (409, true));
    let (status, rest) = shop.refund(&id, "r3", json!({"reason": "duplicate"})).await;
    assert_eq!((status, &rest["amount"]["amount"]), (201, &json!(total - 100)));
    let mut made = shop.gateway_refunds().await;
    made.sort_unstable();
    assert_eq!(made, [100, total - 100]);
    shop.until(&id, "refunded").await;
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_refunds_at_once_only_so_many_are_granted_as_there_is_money() {
    let shop = Shop::start().await;
    let (id, total) = shop.paid(1).await;
    let most = total * 6 / 10;
    let keys: Vec<String> = (0..20).map(|wish| format!("r{wish}")).collect();
    let wishes = keys.iter().map(|key| shop.refund(&id, key, json!({"amount": most})));
    let answers = futures_util::future::join_all(wishes).await;
    let count = |status: u16| answers.iter().filter(|(actual, _)| *actual == status).count();
    assert_eq!((count(201), count(409)), (1, 19), "{answers:?}");
    assert_eq!(shop.gateway_refunds().await, [most]);
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_for_another_amount_is_refused() {
    let shop = Shop::start().await;
    let (id, _) = shop.paid(1).await;
    assert_eq!(shop.refund(&id, "r1", json!({"amount": 10})).await.0, 201);
    let (status, problem) = shop.refund(&id, "r1", json!({"amount": 20})).await;
    assert_eq!((status, &problem["type"]), (422, &json!("/problems/idempotency-key-reused")));
    assert_eq!(shop.gateway_refunds().await, [10]);
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_have_two_weeks_and_administrators_always() {
    let mut shop = Shop::start().await;
    let (id, _) = shop.paid(1).await;
    shop.orders.clock.advance(TimeDelta::days(15));
    let mut claims =
        shop.issuer.claims(&shop.customer.to_string(), Some(Uuid::new_v4()), &["customer"], "");
    claims.exp += 30 * 86_400;
    let path = format!("/v1/orders/{}/refunds", id.as_str().unwrap());
    let as_whom = async |claims: chassis::identity::Claims| {
        let request = shop.orders.http.post(&path).header("idempotency-key", "r1");
        let request = request.json(&json!({})).bearer_auth(shop.issuer.sign(&claims));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(as_whom(claims.clone()).await, 409);
    claims.sub = Uuid::new_v4().to_string();
    assert_eq!(as_whom(claims.clone()).await, 404);
    claims.roles.push("admin".to_owned());
    assert_eq!(as_whom(claims.clone()).await, 201);
    shop.customer = Uuid::nil();
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_wishes_move_nothing() {
    let shop = Shop::start().await;
    let (id, total) = shop.paid(1).await;
    for (body, expected) in [
        (json!({"amount": 0}), 422),
        (json!({"amount": -1}), 422),
        (json!({"amount": 1.5}), 422),
        (json!({"amount": "1"}), 422),
        (json!({"amount": i64::MAX}), 409),
        (json!({"amount": total + 1}), 409),
        (json!({"reason": "out_of_stock"}), 422),
        (json!({"reason": "because"}), 422),
        (json!({"sum": 1}), 422),
    ] {
        let (status, problem) = shop.refund(&id, "r1", body.clone()).await;
        assert_eq!(status, expected, "{body}: {problem}");
    }
    assert_eq!(shop.act(&id, "refunds", None, json!({})).await.0.as_u16(), 400);
    assert_eq!(shop.gateway_refunds().await, [0_i64; 0]);
    assert_eq!(shop.read(&id).await["refunded"]["amount"], 0);
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_not_paid_has_nothing_to_give_back() {
    let shop = Shop::start().await;
    let (book, _) = shop.book(0).await;
    let (_, problem) = shop.order("k1", "pm_card_chargeDeclined", &[(&book, 1)]).await;
    let (status, refused) = shop.refund(&problem["order_id"], "r1", json!({})).await;
    assert_eq!((status, &refused["type"]), (409, &json!("/problems/refund-not-possible")));
    assert_eq!(shop.read(&problem["order_id"]).await["refunds"], json!([]));
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn money_does_not_trickle_back() {
    let shop = Shop::start().await;
    let (id, _) = shop.paid(1).await;
    for wish in 0..20 {
        assert_eq!(shop.refund(&id, &format!("r{wish}"), json!({"amount": 1})).await.0, 201);
    }
    assert_eq!(shop.refund(&id, "r20", json!({"amount": 1})).await.0, 409);
    assert_eq!(shop.gateway_refunds().await, [1; 20]);
    shop.stop().await;
}
