//! A day without webhooks.

use testkit::eventually;

use crate::Shop;

#[tokio::test(flavor = "multi_thread")]
async fn what_no_webhook_brings_is_read_from_the_gateways_list() {
    // Nobody listens there.
    let receiver = [
        ("webhooks.url", "http://127.0.0.1:9/v1/webhooks/gateway"),
        ("webhooks.secret", "whsec_lost"),
    ];
    let shop = Shop::start_beside(&receiver, &[("checkout.reconcile_seconds", "1")]).await;
    let (book, _) = shop.book(0).await;
    let (_, order) = shop.order("k1", "pm_card_visa", &[(&book, 1)]).await;
    eventually("the event is applied", async || shop.inbox().await == (1, 1)).await;
    assert_eq!(shop.read(&order["id"]).await["state"], "paid");

    let (_, other) = shop.order("k2", "pm_card_visa", &[(&book, 1)]).await;
    eventually("the next one, too", async || shop.inbox().await == (2, 2)).await;
    assert_eq!(shop.path(&other["id"]).await.len(), 4);
    eventually("where to read on is remembered", async || {
        let url = &shop.orders.database_url;
        let (client, driver) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(driver);
        let read =
            "SELECT count(*) FROM event_cursors WHERE read_until > now() - interval '1 hour'";
        client.query_one(read, &[]).await.unwrap().get::<_, i64>(0) == 1
    })
    .await;
    shop.stop().await;
}
