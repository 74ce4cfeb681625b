//! The sweeper: gives back stock that was held for orders that were never heard of again.

use std::sync::Arc;
use std::time::Duration;

use chassis::worker::{Progress, Worker};
use tokio::sync::Notify;

use crate::app::State;
use crate::reserve;

/// One reservation a step. Several replicas may sweep at once: each passes over what another has locked.
pub fn worker(state: State) -> Worker {
    let interval = Duration::from_secs(state.settings.reservations.sweep_seconds);
    Worker::new("sweep", interval, Arc::new(Notify::new()), move || {
        let state = state.clone();
        async move {
            let found = reserve::expire_one(&state.database, &state.clock).await?;
            Ok(if found { Progress::Busy } else { Progress::Idle })
        }
    })
}
