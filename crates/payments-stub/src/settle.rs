//! What happens without a request: slow banks answer, and what was held and never captured goes back.

use std::sync::Arc;
use std::time::Duration;

use chassis::worker::{Progress, Worker};
use chrono::TimeDelta;
use diesel_async::AsyncConnection as _;
use tokio::sync::Notify;

use crate::app::State;
use crate::domain::charge::Charge;
use crate::domain::event::Origin;
use crate::domain::id::RequestId;
use crate::domain::payment_intent::CancellationReason;
use crate::failure::Failure;
use crate::{payments, store};

const INTERVAL: Duration = Duration::from_millis(500);
/// As long as Stripe holds money for most cards.
const HOLD_DAYS: i64 = 7;

/// The worker. Two replicas may look at the same charge: the second one finds, under the lock, that it is done.
pub fn worker(state: State) -> Worker {
    Worker::new("settle", INTERVAL, Arc::new(Notify::new()), move || {
        let state = state.clone();
        async move { step(&state).await }
    })
}

/// Settles or gives up at most one.
async fn step(state: &State) -> anyhow::Result<Progress> {
    let mut connection = state.database.get().await?;
    let now = state.clock.now();
    let origin = Origin::new(RequestId::generate(), None, now);
    if let Some(charge) = store::charges::find_due(&mut connection, now).await? {
        let settled = connection.transaction(async |tx| -> Result<Option<Charge>, Failure> {
            payments::settle(tx, &charge, &origin).await
        });
        state.meters.count_charge(settled.await?.as_ref().map(Charge::outcome));
        state.wake.notify_one();
        tracing::info!(charge = charge.id.as_str(), "a slow bank has answered");
        return Ok(Progress::Busy);
    }
    let limit = now - TimeDelta::days(HOLD_DAYS);
    let Some(charge) = store::charges::find_old_hold(&mut connection, limit).await? else {
        return Ok(Progress::Idle);
    };
    let given_up = connection.transaction(async |tx| -> Result<(), Failure> {
        let (id, reason) = (&charge.payment_intent, Some(CancellationReason::Automatic));
        payments::cancel(tx, id, reason, &origin).await.map(drop)
    });
    match given_up.await {
        // It was captured or canceled at this very moment.
        Ok(()) | Err(Failure::Refused(_)) => {}
        Err(error) => return Err(error.into()),
    }
    state.wake.notify_one();
    tracing::info!(charge = charge.id.as_str(), "a hold was not captured in time and went back");
    Ok(Progress::Busy)
}
