//! F19 and F21: the catalog without its cache, and orders without the catalog.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use faultproxy::Weather;
use serde::Deserialize;
use tokio::time::sleep;

use super::meanwhile;
use crate::drill::run::Run;

const OUTAGE: Duration = Duration::from_secs(1);

/// F19.
pub(super) async fn cache(run: &Run<'_>) -> anyhow::Result<()> {
    let wire = &run.world.wires.cache;
    // Filled first: an empty cache that goes is no loss.
    read_all(run).await?;
    match run.seed % 5 {
        0 => wire.set(Weather::Refused)?,
        1 => wire.set(Weather::Silent)?,
        2 => {
            let (delay, jitter) = (Duration::from_millis(60), Duration::from_millis(200));
            wire.set(Weather::Slow { delay, jitter })?;
        }
        3 => flush(run).await?,
        _ => poison(run).await?,
    }
    run.load().await;
    wrong_totals(run).await
}

/// Reads every book that may be bought, through catalog's cache.
async fn read_all(run: &Run<'_>) -> anyhow::Result<()> {
    let url = run.world.catalog.place.url();
    for book in &run.world.shelf.plenty {
        reqwest::get(format!("{url}/v1/books/{book}")).await?;
    }
    run.struck("books in the cache before it failed", u64::try_from(run.world.shelf.plenty.len())?);
    Ok(())
}

async fn connection(run: &Run<'_>) -> anyhow::Result<redis::aio::MultiplexedConnection> {
    let client = redis::Client::open(run.world.redis_url().await)?;
    client.get_multiplexed_async_connection().await.context("Redis cannot be reached")
}

async fn flush(run: &Run<'_>) -> anyhow::Result<()> {
    let () = redis::cmd("FLUSHALL").query_async(&mut connection(run).await?).await?;
    run.struck("the cache flushed", 1);
    Ok(())
}

/// Every cached book costs a cent, or is no book at all.
async fn poison(run: &Run<'_>) -> anyhow::Result<()> {
    let mut connection = connection(run).await?;
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await?;
    for key in keys {
        let Ok(text) = redis::cmd("GET").arg(&key).query_async::<String>(&mut connection).await
        else {
            continue;
        };
        let wrong = match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(mut book) if run.roll(3) > 0 => {
                cheapen(&mut book);
                book.to_string()
            }
            _ => "no book at all".to_owned(),
        };
        let () = redis::cmd("SET").arg(&key).arg(wrong).query_async(&mut connection).await?;
        run.struck("poisoned entries", 1);
    }
    Ok(())
}

fn cheapen(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(members) => {
            for (name, member) in members {
                if name == "amount" { *member = 1.into() } else { cheapen(member) }
            }
        }
        serde_json::Value::Array(members) => members.iter_mut().for_each(cheapen),
        _ => {}
    }
}

#[derive(Deserialize)]
struct Line {
    book_id: String,
    unit_amount: i64,
}

/// What was charged is what the catalog's database says.
async fn wrong_totals(run: &Run<'_>) -> anyhow::Result<()> {
    let query = "SELECT id AS book_id, price_amount AS unit_amount FROM books";
    let prices: Vec<Line> = run.world.database.rows("catalog", query).await?;
    let prices: BTreeMap<_, _> =
        prices.into_iter().map(|it| (it.book_id, it.unit_amount)).collect();
    let query = format!(
        "SELECT l.book_id, l.unit_amount FROM order_lines l JOIN orders o ON o.id = l.order_id
         WHERE o.idempotency_key LIKE '{}%'",
        run.name
    );
    let lines: Vec<Line> = run.world.database.rows("orders", &query).await?;
    for Line { book_id, unit_amount } in lines {
        let right = prices.get(&book_id).copied();
        run.expect(right == Some(unit_amount), || {
            format!("book {book_id} was sold for {unit_amount}, and costs {right:?}")
        });
    }
    Ok(())
}

/// F21.
pub(super) async fn down(run: &Run<'_>) -> anyhow::Result<()> {
    let world = run.world;
    let plans = run.plans();
    let how = run.seed % 4;
    let break_it = async {
        sleep(Duration::from_millis(run.roll(100))).await;
        match how {
            0 => world.wires.catalog.set(Weather::Refused)?,
            1 => world.wires.catalog.set(Weather::Silent)?,
            2 => {
                world.catalog.kill().await;
                world.catalog.start().await?;
                run.struck("kills of the catalog", 1);
                return Ok(());
            }
            _ => {
                world
                    .database
                    .run("catalog", "UPDATE books SET price_amount = price_amount + 100")
                    .await?;
                run.struck("prices raised during checkouts", run.waiting().await?.max(1));
                return Ok(());
            }
        }
        sleep(OUTAGE).await;
        run.struck("orders that waited for the catalog", run.waiting().await?);
        world.wires.catalog.heal()?;
        Ok(())
    };
    meanwhile(run, &plans, break_it).await
}
