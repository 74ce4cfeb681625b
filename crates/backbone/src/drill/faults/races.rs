//! F24: customers change their minds, and deadlines pass, while the money is being taken.

use std::time::Duration;

use tokio::time::sleep;

use super::meanwhile;
use crate::drill::history::What;
use crate::drill::load::Then;
use crate::drill::run::Run;

pub(super) async fn strike(run: &Run<'_>) -> anyhow::Result<()> {
    let began = run.world.history.now();
    let mut plans = run.plans();
    for plan in &mut plans {
        if run.roll(3) > 0 {
            plan.then = Then::Cancel(Duration::from_millis(run.roll(150)));
        }
    }
    let world = run.world;
    let expire = async {
        // The deadline of a few orders is over, whatever they are doing.
        for _ in 0..6 {
            sleep(Duration::from_millis(80)).await;
            let statement = "UPDATE orders SET deadline_at = now() WHERE id IN (
                SELECT id FROM orders WHERE state IN ('confirming', 'payment_unknown', 'payment_pending')
                ORDER BY md5(id::text) LIMIT 1)";
            world.database.run("orders", statement).await?;
        }
        Ok(())
    };
    meanwhile(run, &plans, expire).await?;
    let cancels = world.history.ops().into_iter().filter(|op| {
        op.what == What::Cancel
            && op.started >= began
            && op.order.is_some()
            && op.status.is_some_and(|status| status != 404)
    });
    let mut count = std::collections::BTreeMap::<String, u64>::new();
    for op in cancels {
        let how = op.state.or(op.problem).unwrap_or_default();
        *count
            .entry(format!(
                "cancelling was answered with {:?} {how}",
                op.status.unwrap_or_default()
            ))
            .or_default() += 1;
    }
    for (what, count) in count {
        run.struck(what, count);
    }
    Ok(())
}
