//! F25: money goes back once, and never more than was taken, however often it is asked for.

use futures_util::future::join_all;

use super::gateway::lost_answer;
use crate::drill::customer::Customer;
use crate::drill::load::{self, Plan, Then};
use crate::drill::run::Run;
use crate::drill::stub::REFUND;

pub(super) async fn strike(run: &Run<'_>) -> anyhow::Result<()> {
    let world = run.world;
    let mut plans = run.plans();
    for plan in &mut plans {
        (plan.wish.card, plan.then) = ("pm_card_visa", Then::Nothing);
    }
    load::follow_all(&world.customers, &plans).await;
    if run.roll(1) == 0 {
        world.stub.fault(("POST", REFUND), lost_answer(3)).await?;
    }
    join_all(plans.iter().filter_map(|plan| {
        let customer = world.customers.get(plan.customer)?;
        Some(give_back(run, customer, plan))
    }))
    .await;
    run.struck("answers to refunds lost", world.stub.struck().await?);
    Ok(())
}

/// Two times sixty of a hundred at once, the same wish twice, and amounts that make no sense.
async fn give_back(run: &Run<'_>, customer: &Customer, plan: &Plan) {
    // The order that this wish has become: the same question again, the same order.
    let told = customer.place_once(&plan.wish, Some(1)).await;
    let (Some(order), Some("paid")) = (told.op.order.clone(), told.op.state.as_deref()) else {
        return;
    };
    let total =
        told.body.pointer("/total/amount").and_then(serde_json::Value::as_i64).unwrap_or(100);
    let key = |name: &str| format!("{}-{name}", plan.wish.key);
    let sixty = Some((total * 6 / 10).max(1));
    let (first, again, second) = (key("first"), key("first"), key("second"));
    let wishes = [(first, sixty), (again, sixty), (second, sixty), (key("third"), sixty)];
    let answers =
        join_all(wishes.iter().map(|(key, amount)| customer.refund(&order, key, *amount))).await;
    let accepted = answers.iter().filter(|told| matches!(told.op.status, Some(201 | 202))).count();
    run.struck("refunds at once, accepted", u64::try_from(accepted).unwrap_or_default());
    run.struck(
        "refunds at once, refused",
        u64::try_from(answers.len() - accepted).unwrap_or_default(),
    );
    for (name, amount) in [("negative", -1), ("zero", 0), ("huge", i64::MAX), ("more", total + 1)] {
        let told = customer.refund(&order, &key(name), Some(amount)).await;
        let is_refused = matches!(told.op.status, Some(400 | 409 | 422));
        run.expect(is_refused, || {
            format!("a refund of {amount} is answered with {:?}", told.op.status)
        });
    }
    if run.roll(1) == 0 {
        customer.refund(&order, &key("rest"), None).await;
    }
}
