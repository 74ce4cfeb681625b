//! F1: `kill -9` of orders at a point of a checkout, and a new start.
//!
//! The seed picks the point, and the report says how often each was hit, and in which states the unfinished orders were:
//! a matrix that is always killed at the first step would be green for the wrong reason.

use std::time::Duration;

use faultproxy::{Action, TrapHandle};
use serde::Deserialize;
use tokio::time::sleep;

use super::meanwhile;
use crate::drill::load::{Plan, Then};
use crate::drill::run::Run;
use crate::drill::stub::{Barrier, CANCEL, CONFIRM, CREATE, REFUND, RETRIEVE};
use crate::drill::wires;

/// How long the occasion is waited for.
const OCCASION: Duration = Duration::from_secs(10);

/// Where it is killed.
#[derive(Clone, Copy, Debug)]
enum Point {
    /// While the gateway holds this request here.
    Gateway(&'static str, &'static str, &'static str),
    /// Before or after PostgreSQL has got the nth COMMIT.
    Commit(usize, Action),
    /// Before or after the catalog has got a reservation.
    Reserve(Action),
    /// Before or after it has got a webhook itself.
    Webhook(Action),
    /// While it hands over a mail.
    Mail,
}

/// What tells that the point is reached.
enum Armed {
    Barrier(Barrier),
    Trap(TrapHandle),
    Mail,
}

const POINTS: [Point; 31] = [
    Point::Gateway("POST", CREATE, "arrived"),
    Point::Gateway("POST", CREATE, "after_effect"),
    Point::Gateway("POST", CREATE, "before_answer"),
    Point::Gateway("POST", CONFIRM, "arrived"),
    Point::Gateway("POST", CONFIRM, "after_effect"),
    Point::Gateway("POST", CONFIRM, "before_answer"),
    Point::Gateway("GET", RETRIEVE, "arrived"),
    Point::Gateway("GET", RETRIEVE, "before_answer"),
    Point::Gateway("POST", CANCEL, "arrived"),
    Point::Gateway("POST", CANCEL, "after_effect"),
    Point::Gateway("POST", CANCEL, "before_answer"),
    Point::Gateway("POST", REFUND, "arrived"),
    Point::Gateway("POST", REFUND, "after_effect"),
    Point::Gateway("POST", REFUND, "before_answer"),
    Point::Commit(1, Action::HoldBefore),
    Point::Commit(1, Action::HoldAfter),
    Point::Commit(2, Action::HoldBefore),
    Point::Commit(2, Action::HoldAfter),
    Point::Commit(3, Action::HoldBefore),
    Point::Commit(3, Action::HoldAfter),
    Point::Commit(4, Action::HoldBefore),
    Point::Commit(4, Action::HoldAfter),
    Point::Commit(5, Action::HoldBefore),
    Point::Commit(5, Action::HoldAfter),
    Point::Commit(6, Action::HoldBefore),
    Point::Commit(6, Action::HoldAfter),
    Point::Reserve(Action::HoldBefore),
    Point::Reserve(Action::HoldAfter),
    Point::Webhook(Action::HoldBefore),
    Point::Webhook(Action::HoldAfter),
    Point::Mail,
];

#[derive(Deserialize)]
struct State {
    state: String,
}

pub(super) async fn strike(run: &Run<'_>) -> anyhow::Result<()> {
    // Seven and 31 have no common divisor: neighbouring seeds are different points, and 31 of them are all.
    let index = usize::try_from(run.seed.wrapping_mul(7) % 31).unwrap_or_default();
    let Some(point) = POINTS.get(index).copied() else { return Ok(()) };
    let plans = plans(run, point);
    let armed = arm(run, point).await?;
    let kill = async {
        if !reached(run, &armed).await? {
            return Ok(());
        }
        run.world.orders.kill().await;
        let query = "SELECT DISTINCT state FROM orders
                     WHERE state NOT IN ('paid', 'refunded', 'rejected', 'expired', 'cancelled') ORDER BY 1";
        let states: Vec<State> = run.world.database.rows("orders", query).await?;
        let states: Vec<_> = states.into_iter().map(|row| row.state).collect();
        run.struck(format!("killed at {point:?}, unfinished orders: {}", states.join(" ")), 1);
        run.world.orders.start().await
    };
    meanwhile(run, &plans, kill).await
}

/// The usual mix, with somebody in it who brings the occasion.
fn plans(run: &Run<'_>, point: Point) -> Vec<Plan> {
    let mut plans = run.plans();
    let wanted = match point {
        Point::Gateway(_, CANCEL, _) => {
            ("pm_card_authenticationRequired", Then::Cancel(Duration::from_millis(300)))
        }
        Point::Gateway(_, REFUND, _) => ("pm_card_visa", Then::Refund(vec![None])),
        _ => return plans,
    };
    let book = run.world.shelf.plenty.first().cloned().unwrap_or_default();
    if let Some(plan) = plans.first_mut() {
        plan.wish.lines = vec![(book, 1)];
        (plan.wish.card, plan.then) = wanted;
    }
    plans
}

async fn arm(run: &Run<'_>, point: Point) -> anyhow::Result<Armed> {
    let (stub, wires) = (&run.world.stub, &run.world.wires);
    Ok(match point {
        Point::Gateway(method, path, at) => {
            Armed::Barrier(stub.barrier((method, path), at, 1).await?)
        }
        Point::Commit(nth, then) => Armed::Trap(wires::trap(&wires.database, "COMMIT", nth, then)),
        Point::Reserve(then) => {
            Armed::Trap(wires::trap(&wires.catalog, "PUT /v1/reservations/", 1, then))
        }
        Point::Webhook(then) => {
            Armed::Trap(wires::trap(&wires.orders, "POST /v1/webhooks", 1, then))
        }
        Point::Mail => {
            run.world.smtp.hold_next();
            Armed::Mail
        }
    })
}

async fn reached(run: &Run<'_>, armed: &Armed) -> anyhow::Result<bool> {
    match armed {
        Armed::Barrier(barrier) => run.world.stub.holds(barrier, OCCASION).await,
        Armed::Trap(trap) => Ok(trap.sprung().await),
        Armed::Mail => {
            while !run.world.smtp.has_held() {
                sleep(Duration::from_millis(5)).await;
            }
            Ok(true)
        }
    }
}
