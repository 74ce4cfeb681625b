//! Another card after a decline, and a bank that wants to see its customer.

use serde_json::{Value, json};
use testkit::eventually;

use crate::Shop;

impl Shop {
    /// An order whose first card was declined.
    async fn declined(&self, book: &str) -> Value {
        let (status, problem) = self.order("k1", "pm_card_chargeDeclined", &[(book, 1)]).await;
        assert_eq!(status.as_u16(), 402, "{problem}");
        problem["order_id"].clone()
    }

    async fn pay(&self, order_id: &Value, key: &str, card: &str) -> (u16, Value) {
        let body = json!({"payment_method": card});
        let (status, answer) = self.act(order_id, "payment", Some(key), body).await;
        (status.as_u16(), answer)
    }

    /// What a customer does at the page of the bank.
    pub(crate) async fn visit_bank(&self, order: &Value, outcome: &str) {
        let url = order["next_action"]["redirect_url"].as_str().unwrap();
        let (path, secret) = url.split_once("?client_secret=").unwrap();
        let path = &path[path.find("/3ds/").unwrap()..];
        let form = [("client_secret", secret), ("outcome", outcome)];
        // It sends the customer back to a page of the shop that this test does not have.
        let _ = self.gateway.http.post(path).form(&form).send().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_card_pays_the_same_order_once() {
    let shop = Shop::start().await;
    let (book, price) = shop.book(0).await;
    let id = shop.declined(&book).await;
    for _ in 0..2 {
        let (status, order) = shop.pay(&id, "card-2", "pm_card_mastercard").await;
        assert_eq!((status, &order["state"]), (200, &json!("paid")), "{order}");
        assert!(order.get("failure").is_none(), "{order}");
    }
    assert_eq!(
        shop.path(&id).await,
        ["created", "payment_pending", "confirming", "declined", "confirming", "paid"]
    );
    let mut charges = shop.charges().await;
    charges.sort_unstable();
    assert_eq!(charges, [(price, false), (price, true)]);
    let (status, problem) = shop.pay(&id, "card-2", "pm_card_visa").await;
    assert_eq!((status, &problem["type"]), (422, &json!("/problems/idempotency-key-reused")));
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_cards_at_once_are_one_try() {
    let shop = Shop::start().await;
    let (book, price) = shop.book(0).await;
    let id = shop.declined(&book).await;
    let keys: Vec<String> = (0..10).map(|card| format!("card-{card}")).collect();
    let tries = keys.iter().map(|key| shop.pay(&id, key, "pm_card_visa"));
    let answers = futures_util::future::join_all(tries).await;
    let count = |status: u16| answers.iter().filter(|(actual, _)| *actual == status).count();
    assert_eq!((count(200), count(409)), (1, 9), "{answers:?}");
    assert_eq!(shop.charges().await.iter().filter(|charge| **charge == (price, true)).count(), 1);
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cards_are_not_tried_out_here() {
    let shop = Shop::start().await;
    let (book, _) = shop.book(0).await;
    let id = shop.declined(&book).await;
    for card in 2..=5 {
        let (status, problem) = shop.pay(&id, &format!("{card}"), "pm_card_chargeDeclined").await;
        assert_eq!(status, 402, "{problem}");
    }
    let (status, problem) = shop.pay(&id, "6", "pm_card_visa").await;
    assert_eq!((status, &problem["type"]), (409, &json!("/problems/payment-not-possible")));
    assert_eq!(shop.charges().await.len(), 5);
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paid_order_takes_no_card_and_somebody_elses_does_not_exist() {
    let mut shop = Shop::start().await;
    let (book, _) = shop.book(0).await;
    let (_, order) = shop.order("k1", "pm_card_visa", &[(&book, 1)]).await;
    assert_eq!(shop.pay(&order["id"], "k2", "pm_card_visa").await.0, 409);
    let (status, _) = shop.act(&order["id"], "payment", None, json!({})).await;
    assert_eq!(status.as_u16(), 400, "a try needs a key");
    shop.customer = uuid::Uuid::new_v4();
    assert_eq!(shop.pay(&order["id"], "k2", "pm_card_visa").await.0, 404);
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_who_was_at_the_bank_is_charged_once() {
    let shop = Shop::start().await;
    let (book, price) = shop.book(0).await;
    let (status, order) = shop.order("k1", "pm_card_authenticationRequired", &[(&book, 1)]).await;
    assert_eq!((status.as_u16(), &order["state"]), (202, &json!("requires_action")), "{order}");
    shop.visit_bank(&order, "complete").await;
    let (status, paid) = shop.act(&order["id"], "payment", Some("k2"), json!({})).await;
    assert_eq!((status.as_u16(), &paid["state"]), (200, &json!("paid")), "{paid}");
    assert!(paid.get("next_action").is_none(), "{paid}");
    assert_eq!(shop.charges().await, [(price, true)]);
    eventually("there is a receipt", async || shop.receipts().len() == 1).await;
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_who_fails_at_the_bank_may_try_another_card() {
    let shop = Shop::start().await;
    let (book, price) = shop.book(0).await;
    let (_, order) = shop.order("k1", "pm_card_authenticationRequired", &[(&book, 1)]).await;
    shop.visit_bank(&order, "fail").await;
    let (status, problem) = shop.act(&order["id"], "payment", Some("k2"), json!({})).await;
    assert_eq!(status.as_u16(), 402, "{problem}");
    assert_eq!(problem["decline_code"], "payment_intent_authentication_failure");
    assert_eq!(shop.pay(&order["id"], "k3", "pm_card_visa").await.0, 200);
    assert_eq!(shop.charges().await, [(price, true)]);
    shop.stop().await;
}
