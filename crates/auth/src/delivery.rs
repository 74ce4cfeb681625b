//! Keeping the promises in the outbox: sending mail.

use std::sync::Arc;

use chassis::mail::{self, Mailer};
use chassis::outbox::{Delivery, Relay};
use chassis::worker::Worker;

use crate::app::State;

/// The kind of promise that is a mail.
pub const MAIL: &str = "mail";

/// The worker that sends what is promised.
pub fn worker(state: &State, mailer: Mailer) -> Worker {
    let relay = Relay {
        name: "outbox",
        kinds: &[MAIL],
        settings: state.settings.outbox.clone(),
        database: state.database.clone(),
        clock: state.clock.clone(),
        metrics: state.metrics.clone(),
        wake: Arc::clone(&state.mail_waits),
    };
    relay.worker(move |delivery| {
        let mailer = mailer.clone();
        Box::pin(async move { deliver(&mailer, delivery).await })
    })
}

async fn deliver(mailer: &Mailer, delivery: Delivery) -> anyhow::Result<()> {
    anyhow::ensure!(delivery.kind == MAIL, "nobody delivers promises of this kind");
    mail::deliver(mailer, delivery.payload).await
}
