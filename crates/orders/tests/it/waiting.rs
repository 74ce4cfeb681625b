//! Who prefers to wait, and who watches.

use chrono::TimeDelta;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Shop;

/// A bank that has not answered when the request is.
const SLOW_BANK: [(&str, &str); 1] = [("api.settle_seconds", "3600")];
const QUICK_LOOKS: [(&str, &str); 1] = [("checkout.longest_pause_ms", "200")];

impl Shop {
    async fn with_preference(
        &self,
        request: reqwest::RequestBuilder,
        preference: &str,
    ) -> reqwest::Response {
        let token = self.issuer.customer(self.customer);
        request.header("prefer", preference).bearer_auth(token).send().await.unwrap()
    }

    async fn order_slowly(&self, preference: &str) -> reqwest::Response {
        let (book, _) = self.book(0).await;
        let body = json!({"lines": [{"book_id": book, "quantity": 1}],
            "payment_method": "pm_usBankAccount_success", "receipt_email": "reader@example.com"});
        let request = self.orders.http.post("/v1/orders").header("idempotency-key", "k1");
        self.with_preference(request.json(&body), preference).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_prefers_not_to_wait_is_answered_at_once_and_who_does_gets_the_outcome() {
    let shop = Shop::start_beside(&SLOW_BANK, &QUICK_LOOKS).await;
    let answer = shop.order_slowly("respond-async, wait=0").await;
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["preference-applied"].to_str().unwrap()),
        (202, "wait=0")
    );
    let path = answer.headers()["location"].to_str().unwrap().to_owned();

    // Only then has the bank been asked, and can be late.
    let id = json!(path.rsplit('/').next().unwrap());
    shop.until(&id, "payment_unknown").await;
    let reading = shop.with_preference(shop.orders.http.get(&path), "wait=20");
    let settling = async {
        shop.gateway.clock.advance(TimeDelta::hours(2));
    };
    let (answer, ()) = tokio::join!(reading, settling);
    assert_eq!(answer.headers()["preference-applied"], "wait=20");
    assert_eq!(answer.json::<Value>().await.unwrap()["state"], "paid");
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_longer_than_we_allow() {
    let longest = [("checkout.longest_wait_ms", "1000")];
    let shop = Shop::start_beside(&SLOW_BANK, &longest).await;
    let answer = shop.order_slowly("wait=3600").await;
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["preference-applied"].to_str().unwrap()),
        (202, "wait=1")
    );
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_sees_the_order_move_and_end() {
    let shop = Shop::start_beside(&SLOW_BANK, &QUICK_LOOKS).await;
    let order: Value = shop.order_slowly("wait=1").await.json().await.unwrap();
    let path = format!("/v1/orders/{}/events", order["id"].as_str().unwrap());
    let token = shop.issuer.customer(shop.customer);
    let mut answer = shop.orders.http.get(&path).bearer_auth(token).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut told = String::from_utf8(answer.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(told.ends_with("event: state\ndata: {\"state\":\"payment_unknown\"}\n\n"), "{told}");

    shop.gateway.clock.advance(TimeDelta::hours(2));
    while let Some(chunk) = answer.chunk().await.unwrap() {
        told.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    assert!(told.ends_with("event: state\ndata: {\"state\":\"paid\"}\n\n"), "{told}");
    assert_eq!(told.matches("event:").count(), 2, "{told}");

    // Who knows the end is told not to come back.
    let last = told.rsplit("id: ").next().unwrap().lines().next().unwrap();
    let token = shop.issuer.customer(shop.customer);
    let again = shop.orders.http.get(&path).bearer_auth(token).header("last-event-id", last);
    assert_eq!(again.send().await.unwrap().status().as_u16(), 204);
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_may_watch_and_only_ones_own() {
    let shop = Shop::start_beside(&SLOW_BANK, &[("stream.most_per_customer", "1")]).await;
    let order: Value = shop.order_slowly("wait=0").await.json().await.unwrap();
    let path = format!("/v1/orders/{}/events", order["id"].as_str().unwrap());
    let watch = async |who: Uuid| {
        let request = shop.orders.http.get(&path).bearer_auth(shop.issuer.customer(who));
        request.send().await.unwrap()
    };
    assert_eq!(watch(Uuid::new_v4()).await.status().as_u16(), 404);
    let first = watch(shop.customer).await;
    assert_eq!(first.status().as_u16(), 200);
    assert_eq!(watch(shop.customer).await.status().as_u16(), 503);
    drop(first);
    testkit::eventually("its place is free again", async || {
        watch(shop.customer).await.status().as_u16() == 200
    })
    .await;
    shop.stop().await;
}
