//! The transactional outbox: what a transaction promises to the outside is a row of the same transaction.
//!
//! Sending a mail inside the transaction could send it and then roll back; sending it after the commit could crash in
//! between. A row can do neither. A [`Relay`] claims rows (a lease, so that two replicas never work on the same one),
//! delivers outside any transaction, and marks them. It delivers *at least* once: a crash between delivery and mark
//! repeats it, so every delivery must be idempotent. (Chris Richardson, "Transactional outbox", microservices.io.)
//!
//! A relay is for some kinds of promises. Kinds that go to different places have relays of their own: a mail server
//! that does not answer must not keep a peer waiting that would.

mod schema;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
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

/// A promise that cannot be kept (the other side says that it never will) is tried so many times, in the end every
/// quarter of an hour: for a day. What is permanent now may be a mistake that somebody mends.
const MOST_FUTILE_TRIES: i32 = 100;
/// The longest pause between two futile tries, in milliseconds. Nothing is put off for longer, except by a clock that
/// was wrong.
const FUTILE_PAUSE_MS: u32 = 900_000;

/// Why a promise cannot be kept: trying again at once would not help. For `deliver` to answer.
#[derive(Debug, thiserror::Error)]
#[error("for good: {0}")]
pub struct Futile(pub String);

/// How patient a relay is.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How often to look when nobody wakes the relay, in milliseconds.
    pub poll_ms: u64,
    /// How long a relay may work on a row before another may take it over, in seconds.
    pub lease_seconds: u32,
    /// The longest pause between two tries, in milliseconds.
    pub longest_pause_ms: u32,
}

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
    /// How metrics and logs call it.
    pub name: &'static str,
    /// Which promises it keeps.
    pub kinds: &'static [&'static str],
    /// How patient it is.
    pub settings: Settings,
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
        let (wake, interval) =
            (Arc::clone(&self.wake), Duration::from_millis(self.settings.poll_ms));
        Worker::new(self.name, interval, wake, move || {
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
                dedupe_key: claimed.dedupe_key.clone(),
                kind: claimed.kind.clone(),
                payload: claimed.payload.clone().unwrap_or_default(),
            };
            let outcome = deliver(delivery).await;
            self.metrics.count_delivery(&claimed.kind, outcome.is_ok());
            match outcome {
                Ok(()) => self.mark_delivered(&claimed).await,
                Err(error) => self.postpone(&claimed, &error).await,
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
        let claimed = diesel::sql_query(
            "UPDATE outbox SET due_at = $2, attempts = attempts + 1
             WHERE id = (SELECT id FROM outbox
                         WHERE delivered_at IS NULL AND (due_at <= $1 OR due_at > $4) AND kind = ANY($3)
                         ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
             RETURNING id, dedupe_key, kind, payload, traceparent, attempts",
        )
        .bind::<Timestamptz, _>(now)
        .bind::<Timestamptz, _>(now + TimeDelta::seconds(self.settings.lease_seconds.into()))
        .bind::<Array<Text>, _>(self.kinds)
        // What is due later was written by a clock that was wrong, and is due, too.
        .bind::<Timestamptz, _>(now + TimeDelta::milliseconds(FUTILE_PAUSE_MS.into()))
        .prepared()
        .get_result(&mut connection);
        Ok(claimed.await.optional()?)
    }

    /// Its payload is erased, whoever has delivered it: it is delivered.
    async fn mark_delivered(&self, claimed: &Claimed) -> anyhow::Result<()> {
        let mut connection = self.database.get().await?;
        diesel::update(outbox::table.find(claimed.id))
            .set((
                outbox::delivered_at.eq(self.clock.now()),
                outbox::payload.eq(None::<Value>),
                outbox::last_error.eq(None::<String>),
            ))
            .prepared()
            .execute(&mut connection)
            .await?;
        Ok(())
    }

    /// Tries again later: after 1 s, 2 s, 4 s … up to the longest pause, for ever. Not when somebody else has taken
    /// it over since: the number of the attempt is the lease's fencing token.
    async fn postpone(&self, claimed: &Claimed, error: &anyhow::Error) -> anyhow::Result<()> {
        let is_futile = error.downcast_ref::<Futile>().is_some();
        if is_futile && claimed.attempts >= MOST_FUTILE_TRIES {
            return self.abandon(claimed, error).await;
        }
        let longest = if is_futile { FUTILE_PAUSE_MS } else { self.settings.longest_pause_ms };
        let pause = pause(claimed.attempts, longest);
        let reason = format!("{error:#}");
        let attempts = claimed.attempts;
        tracing::warn!(cause = reason, attempts, "a delivery failed, next try in {pause}");
        let mut connection = self.database.get().await?;
        diesel::update(outbox::table.find(claimed.id))
            .filter(outbox::attempts.eq(attempts).and(outbox::delivered_at.is_null()))
            .set((
                outbox::due_at.eq(self.clock.now() + pause),
                outbox::last_error.eq(reason.chars().take(500).collect::<String>()),
            ))
            .prepared()
            .execute(&mut connection)
            .await?;
        Ok(())
    }

    /// Gives a promise up, and says so loudly: it counts as an abandoned delivery, for the alert.
    async fn abandon(&self, claimed: &Claimed, error: &anyhow::Error) -> anyhow::Result<()> {
        self.metrics.count_abandoned(&claimed.kind);
        tracing::error!(
            cause = format!("{error:#}"),
            kind = claimed.kind,
            "a promise is given up: a person must look at this"
        );
        self.mark_delivered(claimed).await
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

/// The pause after so many attempts: 1 s, 2 s, 4 s … up to `longest_ms` milliseconds.
pub fn pause(attempts: i32, longest_ms: u32) -> TimeDelta {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0);
    let pause = 1000_i64.saturating_mul(2_i64.saturating_pow(doublings));
    TimeDelta::milliseconds(pause.min(longest_ms.into()))
}

#[derive(QueryableByName)]
#[diesel(check_for_backend(diesel::pg::Pg))]
struct Claimed {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    dedupe_key: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Nullable<Jsonb>)]
    payload: Option<Value>,
    #[diesel(sql_type = Nullable<Text>)]
    traceparent: Option<String>,
    #[diesel(sql_type = Integer)]
    attempts: i32,
}
