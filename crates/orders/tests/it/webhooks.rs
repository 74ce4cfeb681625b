//! What the gateway tells us by itself, and what others try to tell us in its name.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use testkit::eventually;

use crate::{Shop, WEBHOOK_SECRET};

fn event(id: &str, kind: &str, intent_id: &str) -> String {
    json!({"id": id, "object": "event", "created": 1_800_000_000, "type": kind, "data": {"object": {"id": intent_id}}})
        .to_string()
}

impl Shop {
    async fn tell(&self, body: &str, secret: &str, age: i64) -> u16 {
        let time = self.orders.clock.now().timestamp() - age;
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{time}.{body}").as_bytes());
        let header = format!("t={time},v1={}", hex::encode(mac.finalize().into_bytes()));
        let request =
            self.orders.http.post("/v1/webhooks/gateway").header("stripe-signature", header);
        request.body(body.to_owned()).send().await.unwrap().status().as_u16()
    }

    /// How many events are stored, and how many of them are applied.
    pub(crate) async fn inbox(&self) -> (i64, i64) {
        let (client, driver) =
            tokio_postgres::connect(&self.orders.database_url, tokio_postgres::NoTls)
                .await
                .unwrap();
        tokio::spawn(driver);
        let row = client
            .query_one("SELECT count(*), count(applied_at) FROM gateway_events", &[])
            .await
            .unwrap();
        (row.get(0), row.get(1))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_ten_times_is_applied_once() {
    let shop = Shop::start().await;
    let (book, _) = shop.book(0).await;
    let (_, order) = shop.order("k1", "pm_card_visa", &[(&book, 1)]).await;
    let body =
        event("evt_1", "payment_intent.succeeded", order["payment_intent"].as_str().unwrap());
    let told = (0..10).map(|_| shop.tell(&body, WEBHOOK_SECRET, 0));
    assert_eq!(futures_util::future::join_all(told).await, [200; 10]);
    eventually("it is applied", async || shop.inbox().await == (1, 1)).await;
    let history = shop.read(&order["id"]).await["history"].as_array().unwrap().len();
    assert_eq!(history, 4);
    assert_eq!(shop.receipts().len(), 1);
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_about_an_unknown_payment_stays_in_the_inbox() {
    let shop = Shop::start().await;
    let body = event("evt_1", "payment_intent.succeeded", "pi_of_an_order_that_is_not_stored_yet");
    assert_eq!(shop.tell(&body, WEBHOOK_SECRET, 0).await, 200);
    eventually("it was looked at", async || {
        let metrics = String::from_utf8(shop.orders.metrics.render()).unwrap();
        metrics.contains("worker_steps_total{outcome=\"busy\",worker=\"webhooks\"} 1")
    })
    .await;
    assert_eq!(shop.inbox().await, (1, 0));
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forged_old_or_not_ours_changes_no_row() {
    let shop = Shop::start().await;
    let good = event("evt_1", "payment_intent.succeeded", "pi_1");
    assert_eq!(shop.tell(&good, "whsec_wrong", 0).await, 400);
    assert_eq!(shop.tell(&good, WEBHOOK_SECRET, 301).await, 400);
    assert_eq!(shop.tell(&good, WEBHOOK_SECRET, -301).await, 400);
    assert_eq!(shop.tell("not json", WEBHOOK_SECRET, 0).await, 422);
    assert_eq!(
        shop.tell(&event("evt_1", "charge.succeeded", "ch_1"), WEBHOOK_SECRET, 0).await,
        200
    );
    let unsigned = shop.orders.http.post("/v1/webhooks/gateway").body(good).send().await.unwrap();
    assert_eq!(unsigned.status().as_u16(), 400);
    let problem: Value = unsigned.json().await.unwrap();
    assert_eq!(problem["type"], "/problems/invalid-signature");
    assert_eq!(shop.inbox().await, (0, 0));
    let metrics = String::from_utf8(shop.orders.metrics.render()).unwrap();
    for (outcome, count) in
        [("forged_signature", 1), ("forged_time", 2), ("forged_header", 1), ("ignored", 1)]
    {
        let line = format!("shop_webhooks_total{{outcome=\"{outcome}\"}} {count}");
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }
    shop.stop().await;
}
