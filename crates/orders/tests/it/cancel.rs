//! Not after all.

use chrono::TimeDelta;
use serde_json::{Value, json};
use testkit::eventually;

use crate::{GATEWAY_KEY, Shop};

impl Shop {
    async fn cancel(&self, order_id: &Value) -> (u16, Value) {
        let (status, answer) = self.act(order_id, "cancel", None, json!({})).await;
        (status.as_u16(), answer)
    }

    /// As if they had been held for too long. (The catalog's clock would end its trust in everybody's tokens, too.)
    async fn end_reservations(&self) {
        let url = &self.catalog.database_url;
        let (client, driver) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(driver);
        client.execute("UPDATE reservations SET expires_at = created_at", &[]).await.unwrap();
    }

    async fn intent(&self, order: &Value) -> Value {
        let path = format!("/v1/payment_intents/{}", order["payment_intent"].as_str().unwrap());
        let request = self.gateway.http.get(&path).bearer_auth(GATEWAY_KEY);
        request.send().await.unwrap().json().await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unpaid_order_is_cancelled_at_the_gateway_and_frees_its_stock() {
    let shop = Shop::start().await;
    let (book, _) = shop.book(0).await;
    let before = shop.stock(&book).await;
    let (_, order) = shop.order("k1", "pm_card_authenticationRequired", &[(&book, 1)]).await;
    for _ in 0..2 {
        let (status, cancelled) = shop.cancel(&order["id"]).await;
        assert_eq!((status, &cancelled["state"]), (200, &json!("cancelled")), "{cancelled}");
    }
    assert_eq!(shop.intent(&order).await["status"], "canceled");
    eventually("the stock is free", async || shop.stock(&book).await == before).await;
    // The same wish again is told what became of it.
    let (status, problem) = shop.order("k1", "pm_card_authenticationRequired", &[(&book, 1)]).await;
    assert_eq!((status.as_u16(), &problem["type"]), (409, &json!("/problems/order-cancelled")));
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paid_order_is_not_cancelled() {
    let mut shop = Shop::start().await;
    let (book, _) = shop.book(0).await;
    let (_, order) = shop.order("k1", "pm_card_visa", &[(&book, 1)]).await;
    let (status, problem) = shop.cancel(&order["id"]).await;
    assert_eq!((status, &problem["type"]), (409, &json!("/problems/order-paid")), "{problem}");
    shop.customer = uuid::Uuid::new_v4();
    assert_eq!(shop.cancel(&order["id"]).await.0, 404);
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn money_that_comes_after_the_cancellation_goes_back() {
    let shop = Shop::start_beside(
        &[("api.settle_seconds", "3600")],
        &[("checkout.wait_ms", "500"), ("checkout.longest_pause_ms", "200")],
    )
    .await;
    let (book, price) = shop.book(0).await;
    let before = shop.stock(&book).await;
    let (status, order) = shop.order("k1", "pm_usBankAccount_success", &[(&book, 1)]).await;
    assert_eq!((status.as_u16(), &order["state"]), (202, &json!("payment_unknown")), "{order}");
    // The bank has the wish already, and the gateway cannot take it back.
    let (status, undecided) = shop.cancel(&order["id"]).await;
    assert_eq!((status, &undecided["state"]), (202, &json!("payment_unknown")), "{undecided}");

    shop.gateway.clock.advance(TimeDelta::hours(2));
    shop.until(&order["id"], "refunded").await;
    assert_eq!(shop.charges().await, [(price, true)]);
    let refunded = shop.read(&order["id"]).await;
    assert_eq!(refunded["refunds"][0]["reason"], "cancelled", "{refunded}");
    assert_eq!(refunded["refunded"]["amount"], price);
    eventually("nothing is sold", async || shop.stock(&book).await == before).await;
    eventually("both mails are there", async || shop.receipts().len() == 2).await;
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn money_that_comes_when_the_stock_is_gone_goes_back() {
    let shop = Shop::start_beside(
        &[("api.settle_seconds", "3600")],
        &[("checkout.wait_ms", "500"), ("checkout.longest_pause_ms", "200")],
    )
    .await;
    let (book, _) = shop.book(0).await;
    let before = shop.stock(&book).await;
    let (_, order) = shop.order("k1", "pm_usBankAccount_success", &[(&book, 1)]).await;
    shop.end_reservations().await;
    eventually("the stock is free again", async || shop.stock(&book).await == before).await;

    shop.gateway.clock.advance(TimeDelta::hours(2));
    shop.until(&order["id"], "refunded").await;
    assert_eq!(shop.read(&order["id"]).await["refunds"][0]["reason"], "out_of_stock");
    assert_eq!(shop.stock(&book).await, before);
    shop.stop().await;
}
