//! What a checkout costs the database, statement by statement: the README's table, kept true.

use std::collections::BTreeMap;

use testkit::eventually;

use crate::Shop;

/// Nobody looks unless somebody is woken: what is counted is the checkout's own.
const ASLEEP: [(&str, &str); 3] = [
    ("checkout.poll_ms", "3600000"),
    ("checkout.reconcile_seconds", "3600"),
    ("outbox.poll_ms", "3600000"),
];

impl Shop {
    /// The counters of a metric, by the value of one of its labels.
    fn counts(&self, metric: &str, label: &str) -> BTreeMap<String, u64> {
        let metrics = String::from_utf8(self.orders.metrics.render()).unwrap();
        let mut counts = BTreeMap::new();
        for line in metrics.lines().filter(|line| line.starts_with(&format!("{metric}{{"))) {
            let name =
                line.split(&format!("{label}=\"")).nth(1).unwrap().split('"').next().unwrap();
            let count: u64 = line.rsplit(' ').next().unwrap().parse().unwrap();
            *counts.entry(name.to_owned()).or_default() += count;
        }
        counts
    }

    /// Orders, and waits until the workers that were woken have gone to sleep again.
    async fn order_and_rest(&self, key: &str, book: &str) {
        let idle = || {
            let metrics = String::from_utf8(self.orders.metrics.render()).unwrap();
            let idle = |worker: &str| {
                let line = format!("worker_steps_total{{outcome=\"idle\",worker=\"{worker}\"}} ");
                let count = metrics.lines().find_map(|found| found.strip_prefix(&line));
                count.map_or(0, |count| count.parse::<u64>().unwrap())
            };
            ["stock", "mail"].map(idle)
        };
        eventually("everybody sleeps", async || idle().iter().all(|steps| *steps > 0)).await;
        let before = idle();
        assert_eq!(self.order(key, "pm_card_visa", &[(book, 1)]).await.0.as_u16(), 201);
        eventually("everybody sleeps again", async || idle() == before.map(|steps| steps + 1))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_costs_the_statements_that_the_readme_lists() {
    let shop = Shop::start_with(&ASLEEP).await;
    let (book, _) = shop.book(0).await;
    shop.order_and_rest("first", &book).await;
    let statements =
        || shop.counts("db_client_operation_duration_seconds_count", "db_operation_name");
    let before = statements();
    shop.order_and_rest("second", &book).await;
    let spent: Vec<String> = statements()
        .into_iter()
        .map(|(name, count)| (count - before.get(&name).unwrap_or(&0), name))
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    let readme = include_str!("../../README.md");
    let spent = spent.join(", ");
    assert!(readme.contains(&format!("together: {spent}.")), "the README does not say: {spent}");
    shop.stop().await;
}
