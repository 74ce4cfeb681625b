//! How much of what PostgreSQL can do arrives at the other end of a checkout: orders that are placed and paid each
//! second through orders, catalog and gateway, against `pgbench` with the same statements of all three
//! (`checkout.sql`) on the same server, in turns.
//!
//! `cargo bench -p orders --bench checkout` prints both figures and their ratio. The three services have a schema each
//! in one database, because pgbench knows one. The clients and all services run on the same machine and in the same
//! process, so their work counts against the shop. Everything that follows from an order (stock sold, receipt written)
//! is waited for and counts, too. The gateway has no receiver of webhooks.
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
use serde_json::{Value, json};
use testkit::{Issuer, Running, TestDatabase, eventually, median, pgbench};
use tokio_postgres::NoTls;
use uuid::Uuid;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const KEY: &str = "sk_test_51BackboneBenchmark";
const CLIENTS: usize = 16;
/// Short turns and many of them: what disturbs the machine then disturbs both.
const ROUNDS: usize = 15;
const SECONDS: u64 = 2;

const BOOK_COUNT: usize = 100;
/// Books whose names `pgbench` can write down, in stock for ever.
const BOOKS: &str = "
    INSERT INTO catalog.books (id, slug, title, authors, first_published, circa, language, subjects, description,
                               price_amount, price_currency, created_at, updated_at)
    SELECT ('00000000-0000-7000-8000-' || lpad((n - 1)::text, 12, '0'))::uuid, 'bench-' || n, title, authors,
           first_published, circa, language, subjects, description, 1000, 'EUR', now(), now()
    FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM catalog.books) AS book WHERE n <= 100;
    INSERT INTO catalog.stock (book_id, available) SELECT id, 100000000 FROM catalog.books WHERE slug LIKE 'bench-%'";

/// The shop, its database, and what is bought.
struct Shop {
    orders: Running,
    catalog: Running,
    gateway: Running,
    database: TestDatabase,
    issuer: Issuer,
    books: Vec<Value>,
    _mailbox: tempfile::TempDir,
}

#[tokio::main(flavor = "multi_thread")]
async fn main() {
    let shop = start().await;
    let http = Client::builder().no_proxy().build().unwrap();
    // The caches are filled and the connections made before anything counts.
    shop.through_http(&http, Duration::from_secs(1)).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/checkout.sql");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    println!("checkouts a second, {CLIENTS} clients, {SECONDS} s each in turns");
    for round in 1..=ROUNDS {
        ours.push(shop.through_http(&http, Duration::from_secs(SECONDS)).await);
        theirs.push(pgbench(shop.database.url(), &script, (CLIENTS, SECONDS)));
        println!(
            "round {round}: shop {:.0}, pgbench {:.0}, ratio {:.2}",
            ours[round - 1],
            theirs[round - 1],
            ours[round - 1] / theirs[round - 1]
        );
    }
    let ratios = ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect();
    println!(
        "median: shop {:.0}, pgbench {:.0}, ratio {:.2}",
        median(ours),
        median(theirs),
        median(ratios)
    );
    shop.stop().await;
}

/// Three services in three schemas of one database.
async fn start() -> Shop {
    let database = TestDatabase::create(None).await;
    let (client, driver) = tokio_postgres::connect(database.url(), NoTls).await.unwrap();
    tokio::spawn(driver);
    client
        .batch_execute("CREATE SCHEMA catalog; CREATE SCHEMA orders; CREATE SCHEMA payments")
        .await
        .unwrap();
    let url = |schema: &str| {
        let separator = if database.url().contains('?') { '&' } else { '?' };
        format!("{}{separator}options=-c%20search_path%3D{schema}%2Cpublic", database.url())
    };
    let issuer = Issuer::start().await;
    let (name, jwks_url) = (issuer.name(), issuer.jwks_url());
    let identity = [("identity.issuer", name.as_str()), ("identity.jwks_url", jwks_url.as_str())];
    let catalog_url = url("catalog");
    let mut settings = vec![("database.url", catalog_url.as_str()), ("database.pool_size", "16")];
    settings.extend(identity);
    let catalog = testkit::start(catalog::DESCRIPTION, &settings, catalog::run).await;
    client.batch_execute(BOOKS).await.unwrap();
    let gateway_url = url("payments");
    let settings = [
        ("database.url", gateway_url.as_str()),
        ("database.pool_size", "16"),
        ("api.secret_key", KEY),
        ("api.requests_per_second", "1000000"),
        ("api.burst", "1000000"),
    ];
    let gateway = testkit::start(payments_stub::DESCRIPTION, &settings, payments_stub::run).await;
    let mailbox = tempfile::tempdir().unwrap();
    let orders_url = url("orders");
    let mut settings = vec![
        ("database.url", orders_url.as_str()),
        ("database.pool_size", "16"),
        ("credentials.client_secret", "not-checked-by-the-issuer-of-tests"),
        ("credentials.issuer.base_url", name.as_str()),
        ("catalog.base_url", &catalog.url),
        ("gateway.secret_key", KEY),
        ("gateway.api.base_url", &gateway.url),
        ("webhook.secret", "whsec_nobody_sends_any"),
        ("mail.folder", mailbox.path().to_str().unwrap()),
    ];
    settings.extend(identity);
    let orders = testkit::start(orders::DESCRIPTION, &settings, orders::run).await;
    let books =
        (0..BOOK_COUNT).map(|number| json!(format!("book_0000000000007000800{number:013}")));
    let books = books.collect();
    Shop { orders, catalog, gateway, database, issuer, books, _mailbox: mailbox }
}

impl Shop {
    /// Paid orders a second, with all that follows from them.
    async fn through_http(&self, http: &Client, time: Duration) -> f64 {
        let (started, paid) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let paid = Arc::clone(&paid);
                let (http, url) = (http.clone(), format!("{}/v1/orders", self.orders.url));
                let token = self.issuer.customer(Uuid::new_v4());
                let books = self.books.clone();
                tokio::spawn(async move {
                    let mut turn = client;
                    while started.elapsed() < time {
                        buy(&http, &url, &token, &books[turn % books.len()]).await;
                        paid.fetch_add(1, Ordering::Relaxed);
                        turn += CLIENTS;
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
        let (client, driver) = tokio_postgres::connect(self.database.url(), NoTls).await.unwrap();
        tokio::spawn(driver);
        eventually("every promise is kept", async || {
            let waiting = "SELECT count(*) FROM orders.outbox WHERE delivered_at IS NULL";
            client.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) == 0
        })
        .await;
        #[expect(clippy::cast_precision_loss, reason = "thousands, not quadrillions")]
        let paid = paid.load(Ordering::Relaxed) as f64;
        paid / started.elapsed().as_secs_f64()
    }

    async fn stop(self) {
        self.orders.stop().await;
        self.gateway.stop().await;
        self.catalog.stop().await;
        self.database.drop().await;
    }
}

async fn buy(http: &Client, url: &str, token: &str, book: &Value) {
    let body = json!({"lines": [{"book_id": book, "quantity": 1}], "payment_method": "pm_card_visa",
        "receipt_email": "reader@example.com"});
    let key = Uuid::new_v4().to_string();
    let request = http.post(url).bearer_auth(token).header("idempotency-key", key).json(&body);
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let order: Value = answer.json().await.unwrap();
    assert_eq!(status, 201, "{order}");
}
