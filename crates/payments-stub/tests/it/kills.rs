//! `kill -9` in the middle of everything, again and again.
//!
//! Clients create, confirm and refund without a pause, and repeat a request under its key until it is answered, as a
//! careful client does. Meanwhile the gateway's process is killed at random moments and started again. In the end
//! nothing that was acknowledged is lost, no key answers otherwise than it did, and no webhook is forgotten.
//!
//! `BACKBONE_KILLS=200 cargo test -p payments-stub --test it kills` kills it two hundred times.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{join, join_all};
use reqwest::Client;
use serde_json::{Value, json};

use crate::process::{CONTROL_TOKEN, Process};
use crate::{KEY, data, id};

const CLIENTS: usize = 4;

/// How often, unless `BACKBONE_KILLS` says otherwise: enough to see a defect in the design, few enough for every run.
const KILLS: usize = 40;

/// A request that was answered, and what the answer was.
#[derive(Clone, Debug)]
struct Acknowledged {
    key: String,
    path: String,
    form: Vec<(&'static str, String)>,
    status: u16,
    body: String,
}

/// A client that never gives up on a request, and knows what it was told.
struct Customer {
    http: Client,
    url: String,
    number: usize,
    acknowledged: Arc<Mutex<Vec<Acknowledged>>>,
    stop: Arc<AtomicBool>,
}

impl Customer {
    /// Buys until it is told to stop; what it has begun, it finishes.
    async fn run(self) {
        for round in 0.. {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let name = format!("{}-{round}", self.number);
            let form = vec![("amount", "1000".to_owned()), ("currency", "eur".to_owned())];
            let intent = self.insist(&format!("create-{name}"), "/v1/payment_intents", form).await;
            let path = format!("/v1/payment_intents/{}/confirm", id(&intent));
            let method = if round % 4 == 3 { "pm_card_chargeDeclined" } else { "pm_card_visa" };
            let form = vec![("payment_method", method.to_owned())];
            let paid = self.insist(&format!("confirm-{name}"), &path, form).await;
            if round % 4 == 1 {
                let form =
                    vec![("payment_intent", id(&paid).to_owned()), ("amount", "400".to_owned())];
                self.insist(&format!("refund-{name}"), "/v1/refunds", form).await;
            }
        }
    }

    /// Repeats a request under its key until it is answered.
    async fn insist(&self, key: &str, path: &str, form: Vec<(&'static str, String)>) -> Value {
        let mut answer = None;
        testkit::eventually("a request is answered", async || {
            // No answer: its process was killed, and the next one comes up in a moment. A conflict or an error: what
            // was asked before may still run in the database.
            let answered = post(&self.http, &self.url, path, key, &form).await.ok();
            answer = answered.filter(|(status, _)| ![409, 429, 500, 503].contains(status));
            answer.is_some()
        })
        .await;
        let (status, body) = answer.unwrap();
        assert!([200, 402].contains(&status), "{path}: {status} {body}");
        let value = serde_json::from_str(&body).unwrap();
        let (key, path) = (key.to_owned(), path.to_owned());
        self.acknowledged.lock().unwrap().push(Acknowledged { key, path, form, status, body });
        value
    }
}

async fn post(
    http: &Client,
    url: &str,
    path: &str,
    key: &str,
    form: &[(&'static str, String)],
) -> reqwest::Result<(u16, String)> {
    let request = http.post(format!("{url}{path}")).bearer_auth(KEY).form(form);
    let answer = request.header("idempotency-key", key).send().await?;
    Ok((answer.status().as_u16(), answer.text().await?))
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_moments_it_loses_nothing_that_it_acknowledged() {
    let http = Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
    let mut gateway = Process::new().await;
    let acknowledged = Arc::<Mutex<Vec<Acknowledged>>>::default();
    let stop = Arc::<AtomicBool>::default();
    let customers = (0..CLIENTS).map(|number| {
        let customer = Customer {
            http: http.clone(),
            url: gateway.url.clone(),
            number,
            acknowledged: Arc::clone(&acknowledged),
            stop: Arc::clone(&stop),
        };
        customer.run()
    });
    let buying = join_all(customers);

    let killing = async {
        for number in 0..kills() {
            gateway.start(&http).await;
            // Some lives are too short for a single answer, others last for a few.
            let wanted = acknowledged.lock().unwrap().len() + number % 6;
            testkit::eventually("customers are served", async || {
                acknowledged.lock().unwrap().len() >= wanted
            })
            .await;
            // The moment is the point of the test: anywhere between two statements, commits or bytes of an answer.
            let moment = uuid::Uuid::new_v4().as_u128() % 30_000;
            let moment = Duration::from_micros(u64::try_from(moment).unwrap());
            let ended = tokio::time::timeout(moment, gateway.ended()).await;
            assert!(ended.is_err(), "it ended by itself: {ended:?}");
            gateway.kill().await;
        }
        gateway.start(&http).await;
        stop.store(true, Ordering::Relaxed);
    };
    join(buying, killing).await;

    let acknowledged = std::mem::take(&mut *acknowledged.lock().unwrap());
    println!("{} kills, {} requests acknowledged", kills(), acknowledged.len());
    assert!(acknowledged.len() > kills(), "there was hardly any load: {}", acknowledged.len());
    assert_keys_answer_as_before(&http, &gateway, &acknowledged).await;
    assert_one_charge_each(&gateway).await;
    assert_every_event_arrived(&http, &gateway).await;
    gateway.end().await;
}

#[expect(clippy::disallowed_methods, reason = "tests have no configuration")]
fn kills() -> usize {
    std::env::var("BACKBONE_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS)
}

async fn assert_keys_answer_as_before(http: &Client, gateway: &Process, all: &[Acknowledged]) {
    for one in all {
        let (status, body) =
            post(http, &gateway.url, &one.path, &one.key, &one.form).await.unwrap();
        assert_eq!((status, &body), (one.status, &one.body), "{}", one.key);
        assert_is_there(http, gateway, one).await;
    }
}

/// The key's answer is a copy; this asks for the thing itself.
async fn assert_is_there(http: &Client, gateway: &Process, one: &Acknowledged) {
    let told: Value = serde_json::from_str(&one.body).unwrap();
    // A decline names the PaymentIntent in the error.
    let told = told.get("error").map_or(&told, |error| &error["payment_intent"]);
    let kind = if told["object"] == "refund" { "refunds" } else { "payment_intents" };
    let path = format!("{}/v1/{kind}/{}", gateway.url, id(told));
    let there = http.get(&path).bearer_auth(KEY).send().await.unwrap();
    assert_eq!(there.status(), 200, "{path}");
    let there: Value = there.json().await.unwrap();
    if one.key.starts_with("confirm") {
        assert_eq!(there["status"], told["status"], "{path}");
        assert_eq!(there["latest_charge"], told["latest_charge"], "{path}");
    }
    if kind == "refunds" {
        assert_eq!(there["amount"], told["amount"], "{path}");
    }
}

/// What the database says, and what the books say, about every PaymentIntent.
async fn assert_one_charge_each(gateway: &Process) {
    let (client, driver) =
        tokio_postgres::connect(gateway.database.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(driver);
    let twice = "SELECT count(*) FROM (SELECT payment_intent_id FROM charges WHERE status = 'captured' \
                 GROUP BY 1 HAVING count(*) > 1) AS twice";
    let unbooked = "SELECT count(*) FROM charges WHERE amount_captured - amount_refunded <> \
                    (SELECT coalesce(sum(CASE 'merchant' WHEN credit THEN amount WHEN debit THEN -amount END), 0) \
                     FROM transfers WHERE charge_id = charges.id)";
    let unpaid = "SELECT count(*) FROM payment_intents WHERE (status = 'succeeded') <> EXISTS \
                  (SELECT FROM charges WHERE id = latest_charge AND status = 'captured')";
    for query in [twice, unbooked, unpaid] {
        let count: i64 = client.query_one(query, &[]).await.unwrap().get(0);
        assert_eq!(count, 0, "{query}");
    }
}

/// A killed worker leaves a lease that has to run out; the gateway's own clock makes that quick.
async fn assert_every_event_arrived(http: &Client, gateway: &Process) {
    let clock = http.post(format!("{}/_test/clock", gateway.control)).bearer_auth(CONTROL_TOKEN);
    let moved = clock.json(&json!({"advance_seconds": 120})).send().await.unwrap();
    assert!(moved.status().is_success(), "{moved:?}");
    testkit::eventually("every event has arrived", async || {
        let path = format!("{}/v1/events?delivery_success=false", gateway.url);
        let answer = http.get(path).bearer_auth(KEY).send().await.unwrap();
        data(&answer.json().await.unwrap()).is_empty()
    })
    .await;
    let received = gateway.receiver.received_requests().await.unwrap();
    let received: HashSet<String> = received
        .iter()
        .map(|request| id(&serde_json::from_slice::<Value>(&request.body).unwrap()).to_owned())
        .collect();
    let (client, driver) =
        tokio_postgres::connect(gateway.database.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(driver);
    let rows = client.query("SELECT id FROM events", &[]).await.unwrap();
    let forgotten: Vec<String> =
        rows.iter().map(|row| row.get(0)).filter(|id| !received.contains(id)).collect();
    assert!(forgotten.is_empty(), "{} of {} forgotten", forgotten.len(), rows.len());
}
