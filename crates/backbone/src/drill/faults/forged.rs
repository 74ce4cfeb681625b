//! F15: messages that claim to come from the gateway. None may change a row, and each must be counted.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use chassis::clock::Clock;
use chrono::{DateTime, TimeDelta, Utc};
use payments_stub::domain::signature::sign;
use serde::Deserialize;
use serde_json::Value;

use crate::drill::run::Run;

/// A forgery: its name, the header, the body, and whether it may be thanked for.
struct Forgery {
    name: &'static str,
    header: Option<String>,
    body: Vec<u8>,
    is_harmless: bool,
}

#[derive(Deserialize)]
struct Table {
    name: String,
}

#[derive(Deserialize)]
struct Hash {
    hash: Option<String>,
}

pub(super) async fn strike(run: &Run<'_>) -> anyhow::Result<()> {
    run.load().await;
    // Nothing may move by itself while the tables are compared.
    run.world.rest(run.patience).await?;
    let event = genuine(run).await?;
    let counted = run.counter("shop_webhooks_total", "forged").await?;
    let before = hash(run, "").await?;
    let forgeries = forgeries(run, &event)?;
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(3)).build()?;
    let url = format!("{}/v1/webhooks/gateway", run.world.orders.place.url());
    for forgery in &forgeries {
        let mut request = http.post(&url).body(forgery.body.clone());
        if let Some(header) = &forgery.header {
            request = request.header("stripe-signature", header);
        }
        let status = request.send().await?.status();
        let is_right =
            if forgery.is_harmless { status.is_success() } else { status.as_u16() == 400 };
        run.expect(is_right, || format!("{}: answered with {status}", forgery.name));
        run.struck(forgery.name, 1);
    }
    run.world.rest(run.patience).await?;
    run.forged(before, hash(run, "").await?);

    let refused = forgeries.iter().filter(|forgery| !forgery.is_harmless).count();
    let counted = run.counter("shop_webhooks_total", "forged").await?.saturating_sub(counted);
    run.expect(counted == u64::try_from(refused)?, || {
        format!("{refused} forgeries were refused, and {counted} counted")
    });
    lie(run, &event, &http, &url).await
}

/// Validly signed, with a name of its own, and wrong about the money: stored, and then the gateway is asked.
async fn lie(
    run: &Run<'_>,
    event: &Value,
    http: &reqwest::Client,
    url: &str,
) -> anyhow::Result<()> {
    let before = hash(run, "gateway_events").await?;
    let mut event = with_amount(event);
    if let Some(id) = event.get_mut("id") {
        *id = Value::from(format!("evt_{}", run.name.replace('-', "")));
    }
    let body = serde_json::to_vec(&event)?;
    let header = sign(&[&run.world.webhook_secret], now(), &body);
    http.post(url).header("stripe-signature", header).body(body).send().await?;
    run.world.rest(run.patience).await?;
    run.forged(before, hash(run, "gateway_events").await?);
    run.struck("a lie about the amount, validly signed", 1);
    Ok(())
}

fn forgeries(run: &Run<'_>, event: &Value) -> anyhow::Result<Vec<Forgery>> {
    let secret = run.world.webhook_secret.as_str();
    let (body, altered) = (serde_json::to_vec(event)?, serde_json::to_vec(&with_amount(event))?);
    let reordered = serde_json::to_vec_pretty(event)?;
    let honest = sign(&[secret], now(), &body);
    let at = |age: TimeDelta| Some(sign(&[secret], now() - age, &body));
    let digest = honest.split("v1=").nth(1).unwrap_or_default();
    let moment = now().timestamp();
    let refused = |name, header, body: &[u8]| Forgery {
        name,
        header,
        body: body.to_vec(),
        is_harmless: false,
    };
    Ok(vec![
        refused(
            "a signature that nobody made",
            Some(format!("t={moment},v1={}", "0".repeat(64))),
            &body,
        ),
        refused("another secret", Some(sign(&["whsec_of_somebody_else"], now(), &body)), &body),
        refused("only the old scheme v0", Some(format!("t={moment},v0={digest}")), &body),
        refused("ten minutes old", at(TimeDelta::minutes(10)), &body),
        refused("ten minutes ahead", at(-TimeDelta::minutes(10)), &body),
        refused(
            "another time than the one that was signed",
            Some(honest.replace(&format!("t={moment}"), &format!("t={}", moment - 7))),
            &body,
        ),
        refused("two times", Some(format!("t={moment},{honest}")), &body),
        refused("the body was changed", Some(honest.clone()), &altered),
        refused("the body was written anew", Some(honest.clone()), &reordered),
        refused("no header", None, &body),
        refused("an empty header", Some(String::new()), &body),
        refused("half a signature", Some(honest.chars().take(40).collect()), &body),
        Forgery {
            name: "a genuine event once more",
            header: Some(honest),
            body,
            is_harmless: true,
        },
        Forgery {
            name: "a genuine event's name, another amount, validly signed",
            header: Some(sign(&[secret], now(), &altered)),
            body: altered,
            is_harmless: true,
        },
    ])
}

/// The last event that the gateway has told.
async fn genuine(run: &Run<'_>) -> anyhow::Result<Value> {
    let query = "SELECT e.* FROM events e JOIN webhook_deliveries d ON d.event_id = e.id
                 WHERE d.delivered_at IS NOT NULL AND e.type = 'payment_intent.succeeded'
                 ORDER BY e.seq DESC LIMIT 1";
    let row: Value =
        run.world.database.row("payments", query).await.context("no event was told")?;
    let id = row.get("id").and_then(Value::as_str).context("an event without a name")?;
    run.world.event(id).await
}

fn with_amount(event: &Value) -> Value {
    let mut event = event.clone();
    for path in ["/data/object/amount", "/data/object/amount_received"] {
        if let Some(amount) = event.pointer_mut(path) {
            *amount = Value::from(1);
        }
    }
    event
}

fn now() -> DateTime<Utc> {
    Clock::default().now()
}

/// All rows of all tables of orders, as one number.
async fn hash(run: &Run<'_>, without: &str) -> anyhow::Result<String> {
    // How far the gateway's list was read moves by itself.
    let tables = format!(
        "SELECT table_name AS name FROM information_schema.tables
         WHERE table_schema = 'public' AND table_name NOT IN ('event_cursors', '{without}') ORDER BY 1"
    );
    let tables: Vec<Table> = run.world.database.rows("orders", &tables).await?;
    let mut all = String::new();
    for Table { name } in tables {
        let query =
            format!("SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) AS hash FROM {name} t");
        let hash: Hash = run.world.database.row("orders", &query).await?;
        // Writing to a string cannot fail.
        let _ = write!(all, "{name}:{} ", hash.hash.unwrap_or_default());
    }
    Ok(all)
}
