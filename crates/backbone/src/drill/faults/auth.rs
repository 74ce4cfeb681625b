//! F20: auth is down. Who is signed in goes on buying: tokens are verified with keys that are remembered.

use faultproxy::Weather;

use crate::drill::load;
use crate::drill::run::Run;

pub(super) async fn strike(run: &Run<'_>) -> anyhow::Result<()> {
    let world = run.world;
    let plans = run.plans();
    // One order first: orders has a token of its own now, and both services have the keys.
    let (first, rest) = plans.split_at(plans.len().min(1));
    load::follow_all(&world.customers, first).await;
    let weather = run
        .variant(&[Weather::Refused, Weather::Silent, Weather::Reset])
        .unwrap_or(Weather::Refused);
    world.wires.auth.set(weather)?;
    load::follow_all(&world.customers, rest).await;
    let query = format!(
        "SELECT count(*) AS count FROM orders WHERE idempotency_key LIKE '{}%' AND state = 'paid'",
        run.name
    );
    let paid: serde_json::Value = world.database.row("orders", &query).await?;
    let paid = paid.get("count").and_then(serde_json::Value::as_u64).unwrap_or_default();
    run.struck(format!("orders paid while auth answered with {weather:?}"), paid);
    Ok(())
}
