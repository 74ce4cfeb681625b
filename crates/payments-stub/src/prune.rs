//! Forgetting what was promised for a limited time only: answers to idempotency keys, and events.

use std::sync::Arc;
use std::time::Duration;

use chassis::worker::{Progress, Worker};
use chrono::TimeDelta;
use tokio::sync::Notify;

use crate::app::State;
use crate::config::Idempotency;
use crate::store;

/// As long as Stripe lists them.
const EVENT_DAYS: i64 = 30;
/// At most so many rows in one statement: a long one would hold locks for long.
const BATCH: i64 = 1000;

/// The worker that forgets.
pub fn worker(state: State, settings: &Idempotency) -> Worker {
    let retention = TimeDelta::hours(i64::from(settings.retention_hours));
    let interval = Duration::from_secs(settings.prune_seconds);
    Worker::new("prune", interval, Arc::new(Notify::new()), move || {
        let state = state.clone();
        async move { step(&state, retention).await }
    })
}

async fn step(state: &State, retention: TimeDelta) -> anyhow::Result<Progress> {
    let mut connection = state.database.get().await?;
    let now = state.clock.now();
    let keys = store::idempotency::prune(&mut connection, now - retention, BATCH).await?;
    let events =
        store::events::prune(&mut connection, now - TimeDelta::days(EVENT_DAYS), BATCH).await?;
    Ok(if keys + events > 0 { Progress::Busy } else { Progress::Idle })
}
