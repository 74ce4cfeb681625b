//! The inbox: what the gateway told us, each event once.

use chassis::db::{Connection, Prepare as _};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Integer, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;

use super::Lease;
use super::schema::{event_cursors, gateway_events};
use crate::clients::gateway::{EVENTS_OF_INTEREST, Event};

/// There is one list of events.
const CURSOR: &str = "gateway";

/// An event as it is stored: what to ask about, not what to believe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// The gateway's identifier.
    pub event_id: String,
    /// Such as `payment_intent.succeeded`.
    pub kind: String,
    /// The PaymentIntent that it is about.
    pub intent_id: String,
}

impl NewEvent {
    /// The event, if an order may learn something from it. Refunds are asked for by their own worker.
    pub fn of_interest(event: &Event) -> Option<Self> {
        EVENTS_OF_INTEREST.contains(&event.kind.as_str()).then(|| Self {
            event_id: event.id.clone(),
            kind: event.kind.clone(),
            intent_id: event.data.object.id.clone(),
        })
    }
}

/// Stores the event, unless it is stored already. Answers whether it is new.
pub async fn store(
    connection: &mut Connection,
    new: &NewEvent,
    now: DateTime<Utc>,
) -> QueryResult<bool> {
    let stored = diesel::insert_into(gateway_events::table)
        .values((
            gateway_events::event_id.eq(&new.event_id),
            gateway_events::kind.eq(&new.kind),
            gateway_events::intent_id.eq(&new.intent_id),
            gateway_events::traceparent.eq(chassis::trace::current_traceparent()),
            gateway_events::received_at.eq(now),
            gateway_events::due_at.eq(now),
        ))
        .on_conflict_do_nothing()
        .prepared()
        .execute(connection)
        .await?;
    Ok(stored == 1)
}

/// An event that a worker has taken.
#[derive(Clone, Debug, QueryableByName)]
#[diesel(check_for_backend(diesel::pg::Pg))]
pub struct TakenEvent {
    /// The gateway's identifier.
    #[diesel(sql_type = Text)]
    pub event_id: String,
    /// The PaymentIntent that it is about.
    #[diesel(sql_type = Text)]
    pub intent_id: String,
    /// The trace that it belongs to.
    #[diesel(sql_type = Nullable<Text>)]
    pub traceparent: Option<String>,
    /// When it came.
    #[diesel(sql_type = Timestamptz)]
    pub received_at: DateTime<Utc>,
    /// How often it was taken: only the last worker may put it off.
    #[diesel(sql_type = Integer)]
    pub attempts: i32,
}

/// Takes the lease on the event that has waited longest; other replicas pass its row over.
pub async fn take(connection: &mut Connection, lease: Lease) -> QueryResult<Option<TakenEvent>> {
    diesel::sql_query(
        "UPDATE gateway_events SET due_at = $2, attempts = attempts + 1
         WHERE event_id = (SELECT event_id FROM gateway_events
                           WHERE applied_at IS NULL AND (due_at <= $1 OR due_at > $3)
                           ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING event_id, intent_id, traceparent, received_at, attempts",
    )
    .bind::<Timestamptz, _>(lease.now)
    .bind::<Timestamptz, _>(lease.until)
    .bind::<Timestamptz, _>(lease.horizon)
    .prepared()
    .get_result(connection)
    .await
    .optional()
}

/// Its effect is stored; in the same transaction as that effect.
pub async fn mark_applied(
    connection: &mut Connection,
    event: &TakenEvent,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    diesel::update(gateway_events::table.find(&event.event_id))
        .set(gateway_events::applied_at.eq(now))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

/// Not before `due_at` again, unless somebody has taken it over since.
pub async fn postpone(
    connection: &mut Connection,
    event: &TakenEvent,
    due_at: DateTime<Utc>,
) -> QueryResult<()> {
    diesel::update(gateway_events::table.find(&event.event_id))
        .filter(gateway_events::attempts.eq(event.attempts))
        .set(gateway_events::due_at.eq(due_at))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

/// Up to which moment the gateway's list of events was read; `None` before the first time.
pub async fn read_until(connection: &mut Connection) -> QueryResult<Option<DateTime<Utc>>> {
    event_cursors::table
        .find(CURSOR)
        .select(event_cursors::read_until)
        .first(connection)
        .await
        .optional()
}

/// The list was read up to this moment. It never goes back, whoever was slower.
pub async fn set_read_until(connection: &mut Connection, until: DateTime<Utc>) -> QueryResult<()> {
    diesel::sql_query(
        "INSERT INTO event_cursors (name, read_until) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET read_until = greatest(event_cursors.read_until, excluded.read_until)",
    )
    .bind::<Text, _>(CURSOR)
    .bind::<Timestamptz, _>(until)
    .execute(connection)
    .await?;
    Ok(())
}
