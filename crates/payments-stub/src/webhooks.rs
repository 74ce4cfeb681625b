//! Telling receivers what happened, at least once, until they say 2xx.
//!
//! An event's deliveries are rows that were committed with it (see [`crate::events`]). A worker claims one that is due
//! (a lease, so that two workers never try the same one), sends it outside any transaction, and writes down what came
//! of it. Killed in between, it leaves a lease that runs out; then another worker sends the same event again. Order is
//! not promised, and repetition is: receivers go by the event's name.

mod send;

use std::sync::Arc;
use std::time::Duration;

use chassis::boot::RunError;
use chassis::trace;
use chassis::worker::{Progress, Worker};
use chrono::TimeDelta;
use diesel::QueryResult;
use diesel_async::AsyncConnection as _;
use futures_util::future::join_all;
use tracing::{Instrument as _, field};

use crate::app::State;
use crate::config::{RetrySchedule, Webhooks};
use crate::control::misbehaviour::{Forgery, Treatment};
use crate::store;
use crate::store::deliveries::{Attempt, Claimed};

use send::{Failed, Sender};

/// What a lease allows beyond the receiver's own time.
const LEASE_MARGIN: TimeDelta = TimeDelta::seconds(25);

/// The workers that deliver: several, so that a slow receiver delays the others less.
pub fn workers(state: &State, settings: &Webhooks) -> Result<Vec<Worker>, RunError> {
    let timeout = Duration::from_millis(settings.timeout_ms);
    let sender = Sender::new(timeout).map_err(|error| RunError::Setting(error.to_string()))?;
    let courier = Courier {
        state: state.clone(),
        sender,
        schedule: Arc::new(settings.retry_seconds.clone()),
        lease: TimeDelta::from_std(timeout).unwrap_or(LEASE_MARGIN) + LEASE_MARGIN,
    };
    let interval = Duration::from_millis(settings.poll_ms);
    let worker = || {
        let courier = courier.clone();
        Worker::new("webhooks", interval, Arc::clone(&state.wake), move || {
            let courier = courier.clone();
            async move { courier.step().await }
        })
    };
    Ok(std::iter::repeat_with(worker).take(settings.parallel).collect())
}

#[derive(Clone)]
struct Courier {
    state: State,
    sender: Sender,
    schedule: Arc<RetrySchedule>,
    lease: TimeDelta,
}

impl Courier {
    /// Tries at most one delivery.
    async fn step(&self) -> anyhow::Result<Progress> {
        let Some(claimed) = self.claim().await? else { return Ok(Progress::Idle) };
        // There may be more: a colleague can look while this one waits for the receiver.
        self.state.wake.notify_one();
        let span = tracing::info_span!(
            "deliver webhook",
            otel.kind = "producer",
            otel.status_code = field::Empty,
            event = claimed.event,
            attempt = claimed.attempt,
            http.response.status_code = field::Empty,
            trace_id = field::Empty,
        );
        // The trace of the request that caused the event goes on here, and in the receiver.
        trace::continue_trace(&span, claimed.traceparent.as_deref());
        if let Some(trace_id) = span.in_scope(trace::current_trace_id) {
            span.record("trace_id", trace_id);
        }
        self.deliver(&claimed, &span).instrument(span.clone()).await?;
        Ok(Progress::Busy)
    }

    async fn claim(&self) -> anyhow::Result<Option<Claimed>> {
        let mut connection = self.state.database.get().await?;
        let (now, lease) = (self.state.clock.now(), self.lease);
        let claimed = connection.transaction(async move |tx| -> QueryResult<Option<Claimed>> {
            store::deliveries::claim(tx, now, lease).await
        });
        Ok(claimed.await?)
    }

    async fn deliver(&self, claimed: &Claimed, span: &tracing::Span) -> anyhow::Result<()> {
        let control = self.state.control.as_ref();
        let forgery = match control.map(|control| control.treat(claimed)) {
            None => Forgery::default(),
            Some(Treatment::Send(forgery)) => forgery,
            Some(Treatment::Postpone(delay)) => return self.postpone(claimed, delay).await,
            Some(Treatment::Drop) => return self.abandon(claimed).await,
        };
        // No connection is held while the receiver takes its time.
        let answer = self.send(claimed, &forgery).await;
        let at = self.state.clock.now();
        let attempt = match answer {
            Ok(status) => Attempt { at, status: Some(status), error: None },
            Err(failed) => Attempt { at, status: failed.status, error: Some(failed.reason) },
        };
        if let Some(status) = attempt.status {
            span.record("http.response.status_code", status);
        }
        let mut connection = self.state.database.get().await?;
        store::attempts::insert(&mut connection, claimed, &attempt).await?;
        let Some(reason) = &attempt.error else {
            store::deliveries::mark_delivered(&mut connection, claimed, &attempt).await?;
            self.state.meters.count_delivery("delivered");
            tracing::info!("a webhook was delivered");
            return Ok(());
        };
        span.record("otel.status_code", "ERROR");
        let next = self.schedule.pause_after(claimed.attempt).map(|pause| at + pause);
        store::deliveries::mark_failed(&mut connection, claimed, &attempt, next).await?;
        self.state.meters.count_delivery(if next.is_some() { "failed" } else { "abandoned" });
        if let Some(next) = next {
            tracing::warn!(reason, "a webhook was not delivered, next attempt at {next}");
        } else {
            tracing::error!(reason, "a webhook was not delivered, and no attempt is left");
        }
        Ok(())
    }

    /// Sends a delivery, and beside it the copies that a test asked for; only the delivery itself counts.
    async fn send(&self, claimed: &Claimed, forgery: &Forgery) -> Result<u16, Failed> {
        let send = || self.sender.send(claimed, self.state.clock.now(), forgery);
        let copies = join_all((0..forgery.copies).map(|_| send()));
        let (answer, _) = tokio::join!(send(), copies);
        answer
    }

    /// Lets a delivery be late, without holding its lease meanwhile.
    async fn postpone(&self, claimed: &Claimed, delay: TimeDelta) -> anyhow::Result<()> {
        let due = self.state.clock.now() + delay;
        let mut connection = self.state.database.get().await?;
        store::deliveries::postpone(&mut connection, claimed, due).await?;
        tracing::warn!("a webhook is late, as a test arranged it: {due}");
        Ok(())
    }

    /// Ends a delivery that was never sent.
    async fn abandon(&self, claimed: &Claimed) -> anyhow::Result<()> {
        let error = Some("a test arranged that it is lost".to_owned());
        let attempt = Attempt { at: self.state.clock.now(), status: None, error };
        let mut connection = self.state.database.get().await?;
        store::deliveries::mark_failed(&mut connection, claimed, &attempt, None).await?;
        self.state.meters.count_delivery("abandoned");
        tracing::warn!("a webhook is lost, as a test arranged it");
        Ok(())
    }
}
