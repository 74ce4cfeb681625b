//! F23: two replicas of orders, and one of them is paused for longer than its lease.
//!
//! Twice. First at the worst moment: while a decline is on its way to it. When it goes on, the other replica has long
//! written that decline, and is charging another card; what the first one has learnt is not news any more, and it must
//! not write a word. Then anywhere, under load.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::sleep;

use super::meanwhile;
use crate::drill::customer::{Customer, Wish};
use crate::drill::run::Run;
use crate::drill::stub::CONFIRM;
use crate::drill::wires;

/// Longer than a lease.
const PAUSE: Duration = Duration::from_secs(3);
/// How long a barrier is waited for.
const OCCASION: Duration = Duration::from_secs(5);
/// Long enough for a replica to write what it knows, and shorter than the other one waits for the gateway.
const MOMENT: Duration = Duration::from_millis(300);

#[derive(Deserialize)]
struct Count {
    count: u64,
}

pub(super) async fn strike(run: &Run<'_>) -> anyhow::Result<()> {
    let world = run.world;
    world.orders_b.start().await?;
    if let Some(customer) = world.customers.first() {
        late_decline(run, customer).await?;
    }
    world.doors.set(vec![wires::url(&world.wires.orders), world.orders_b.place.url()]);
    let plans = run.plans();
    let after = Duration::from_millis(run.roll(400));
    let pause = async {
        sleep(after).await;
        world.orders.pause().await?;
        // Customers go to the one that answers.
        world.doors.set(vec![world.orders_b.place.url()]);
        sleep(PAUSE).await;
        world.orders.resume().await?;
        run.struck("a replica paused past its lease, under load", 1);
        Ok(())
    };
    meanwhile(run, &plans, pause).await
}

/// The first replica learns of a decline when another card is being charged.
async fn late_decline(run: &Run<'_>, customer: &Customer) -> anyhow::Result<()> {
    let (world, stub) = (run.world, &run.world.stub);
    // Otherwise the event of the decline moves the order before the lease has run out.
    stub.webhooks(serde_json::json!({"drop": true})).await?;
    let declined = stub.barrier(("POST", CONFIRM), "before_answer", 1).await?;
    let book = world.shelf.plenty.first().cloned().unwrap_or_default();
    let card = "pm_card_chargeDeclined";
    let wish = Wish { key: format!("{}-late", run.name), lines: vec![(book, 1)], card };
    let placed = customer.place(&wish, Some(0)).await;
    let Some(order) = placed.op.order else { return Ok(()) };
    if !stub.holds(&declined, OCCASION).await? {
        return Ok(());
    }
    world.orders.pause().await?;
    // The answer reaches the paused process's socket, and stays there.
    stub.release(&declined).await;
    world.doors.set(vec![world.orders_b.place.url()]);
    let told = customer.settle(&order).await;
    if told.op.state.as_deref() != Some("declined") {
        return world.orders.resume().await;
    }
    let charging = stub.barrier(("POST", CONFIRM), "arrived", 1).await?;
    let key = format!("{}-pay", wish.key);
    let pay = customer.pay(&order, &key, Some("pm_card_visa"));
    let wake = async {
        if stub.holds(&charging, OCCASION).await? {
            let before = declines(run, &order).await?;
            world.orders.resume().await?;
            sleep(MOMENT).await;
            let after = declines(run, &order).await?;
            run.expect(before == after, || {
                format!("{order} was declined by a replica that was paused past its lease")
            });
            run.struck("a replica that learnt of a decline too late", 1);
        }
        stub.release(&charging).await;
        world.orders.resume().await
    };
    let (_, woken) = tokio::join!(pay, wake);
    stub.heal().await?;
    customer.settle(&order).await;
    woken
}

/// How often the order was declined.
async fn declines(run: &Run<'_>, order: &str) -> anyhow::Result<u64> {
    let id = order.trim_start_matches("ord_");
    let query = format!(
        "SELECT count(*) AS count FROM order_history WHERE order_id = '{id}' AND state = 'declined'"
    );
    Ok(run.world.database.row::<Count>("orders", &query).await?.count)
}
