//! What happens beside requests: orders that were left behind, webhooks, promises.

use std::sync::Arc;
use std::time::Duration;

use chassis::db::DbError;
use chassis::outbox::{Delivery, Relay};
use chassis::worker::{Progress, Worker};
use chassis::{mail, trace};
use chrono::TimeDelta;
use diesel_async::AsyncConnection as _;
use futures_util::FutureExt as _;
use tracing::Instrument as _;

use crate::app::State;
use crate::checkout;
use crate::domain::{Cause, Fact, OrderId};
use crate::store::inbox::TakenEvent;
use crate::store::{inbox, orders};
use crate::transition::{self, COMMIT_STOCK, MAIL, RELEASE_STOCK};

/// The longest pause between two looks at something that does not move.
const LONGEST_PAUSE_SECONDS: i64 = 60;

/// All of them.
pub fn all(state: &State) -> Vec<Worker> {
    let poll = Duration::from_millis(state.settings.checkout.poll_ms);
    let (resuming, applying, delivering) = (state.clone(), state.clone(), state.clone());
    let relay = Relay {
        database: state.database.clone(),
        clock: state.clock.clone(),
        metrics: state.metrics.clone(),
        wake: Arc::clone(&state.outbox_wake),
    };
    vec![
        Worker::new("resume", poll, Arc::default(), move || resume(resuming.clone())),
        Worker::new("webhooks", poll, Arc::clone(&state.inbox_wake), move || {
            apply_event(applying.clone())
        }),
        relay.worker(move |delivery| {
            let state = delivering.clone();
            async move { deliver(&state, delivery).await }.boxed()
        }),
    ]
}

/// Takes up one order that nobody works on: its request died, or something it needed did not answer.
async fn resume(state: State) -> anyhow::Result<Progress> {
    let now = state.clock.now();
    let lease_until = now + TimeDelta::seconds(state.settings.checkout.lease_seconds.into());
    let mut connection = state.database.get().await?;
    let claimed =
        connection.transaction(async |tx| orders::claim_due(tx, now, lease_until).await).await?;
    drop(connection);
    let Some((id, attempts, traceparent)) = claimed else { return Ok(Progress::Idle) };

    let span = continued("resume", traceparent.as_deref());
    let outcome = checkout::advance(&state, id, Cause::Resume).instrument(span.clone()).await;
    if let Err(error) = &outcome {
        span.in_scope(|| tracing::warn!(order_id = %id, cause = %error, attempts, "the order could not be taken further"));
    }
    if !outcome.is_ok_and(|order| order.state.is_final()) {
        let mut connection = state.database.get().await?;
        orders::postpone(&mut connection, id, state.clock.now() + pause(attempts)).await?;
    }
    Ok(Progress::Busy)
}

/// Applies one event of the gateway: asks what is true now, because the event itself may be old or out of order.
async fn apply_event(state: State) -> anyhow::Result<Progress> {
    let now = state.clock.now();
    let lease_until = now + TimeDelta::seconds(state.settings.checkout.lease_seconds.into());
    let mut connection = state.database.get().await?;
    let taken = connection.transaction(async |tx| inbox::take(tx, now, lease_until).await).await?;
    drop(connection);
    let Some(event) = taken else { return Ok(Progress::Idle) };

    let span = continued("webhook", event.traceparent.as_deref());
    let applied = apply_taken(&state, &event).instrument(span.clone()).await;
    if !matches!(applied, Ok(true)) {
        span.in_scope(|| match &applied {
            Err(error) => tracing::warn!(
                event_id = event.event_id,
                cause = format!("{error:#}"),
                "not applied yet"
            ),
            Ok(_) => tracing::info!(
                event_id = event.event_id,
                "the event is about an order that is not known yet"
            ),
        });
        let mut connection = state.database.get().await?;
        inbox::postpone(
            &mut connection,
            &event.event_id,
            state.clock.now() + pause(event.attempts),
        )
        .await?;
    }
    Ok(Progress::Busy)
}

/// Answers whether the event's order is known.
async fn apply_taken(state: &State, event: &TakenEvent) -> anyhow::Result<bool> {
    let mut connection = state.database.get().await?;
    let order_id = orders::find_by_intent(&mut connection, &event.intent_id).await?;
    // The gateway is asked without a connection in hand: it may take seconds.
    drop(connection);
    let Some(order_id) = order_id else { return Ok(false) };
    let fact = Fact::IntentSeen(state.gateway.retrieve(&event.intent_id).await?);
    let mut connection = state.database.get().await?;
    let now = state.clock.now();
    connection
        .transaction(async |tx| {
            inbox::mark_applied(tx, &event.event_id, now).await?;
            transition::apply(tx, order_id, (&fact, Cause::Webhook), &state.counters, now).await
        })
        .await
        .map_err(DbError::from)?;
    state.outbox_wake.notify_one();
    Ok(true)
}

/// Keeps one promise; it may be called again for the same one.
async fn deliver(state: &State, delivery: Delivery) -> anyhow::Result<()> {
    match delivery.kind.as_str() {
        COMMIT_STOCK => {
            Ok(state.catalog.commit(serde_json::from_value::<OrderId>(delivery.payload)?).await?)
        }
        RELEASE_STOCK => {
            Ok(state.catalog.release(serde_json::from_value::<OrderId>(delivery.payload)?).await?)
        }
        MAIL => {
            Ok(state.mailer.send(&serde_json::from_value::<mail::Mail>(delivery.payload)?).await?)
        }
        other => anyhow::bail!("nobody knows how to deliver {other}"),
    }
}

/// 1 s, 2 s, 4 s … up to a minute.
fn pause(attempts: i32) -> TimeDelta {
    let exponent = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0);
    TimeDelta::seconds(2_i64.saturating_pow(exponent).min(LONGEST_PAUSE_SECONDS))
}

/// A span that belongs to the trace of the request that began all this.
fn continued(name: &'static str, traceparent: Option<&str>) -> tracing::Span {
    let span = tracing::info_span!(
        "continue",
        otel.name = name,
        otel.kind = "consumer",
        trace_id = tracing::field::Empty
    );
    trace::continue_trace(&span, traceparent);
    if let Some(trace_id) = span.in_scope(trace::current_trace_id) {
        span.record("trace_id", trace_id);
    }
    span
}
