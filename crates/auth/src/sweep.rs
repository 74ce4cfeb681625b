//! The worker that forgets: nothing that a stranger can make stays for ever.

use std::sync::Arc;
use std::time::Duration;

use chassis::worker::{Progress, Worker};
use chrono::TimeDelta;
use tokio::sync::Notify;

use crate::app::State;
use crate::store::expired;

/// How often to look.
const INTERVAL: Duration = Duration::from_mins(1);
/// How long a session that is over can still be looked at, by whoever has to explain a complaint.
const KEPT: TimeDelta = TimeDelta::days(1);

/// The worker.
pub fn worker(state: State) -> Worker {
    // Nobody needs it in a hurry.
    let never = Arc::new(Notify::new());
    Worker::new("sweep", INTERVAL, never, move || {
        let state = state.clone();
        async move { step(&state).await }
    })
}

/// Deletes one batch of each kind.
async fn step(state: &State) -> anyhow::Result<Progress> {
    let now = state.clock.now();
    let mut connection = state.database.get().await?;
    let sign_ups = expired::delete_sign_ups(&mut connection, now).await?;
    let sessions = expired::delete_sessions(&mut connection, now - KEPT).await?;
    if sign_ups + sessions > 0 {
        tracing::info!(sign_ups, sessions, "expired rows were deleted");
    }
    Ok(if sign_ups.max(sessions) == expired::BATCH { Progress::Busy } else { Progress::Idle })
}
