//! How much of what PostgreSQL can do arrives at the other end of HTTP: PaymentIntents that are created and confirmed
//! each second, against `pgbench` with the same statements (`create_confirm.sql`) on the same server, in turns.
//!
//! `cargo bench -p payments-stub --bench create_confirm` prints both figures and their ratio; a number after `--` is
//! that of the gateway's threads. The clients run on the same machine and in the same process, so their work counts
//! against the gateway.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot run should say so loudly, and prints what it measured"
)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::Value;
use testkit::{Running, median, pgbench};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const KEY: &str = "sk_test_51BackboneBenchmark";
const CLIENTS: usize = 16;
/// Short turns and many of them: what disturbs the machine then disturbs both.
const ROUNDS: usize = 15;
const SECONDS: u64 = 2;

#[tokio::main(flavor = "multi_thread")]
async fn main() {
    // One, because PostgreSQL and the clients need the second core of a small machine more. (cargo adds an argument of
    // its own, which is no number.)
    let workers = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let workers = workers.unwrap_or_else(|| "1".to_owned());
    let settings = [
        ("api.secret_key", KEY),
        ("api.requests_per_second", "1000000"),
        ("api.burst", "1000000"),
        ("http.workers", &workers),
        ("database.pool_size", "16"),
    ];
    let gateway = testkit::start(payments_stub::DESCRIPTION, &settings, payments_stub::run).await;
    // The caches are filled and the connections made before anything counts.
    let http = Client::builder().no_proxy().build().unwrap();
    through_http(&gateway, &http, Duration::from_secs(1)).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/create_confirm.sql");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    println!(
        "create + confirm a second, {workers} threads, {CLIENTS} clients, {SECONDS} s each in turns"
    );
    for round in 1..=ROUNDS {
        ours.push(through_http(&gateway, &http, Duration::from_secs(SECONDS)).await);
        theirs.push(pgbench(&gateway.database_url, &script, (CLIENTS, SECONDS)));
        println!(
            "round {round}: gateway {:.0}, pgbench {:.0}, ratio {:.2}",
            ours[round - 1],
            theirs[round - 1],
            ours[round - 1] / theirs[round - 1]
        );
    }
    let ratios = ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect();
    println!(
        "median: gateway {:.0}, pgbench {:.0}, ratio {:.2}",
        median(ours),
        median(theirs),
        median(ratios)
    );
    gateway.stop().await;
}

/// Pairs a second.
async fn through_http(gateway: &Running, http: &Client, time: Duration) -> f64 {
    let (started, pairs) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let pairs = Arc::clone(&pairs);
            let (http, url) = (http.clone(), format!("{}/v1/payment_intents", gateway.url));
            tokio::spawn(async move {
                while started.elapsed() < time {
                    pay(&http, &url).await;
                    pairs.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    #[expect(clippy::cast_precision_loss, reason = "thousands, not quadrillions")]
    let pairs = pairs.load(Ordering::Relaxed) as f64;
    pairs / started.elapsed().as_secs_f64()
}

async fn pay(http: &Client, url: &str) {
    let form = [("amount", "1000"), ("currency", "eur"), ("metadata[order_id]", "o1")];
    let intent = post(http, url, &form).await;
    let confirm = format!("{url}/{}/confirm", intent["id"].as_str().unwrap());
    let paid = post(http, &confirm, &[("payment_method", "pm_card_visa")]).await;
    assert_eq!(paid["status"], "succeeded");
}

async fn post(http: &Client, url: &str, form: &[(&str, &str)]) -> Value {
    let key = uuid::Uuid::new_v4().to_string();
    let request = http.post(url).bearer_auth(KEY).header("idempotency-key", key).form(form);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}
