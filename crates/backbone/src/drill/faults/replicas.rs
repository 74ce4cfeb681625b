//! F23: two replicas of orders, and one of them is paused for longer than its lease.

use std::time::Duration;

use tokio::time::sleep;

use super::meanwhile;
use crate::drill::run::Run;
use crate::drill::wires;

/// Longer than a lease.
const PAUSE: Duration = Duration::from_millis(3000);

pub(super) async fn strike(run: &Run<'_>) -> anyhow::Result<()> {
    let world = run.world;
    world.orders_b.start().await?;
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
        run.struck("a replica paused past its lease", 1);
        Ok(())
    };
    meanwhile(run, &plans, pause).await
}
