//! The transactional outbox: what a transaction promises to the outside is a row of the same transaction.
//!
//! Sending a mail inside the transaction could send it and then roll back; sending it after the commit could crash in
//! between. A row can do neither. The [`relay`] claims rows (a lease, so that two replicas never work on the same one),
//! delivers outside any transaction, and marks them. It delivers *at least* once: a crash between delivery and mark
//! repeats it, so every delivery must be idempotent. (Chris Richardson, "Transactional outbox", microservices.io.)

mod schema;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection as _, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Notify;
use tracing::Instrument as _;

use crate::clock::Clock;
use crate::db::{Connection, Database, Prepare as _};
use crate::metrics::Metrics;
use crate::trace;
use crate::worker::{Progress, Worker};

use schema::outbox;

/// The table; a service that uses the outbox runs this before its own migrations.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// How long a relay may work on a row before another may take it over.
const LEASE: TimeDelta = TimeDelta::seconds(30);
/// How often to look when nobody wakes the relay.
const INTERVAL: Duration = Duration::from_secs(1);
const LONGEST_PAUSE_SECONDS: i64 = 300;

/// One promise, handed to the service's delivery function.
#[derive(Debug)]
pub struct Delivery {
    /// Which promise: the same for every try. Use it as the idempotency key of what is delivered.
    pub dedupe_key: String,
    /// Chooses the code.
    pub kind: String,
    /// What to deliver.
    pub payload: Value,
}

/// Promises `payload` in the caller's transaction; promising the same `dedupe_key` again does nothing.
pub async fn promise(
    connection: &mut Connection,
    (kind, dedupe_key): (&str, &str),
    payload: &impl Serialize,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    let payload = serde_json::to_value(payload)
        .map_err(|error| diesel::result::Error::SerializationError(error.into()))?;
    diesel::insert_into(outbox::table)
        .values((
            outbox::dedupe_key.eq(dedupe_key),
            outbox::kind.eq(kind),
            outbox::payload.eq(payload),
            outbox::traceparent.eq(trace::current_traceparent()),
            outbox::created_at.eq(now),
            outbox::due_at.eq(now),
        ))
        .on_conflict_do_nothing()
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

/// What the relay needs.
#[derive(Clone)]
pub struct Relay {
    /// Where the rows are.
    pub database: Database,
    /// Time.
    pub clock: Clock,
    /// Counts deliveries and measures the backlog.
    pub metrics: Metrics,
    /// Notified by whoever has just committed a promise.
    pub wake: Arc<Notify>,
}

impl Relay {
    /// The worker that hands every promise to `deliver` until it succeeds.
    pub fn worker<F>(self, deliver: F) -> Worker
    where
        F: Fn(Delivery) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync + 'static,
    {
        let deliver = Arc::new(deliver);
        let wake = Arc::clone(&self.wake);
        Worker::new("outbox", INTERVAL, wake, move || {
            let (relay, deliver) = (self.clone(), Arc::clone(&deliver));
            async move { relay.step(&*deliver).await }
        })
    }

    /// Delivers at most one promise.
    async fn step<F>(&self, deliver: &F) -> anyhow::Result<Progress>
    where
        F: Fn(Delivery) -> BoxFuture<'static, anyhow::Result<()>>,
    {
        let Some(claimed) = self.claim().await? else {
            self.measure().await?;
            return Ok(Progress::Idle);
        };
        let span = tracing::info_span!(
            "deliver",
            otel.kind = "consumer",
            kind = claimed.kind,
            trace_id = tracing::field::Empty
        );
        trace::continue_trace(&span, claimed.traceparent.as_deref());
        if let Some(trace_id) = span.in_scope(trace::current_trace_id) {
            span.record("trace_id", trace_id);
        }
        async {
            let delivery = Delivery {
                dedupe_key: claimed.dedupe_key,
                kind: claimed.kind.clone(),
                payload: claimed.payload.unwrap_or_default(),
            };
            let outcome = deliver(delivery).await;
            self.metrics.count_delivery(&claimed.kind, outcome.is_ok());
            match outcome {
                Ok(()) => self.mark_delivered(claimed.id).await,
                Err(error) => self.postpone(claimed.id, claimed.attempts, &error).await,
            }
        }
        .instrument(span.clone())
        .await?;
        Ok(Progress::Busy)
    }

    /// Takes the lease on the oldest row that is due; `SKIP LOCKED` lets replicas pass each other.
    async fn claim(&self) -> anyhow::Result<Option<Claimed>> {
        let mut connection = self.database.get().await?;
        let now = self.clock.now();
        let claimed = connection.transaction(async |tx| -> QueryResult<Option<Claimed>> {
            let due = outbox::table
                .filter(outbox::delivered_at.is_null().and(outbox::due_at.le(now)))
                .order((outbox::due_at, outbox::id))
                .select(outbox::id)
                .for_update()
                .skip_locked()
                .first::<i64>(tx)
                .await
                .optional()?;
            let Some(id) = due else { return Ok(None) };
            diesel::update(outbox::table.find(id))
                .set((outbox::due_at.eq(now + LEASE), outbox::attempts.eq(outbox::attempts + 1)))
                .returning(Claimed::as_returning())
                .get_result(tx)
                .await
                .optional()
        });
        Ok(claimed.await?)
    }

    async fn mark_delivered(&self, id: i64) -> anyhow::Result<()> {
        let mut connection = self.database.get().await?;
        diesel::update(outbox::table.find(id))
            .set((outbox::delivered_at.eq(self.clock.now()), outbox::payload.eq(None::<Value>)))
            .prepared()
            .execute(&mut connection)
            .await?;
        Ok(())
    }

    /// Tries again later: after 1 s, 2 s, 4 s … up to five minutes, for ever.
    async fn postpone(&self, id: i64, attempts: i32, error: &anyhow::Error) -> anyhow::Result<()> {
        let pause = 2_i64
            .saturating_pow(u32::try_from(attempts - 1).unwrap_or(0))
            .min(LONGEST_PAUSE_SECONDS);
        let reason = format!("{error:#}");
        tracing::warn!(cause = reason, attempts, "a delivery failed, next try in {pause} s");
        let mut connection = self.database.get().await?;
        diesel::update(outbox::table.find(id))
            .set((
                outbox::due_at.eq(self.clock.now() + TimeDelta::seconds(pause)),
                outbox::last_error.eq(reason.chars().take(500).collect::<String>()),
            ))
            .prepared()
            .execute(&mut connection)
            .await?;
        Ok(())
    }

    /// The backlog, for the alert that says that promises are not being kept.
    async fn measure(&self) -> anyhow::Result<()> {
        let mut connection = self.database.get().await?;
        let undelivered = outbox::table.filter(outbox::delivered_at.is_null());
        let (pending, oldest): (i64, Option<DateTime<Utc>>) = undelivered
            .select((diesel::dsl::count_star(), diesel::dsl::min(outbox::created_at)))
            .get_result(&mut connection)
            .await?;
        let age = oldest.map(|oldest| self.clock.now() - oldest).and_then(|age| age.to_std().ok());
        self.metrics.set_outbox(pending, age.unwrap_or_default());
        Ok(())
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = outbox, check_for_backend(diesel::pg::Pg))]
struct Claimed {
    id: i64,
    dedupe_key: String,
    kind: String,
    payload: Option<Value>,
    traceparent: Option<String>,
    attempts: i32,
}
