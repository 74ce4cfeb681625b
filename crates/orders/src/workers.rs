//! What happens beside requests: orders that were left behind, webhooks, refunds, promises.
//!
//! Each step takes one thing by a lease, so replicas share the work; each write afterwards names what the lease was
//! taken on (a version, a number of attempts), so whoever was paused past its lease neither moves it nor puts it off.

use std::sync::Arc;
use std::time::Duration;

use chassis::outbox::{Delivery, Relay, pause};
use chassis::worker::{Progress, Worker};
use chassis::{mail, trace};
use chrono::TimeDelta;
use diesel_async::AsyncConnection as _;
use futures_util::FutureExt as _;
use reqwest::StatusCode;
use tracing::Instrument as _;

use crate::app::State;
use crate::domain::{Cause, Fact, IntentStatus, OrderId, OrderState, RefundState};
use crate::store::inbox::TakenEvent;
use crate::store::{inbox, orders, refunds};
use crate::transition::{self, Applied, COMMIT_STOCK, MAIL, RELEASE_STOCK};
use crate::{checkout, reconcile, refunding};

/// How many orders are taken up at once.
const RESUME_WORKERS: usize = 4;

/// All of them.
pub fn all(state: &State) -> Vec<Worker> {
    let poll = Duration::from_millis(state.settings.checkout.poll_ms);
    let reconcile = Duration::from_secs(state.settings.checkout.reconcile_seconds);
    let (resuming, applying, refunding, reading) =
        (state.clone(), state.clone(), state.clone(), state.clone());
    let mut workers = vec![
        Worker::new("webhooks", poll, Arc::clone(&state.inbox_wake), move || {
            apply_event(applying.clone())
        }),
        Worker::new("refunds", poll, Arc::clone(&state.refund_wake), move || {
            refund(refunding.clone())
        }),
        Worker::new("reconcile", reconcile, Arc::default(), move || {
            let state = reading.clone();
            async move { reconcile::read_events(&state).await.map(|()| Progress::Idle) }
        }),
        // A mail server that does not answer must not keep stock from being sold.
        relay(state, "stock", &[COMMIT_STOCK, RELEASE_STOCK]),
        relay(state, "mail", &[MAIL]),
    ];
    // One order whose gateway hangs must not keep all others waiting.
    for _ in 0..RESUME_WORKERS {
        let state = resuming.clone();
        workers.push(Worker::new("resume", poll, Arc::default(), move || resume(state.clone())));
    }
    workers
}

fn relay(state: &State, name: &'static str, kinds: &'static [&'static str]) -> Worker {
    let wake = if name == "stock" { &state.stock_wake } else { &state.outbox_wake };
    let relay = Relay {
        name,
        kinds,
        settings: state.settings.outbox.clone(),
        database: state.database.clone(),
        clock: state.clock.clone(),
        metrics: state.metrics.clone(),
        wake: Arc::clone(wake),
    };
    let state = state.clone();
    relay.worker(move |delivery| {
        let state = state.clone();
        async move { deliver(&state, delivery).await }.boxed()
    })
}

/// Takes up one order that nobody works on: its request died, or something it needed did not answer.
async fn resume(state: State) -> anyhow::Result<Progress> {
    let mut connection = state.database.get().await?;
    let claimed = orders::claim_due(&mut connection, state.claim()).await?;
    drop(connection);
    let Some(claimed) = claimed else { return Ok(Progress::Idle) };

    let (id, attempts) = (claimed.id(), claimed.attempts);
    let span = continued("resume", claimed.traceparent.as_deref());
    let pause = pause(attempts, state.settings.checkout.longest_pause_ms);
    let outcome = checkout::advance(&state, id, (Cause::Resume, pause));
    if let Err(error) = outcome.instrument(span.clone()).await {
        span.in_scope(|| tracing::warn!(order_id = %id, cause = %error, attempts, "the order could not be taken further"));
    }
    Ok(Progress::Busy)
}

/// Applies one event of the gateway: asks what is true now, because the event itself may be old or out of order.
async fn apply_event(state: State) -> anyhow::Result<Progress> {
    let mut connection = state.database.get().await?;
    let taken = inbox::take(&mut connection, state.claim()).await?;
    drop(connection);
    let Some(event) = taken else { return Ok(Progress::Idle) };

    let span = continued("webhook", event.traceparent.as_deref());
    let applied = apply_taken(&state, &event).instrument(span.clone()).await;
    if !matches!(applied, Ok(true)) {
        let event_id = &event.event_id;
        span.in_scope(|| match &applied {
            Err(error) => {
                tracing::warn!(event_id, cause = format!("{error:#}"), "not applied yet");
            }
            Ok(_) => tracing::info!(event_id, "the event is not about an order as we know it yet"),
        });
        let due_at =
            state.clock.now() + pause(event.attempts, state.settings.checkout.longest_pause_ms);
        let mut connection = state.database.get().await?;
        inbox::postpone(&mut connection, &event, due_at).await?;
    }
    Ok(Progress::Busy)
}

/// Answers whether the event is dealt with: its order is known, and stood still while the gateway was asked.
async fn apply_taken(state: &State, event: &TakenEvent) -> anyhow::Result<bool> {
    let mut connection = state.database.get().await?;
    let order = orders::find_by_intent(&mut connection, &event.intent_id).await?;
    let Some(order) = order else {
        drop(connection);
        return give_up_event(state, event).await;
    };
    if matches!(order.state, OrderState::Paid | OrderState::Refunded) {
        // A payment that has succeeded does nothing more.
        inbox::mark_applied(&mut connection, event, state.clock.now()).await?;
        return Ok(true);
    }
    // The gateway is asked without a connection in hand: it may take seconds.
    drop(connection);
    let fact = Fact::IntentSeen(state.gateway.retrieve(&event.intent_id).await?);
    let mut connection = state.database.get().await?;
    let terms = state.terms();
    let applied = connection
        .transaction(async |tx| -> diesel::QueryResult<Applied> {
            let applied = transition::apply(tx, &order, (&fact, Cause::Webhook), terms).await?;
            if !applied.is_stale {
                inbox::mark_applied(tx, event, terms.now).await?;
            }
            Ok(applied)
        })
        .await?;
    state.announce(&applied.order);
    Ok(!applied.is_stale)
}

/// An event about a PaymentIntent that we do not know (yet). Once no order can be about to store it any more, it is
/// somebody else's, or one that we have lost; if there is money in it, a person must know.
async fn give_up_event(state: &State, event: &TakenEvent) -> anyhow::Result<bool> {
    let patience = TimeDelta::seconds(state.settings.checkout.deadline_seconds.into());
    if state.clock.now() < event.received_at + patience + state.lease() {
        return Ok(false);
    }
    let intent = state.gateway.retrieve(&event.intent_id).await?;
    if intent.status == IntentStatus::Succeeded {
        state.counters.alarm();
        tracing::error!(
            intent_id = intent.id,
            "a person must look at this: money for an order that is not known here"
        );
    }
    let mut connection = state.database.get().await?;
    inbox::mark_applied(&mut connection, event, state.clock.now()).await?;
    Ok(true)
}

/// Takes up one refund that nobody works on.
async fn refund(state: State) -> anyhow::Result<Progress> {
    let mut connection = state.database.get().await?;
    let claimed = refunds::claim_due(&mut connection, state.claim()).await?;
    drop(connection);
    let Some((refund, traceparent)) = claimed else { return Ok(Progress::Idle) };

    let span = continued("refund", traceparent.as_deref());
    let outcome = refunding::advance(&state, &refund, false).instrument(span.clone()).await;
    if let Err(error) = &outcome {
        span.in_scope(|| tracing::warn!(refund_id = %refund.id, cause = %error, attempts = refund.attempts, "the refund could not be taken further"));
    }
    if !outcome.is_ok_and(|refund| refund.state != RefundState::Pending) {
        let longest = state.settings.checkout.longest_pause_ms;
        let due_at = state.clock.now() + pause(refund.attempts, longest);
        let mut connection = state.database.get().await?;
        refunds::postpone(&mut connection, &refund, due_at).await?;
    }
    Ok(Progress::Busy)
}

/// Keeps one promise; it may be called again for the same one.
async fn deliver(state: &State, delivery: Delivery) -> anyhow::Result<()> {
    match delivery.kind.as_str() {
        COMMIT_STOCK => {
            let id: OrderId = serde_json::from_value(delivery.payload)?;
            match state.catalog.commit(id).await {
                // The reservation has ended: the money came too late for it.
                Err(error) if error.status() == Some(StatusCode::CONFLICT) => {
                    Ok(refunding::give_up_delivery(state, id).await?)
                }
                outcome => Ok(outcome?),
            }
        }
        RELEASE_STOCK => {
            Ok(state.catalog.release(serde_json::from_value::<OrderId>(delivery.payload)?).await?)
        }
        MAIL => mail::deliver(&state.mailer, delivery.payload).await,
        other => anyhow::bail!("nobody knows how to deliver {other}"),
    }
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
