//! F10: the same wish many times at once, and many wishes for the last copies.

use futures_util::future::join_all;

use crate::drill::customer::Wish;
use crate::drill::load::{self, Plan, Then};
use crate::drill::run::Run;

const CLICKS: u32 = 30;

pub(super) async fn strike(run: &Run<'_>) -> anyhow::Result<()> {
    let world = run.world;
    let Some(customer) = world.customers.first() else { return Ok(()) };
    let book = world.shelf.plenty.first().cloned().unwrap_or_default();
    let wish = Wish {
        key: format!("{}-click", run.name),
        lines: vec![(book.clone(), 1)],
        card: "pm_card_visa",
    };
    let answers = join_all((0..CLICKS).map(|_| customer.place_once(&wish, None))).await;
    let known = answers.iter().filter(|told| told.op.order.is_some()).count();
    run.struck("clicks on one wish that were answered with the order", u64::try_from(known)?);

    let other = Wish { lines: vec![(book, 2)], ..wish.clone() };
    let told = customer.place_once(&other, None).await;
    run.expect(told.op.status == Some(422), || {
        format!("another wish under the same key is answered with {:?}", told.op.status)
    });

    let plans = scarce(run);
    load::follow_all(&world.customers, &plans).await;
    run.struck("wishes for the last copies", u64::try_from(plans.len())?);
    Ok(())
}

/// Everybody wants the same book, of which there are few.
fn scarce(run: &Run<'_>) -> Vec<Plan> {
    let mut plans = run.plans();
    for plan in &mut plans {
        plan.wish.lines = vec![(run.world.shelf.scarce.clone(), 1)];
        plan.wish.card = "pm_card_visa";
        plan.then = Then::Nothing;
        plan.after /= 8;
    }
    plans
}
