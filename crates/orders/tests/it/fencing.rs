//! Somebody who was paused for too long writes nothing.

use chassis::clock::Clock;
use chassis::db::{Database, Settings};
use chassis::metrics::Metrics;
use chrono::TimeDelta;
use diesel_async::AsyncConnection as _;
use orders::app::Counters;
use orders::domain::{Cause, Fact, NextTry, Order, OrderId};
use orders::planted::Planted;
use orders::store::{Lease, orders as store};
use orders::transition::{self, Applied, Terms};
use serde_json::json;

use crate::Shop;

/// A worker of another process, which can be stopped wherever a test likes.
struct Worker {
    database: Database,
    counters: Counters,
}

impl Worker {
    fn start(shop: &Shop) -> Self {
        let metrics = Metrics::new("orders").unwrap();
        let settings: Settings = serde_json::from_value(json!({"url": shop.orders.database_url,
            "pool_size": 1, "connect_timeout_ms": 10000, "wait_timeout_ms": 10000, "statement_timeout_ms": 10000}))
        .unwrap();
        let database = Database::new("orders", &settings, &metrics).unwrap();
        Self { database, counters: Counters::new(&metrics).unwrap() }
    }

    async fn look(&self, id: OrderId) -> Order {
        let mut connection = self.database.get().await.unwrap();
        store::find(&mut connection, id).await.unwrap().unwrap()
    }

    async fn write(&self, seen: &Order, fact: &Fact) -> Applied {
        let (now, lease) = (Clock::default().now(), TimeDelta::seconds(30));
        let terms = Terms { now, lease, counters: &self.counters, planted: Planted::default() };
        let mut connection = self.database.get().await.unwrap();
        connection
            .transaction(async |tx| transition::apply(tx, seen, (fact, Cause::Resume), terms).await)
            .await
            .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decline_that_was_learnt_before_the_next_card_is_not_written_after_it() {
    let shop = Shop::start().await;
    let (book, _) = shop.book(0).await;
    let (_, order) = shop.order("k1", "pm_card_authenticationRequired", &[(&book, 1)]).await;
    let id: OrderId = order["id"].as_str().unwrap().parse().unwrap();
    let paused = Worker::start(&shop);
    let seen = paused.look(id).await;
    let learnt = Fact::MethodRefused("resource_missing".to_owned());

    // Meanwhile the first card fails, and another one is being charged: by somebody who has not come back yet.
    shop.visit_bank(&order, "fail").await;
    shop.act(&order["id"], "payment", Some("k2"), json!({})).await;
    let other = Worker::start(&shop);
    let declined = other.look(id).await;
    let another = Fact::AnotherCard(NextTry {
        attempt: 2,
        idempotency_key: "k3".to_owned(),
        payment_method: "pm_card_visa".to_owned(),
    });
    let confirming = other.write(&declined, &another).await;
    assert!(!confirming.is_stale);

    let late = paused.write(&seen, &learnt).await;
    assert!(late.is_stale);
    assert_eq!(late.order, confirming.order);
    assert_eq!(shop.path(&order["id"]).await.last().unwrap(), "confirming");
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_was_taken_over_cannot_be_put_off_by_who_had_it() {
    let shop = Shop::start_with(&[("checkout.poll_ms", "3600000")]).await;
    let (book, _) = shop.book(0).await;
    let (_, order) = shop.order("k1", "pm_card_authenticationRequired", &[(&book, 1)]).await;
    let id: OrderId = order["id"].as_str().unwrap().parse().unwrap();
    let worker = Worker::start(&shop);
    let seen = worker.look(id).await;
    let later = Clock::default().now() + TimeDelta::hours(1);
    let mut connection = worker.database.get().await.unwrap();
    let until = later + TimeDelta::hours(1);
    let lease = Lease { now: later, until, horizon: until };
    let taken = store::claim_due(&mut connection, lease).await.unwrap().unwrap();
    assert_eq!(taken.id(), id);

    store::postpone(&mut connection, &seen, Clock::default().now()).await.unwrap();
    assert!(store::claim_due(&mut connection, lease).await.unwrap().is_none());
    drop(connection);
    let now_seen = worker.look(id).await;
    let mut connection = worker.database.get().await.unwrap();
    store::postpone(&mut connection, &now_seen, later).await.unwrap();
    assert!(store::claim_due(&mut connection, lease).await.unwrap().is_some());
    shop.stop().await;
}
