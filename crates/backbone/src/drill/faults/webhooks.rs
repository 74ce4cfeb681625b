//! F11–F14 and F16: webhooks come often, early, in another order, never, or to somebody who dies.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use faultproxy::{Action, Weather};
use serde::Deserialize;
use serde_json::json;
use tokio::time::sleep;

use super::meanwhile;
use crate::drill::facts::{self, Event};
use crate::drill::load::{self, Then};
use crate::drill::run::Run;
use crate::drill::stub::{CONFIRM, CREATE};
use crate::drill::wires;

#[derive(Deserialize)]
struct Count {
    count: u64,
}

/// F11.
pub(super) async fn repeated(run: &Run<'_>) -> anyhow::Result<()> {
    run.world.stub.webhooks(json!({"duplicate": 10})).await?;
    let before = received(run).await?;
    run.load().await;
    run.struck("webhooks received, each eleven times", received(run).await?.saturating_sub(before));
    Ok(())
}

/// F12: the answer to a request is held until the event that it caused has arrived.
pub(super) async fn early(run: &Run<'_>) -> anyhow::Result<()> {
    let stub = &run.world.stub;
    let plans = run.plans();
    let hold = async {
        // In turns, because both wait for the same few orders.
        for path in [CREATE, CONFIRM, CONFIRM, CREATE] {
            let before = stored(run).await?;
            let wish = json!({"match": {"method": "POST", "path": path}, "point": "before_answer", "times": 3});
            let barrier = stub.barrier_of(wish).await?;
            if stub.holds(&barrier, Duration::from_secs(2)).await? {
                sleep(Duration::from_millis(350)).await;
                run.struck(
                    format!("events stored while {path} was not answered"),
                    stored(run).await?.saturating_sub(before),
                );
            }
            stub.release(&barrier).await;
        }
        Ok(())
    };
    meanwhile(run, &plans, hold).await
}

/// F13.
pub(super) async fn reordered(run: &Run<'_>) -> anyhow::Result<()> {
    let wish = json!({"reorder": true, "delay_ms": 1200, "seed": run.roll(1 << 30)});
    run.world.stub.webhooks(wish).await?;
    let before = inversions(run).await?;
    let mut plans = run.plans();
    for plan in plans.iter_mut().step_by(2) {
        // Two things happen to it, one after the other: that can come in another order.
        plan.wish.card = "pm_card_chargeDeclined";
        plan.then = Then::OtherCard("pm_card_visa");
    }
    load::follow_all(&run.world.customers, &plans).await;
    // The last ones are still on their way.
    sleep(Duration::from_millis(1200)).await;
    run.struck(
        "events that came after a later one about the same thing",
        inversions(run).await?.saturating_sub(before),
    );
    Ok(())
}

/// F14.
pub(super) async fn lost(run: &Run<'_>) -> anyhow::Result<()> {
    run.world.stub.webhooks(json!({"drop": true})).await?;
    let (before, unsent) = (stored(run).await?, undelivered(run).await?);
    run.load().await;
    // Before the heal, which would let them through again.
    let backlog = run.world.rest(run.patience).await?;
    run.expect(backlog.orders == 0, || format!("without webhooks, {} orders wait", backlog.orders));
    run.struck("webhooks that were never sent", undelivered(run).await?.saturating_sub(unsent));
    run.struck("events that came by another way", stored(run).await?.saturating_sub(before));
    Ok(())
}

/// F16.
pub(super) async fn refused(run: &Run<'_>) -> anyhow::Result<()> {
    let world = run.world;
    let plans = run.plans();
    match run.seed % 4 {
        variant @ 0..=2 => {
            // The kind of the event is a parameter of the statement that stores it, and of no other.
            let then = if variant < 2 { Action::HoldBefore } else { Action::HoldAfter };
            let nth = 1 + usize::try_from(run.roll(4))?;
            let trap = wires::trap(&world.wires.database, "payment_intent.", nth, then);
            let kill = async {
                if trap.sprung().await {
                    // Time enough for an answer that should not be given yet.
                    sleep(Duration::from_millis(250)).await;
                    world.orders.kill().await;
                    lost_events(run).await?;
                    run.struck(format!("killed while it stored an event ({then:?})"), 1);
                    world.orders.start().await?;
                }
                Ok(())
            };
            meanwhile(run, &plans, kill).await
        }
        _ => {
            let weather = run.pick(&[Weather::Silent, Weather::Reset]).unwrap_or_default();
            let break_it = async {
                sleep(Duration::from_millis(150)).await;
                world.wires.orders.set(weather)?;
                sleep(Duration::from_secs(1)).await;
                let query = "SELECT count(*) AS count FROM webhook_deliveries WHERE due_at IS NOT NULL AND attempts > 0";
                let late: Count = world.database.row("payments", query).await?;
                run.struck(format!("webhooks that came to {weather:?}"), late.count);
                world.wires.orders.heal()?;
                Ok(())
            };
            meanwhile(run, &plans, break_it).await
        }
    }
}

/// What was acknowledged must be stored at this very moment: later it could also have come by the gateway's list.
async fn lost_events(run: &Run<'_>) -> anyhow::Result<()> {
    // The gateway notes what it has been told; give it the time.
    sleep(Duration::from_millis(100)).await;
    let names = |rows: Vec<Event>| rows.into_iter().map(|row| row.id).collect::<BTreeSet<_>>();
    let acknowledged = names(run.world.database.rows("payments", &facts::delivered()).await?);
    let stored = names(run.world.database.rows("orders", facts::EVENTS).await?);
    for id in acknowledged.difference(&stored) {
        run.broke("I4", format!("{id} was acknowledged, and was not stored when orders died"));
    }
    Ok(())
}

/// How many webhooks orders has received, copies and all.
async fn received(run: &Run<'_>) -> anyhow::Result<u64> {
    run.counter("shop_webhooks_total", "").await
}

async fn undelivered(run: &Run<'_>) -> anyhow::Result<u64> {
    let query = "SELECT count(*) AS count FROM webhook_deliveries WHERE delivered_at IS NULL";
    Ok(run.world.database.row::<Count>("payments", query).await?.count)
}

async fn stored(run: &Run<'_>) -> anyhow::Result<u64> {
    let query = "SELECT count(*) AS count FROM gateway_events";
    Ok(run.world.database.row::<Count>("orders", query).await?.count)
}

#[derive(Deserialize)]
struct Made {
    id: String,
    seq: i64,
}

#[derive(Deserialize)]
struct Got {
    event_id: String,
    object: String,
}

/// Pairs of events about the same thing of which the later one came first.
async fn inversions(run: &Run<'_>) -> anyhow::Result<u64> {
    let made: Vec<Made> = run.world.database.rows("payments", "SELECT id, seq FROM events").await?;
    let made: BTreeMap<_, _> = made.into_iter().map(|event| (event.id, event.seq)).collect();
    let query =
        "SELECT event_id, coalesce(to_jsonb(e)->>'object_id', to_jsonb(e)->>'intent_id') AS object
                 FROM gateway_events e ORDER BY received_at";
    let got: Vec<Got> = run.world.database.rows("orders", query).await?;
    let mut latest = BTreeMap::<&str, i64>::new();
    let mut count = 0;
    for event in &got {
        let Some(seq) = made.get(&event.event_id) else { continue };
        let before = latest.entry(&event.object).or_insert(*seq);
        count += u64::from(*before > *seq);
        *before = (*before).max(*seq);
    }
    Ok(count)
}
