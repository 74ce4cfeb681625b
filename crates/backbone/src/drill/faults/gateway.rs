//! F2–F9: the payment gateway fails, most often at the worst moment: the money is taken, and nobody is told.

use std::sync::atomic::Ordering;
use std::time::Duration;

use faultproxy::Weather;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::meanwhile;
use crate::drill::run::Run;
use crate::drill::stub::{CANCEL, CONFIRM, CREATE, EVENTS, REFUND};

const POST: &str = "POST";
/// Longer than orders waits for an answer.
const TOO_LATE_MS: u64 = 900;
/// An outage: longer than all that orders tries within one request.
const OUTAGE: Duration = Duration::from_millis(1500);

/// F2.
pub(super) async fn reset(run: &Run<'_>) -> anyhow::Result<()> {
    let lost = |times: u64| json!({"when": "after_effect", "action": "reset", "times": times});
    run.world.stub.fault((POST, CONFIRM), lost(many(run))).await?;
    run.world.stub.fault((POST, CREATE), lost(many(run))).await?;
    run.world.stub.fault((POST, CANCEL), lost(1)).await?;
    run.load().await;
    count(run, "answers lost after the effect").await
}

/// F3: in every other run nothing else comes to the rescue, neither webhooks nor the list of events.
pub(super) async fn late(run: &Run<'_>) -> anyhow::Result<()> {
    let stub = &run.world.stub;
    let late = json!({"when": "after_effect", "action": "delay", "delay_ms": TOO_LATE_MS,
                      "times": many(run)});
    stub.fault((POST, CONFIRM), late).await?;
    if run.seed.is_multiple_of(2) {
        stub.webhooks(json!({"drop": true})).await?;
        let silent = json!({"action": "status", "status": 503, "times": 0});
        stub.fault(("GET", EVENTS), silent).await?;
    }
    run.load().await;
    count(run, "answers too late, and lists of events refused").await
}

/// F4.
pub(super) async fn repeated_500(run: &Run<'_>) -> anyhow::Result<()> {
    let kept = json!({"when": "after_effect", "action": "status", "status": 500, "times": 3});
    run.world.stub.fault((POST, CONFIRM), kept).await?;
    run.load().await;
    count(run, "answers 500 kept under the key").await
}

/// F5: for a while, all calls.
pub(super) async fn down(run: &Run<'_>) -> anyhow::Result<()> {
    let world = run.world;
    let how = run.variant(&[0, 500, 502, 503]).unwrap_or_default();
    let plans = run.plans();
    let outage = async {
        if how == 0 {
            world.wires.gateway.set(Weather::Refused)?;
            sleep(OUTAGE).await;
            run.struck(
                "orders that waited for a gateway that refuses connections",
                run.waiting().await?,
            );
            world.wires.gateway.heal()?;
        } else {
            let error = json!({"action": "status", "status": how, "times": 0});
            for path in [CREATE, CONFIRM] {
                world.stub.fault((POST, path), error.clone()).await?;
            }
            sleep(OUTAGE).await;
            run.struck(format!("answers {how}"), world.stub.struck().await?);
            world.stub.heal().await?;
        }
        Ok(())
    };
    meanwhile(run, &plans, outage).await
}

/// F6: one of each, before or after the effect.
pub(super) async fn garbled(run: &Run<'_>) -> anyhow::Result<()> {
    let actions = [
        "hang",
        "slow_body",
        "truncate",
        "garbage_json",
        "html",
        "wrong_content_type",
        "huge_body",
    ];
    for path in [CONFIRM, CREATE] {
        for action in actions {
            let when = run.pick(&["before", "after_effect"]).unwrap_or("before");
            // Each strikes sometimes, so that a run meets several and the next run others.
            let fault = json!({"when": when, "action": action, "delay_ms": 100, "times": 1,
                               "probability": 0.5, "seed": run.roll(1 << 20)});
            run.world.stub.fault((POST, path), fault).await?;
        }
    }
    run.load().await;
    count(run, "garbled answers").await
}

/// F7.
pub(super) async fn busy(run: &Run<'_>) -> anyhow::Result<()> {
    for (path, status, times) in
        [(CONFIRM, 429, 3), (CONFIRM, 409, 3), (CREATE, 429, 2), (REFUND, 409, 1)]
    {
        let fault = json!({"action": "status", "status": status, "times": times});
        run.world.stub.fault((POST, path), fault).await?;
    }
    run.load().await;
    count(run, "answers 429 and 409").await
}

/// F8.
pub(super) async fn killed(run: &Run<'_>) -> anyhow::Result<()> {
    let world = run.world;
    let point = run.variant(&["after_effect", "before_answer", "arrived"]).unwrap_or("arrived");
    let path = run.pick(&[CONFIRM, CONFIRM, CREATE]).unwrap_or(CONFIRM);
    let barrier = world.stub.barrier((POST, path), point, 1 + run.roll(2)).await?;
    let plans = run.plans();
    let kill = async {
        if world.stub.holds(&barrier, Duration::from_secs(5)).await? {
            run.struck(format!("killed at {path} {point}"), u64::from(world.gateway.kill().await));
            world.gateway.start().await?;
        }
        Ok(())
    };
    meanwhile(run, &plans, kill).await
}

/// F9: answers are lost, and before anybody can ask again under the same key it is forgotten.
pub(super) async fn forgetful(run: &Run<'_>) -> anyhow::Result<()> {
    run.world.keys_were_pruned.store(true, Ordering::Relaxed);
    let lost = |times: u64| json!({"when": "after_effect", "action": "reset", "times": times});
    run.world.stub.fault((POST, CONFIRM), lost(4)).await?;
    run.world.stub.fault((POST, CREATE), lost(2)).await?;
    let plans = run.plans();
    let forget = async {
        loop {
            run.struck("keys forgotten", run.world.stub.prune().await?);
            sleep(Duration::from_millis(20)).await;
        }
    };
    meanwhile(run, &plans, forget).await?;
    count(run, "answers lost after the effect").await
}

/// So often that some calls fail with all their tries, and have to be made again by somebody else.
fn many(run: &Run<'_>) -> u64 {
    let checkouts = u64::try_from(run.checkouts).unwrap_or_default();
    checkouts + checkouts / 2
}

async fn count(run: &Run<'_>, what: &str) -> anyhow::Result<()> {
    run.struck(what, run.world.stub.struck().await?);
    Ok(())
}

/// What a refund's answer may suffer; for [`super::refunds`].
pub(super) fn lost_answer(times: u64) -> Value {
    json!({"when": "after_effect", "action": "reset", "times": times})
}
