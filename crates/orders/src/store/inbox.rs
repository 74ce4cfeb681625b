//! The inbox: what the gateway told us, each event once.

use chassis::db::{Connection, Prepare as _};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::schema::gateway_events;

/// An event as it is stored: which PaymentIntent to ask about, not what to believe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// The gateway's identifier.
    pub event_id: String,
    /// Such as `payment_intent.succeeded`.
    pub kind: String,
    /// The PaymentIntent that it is about.
    pub intent_id: String,
}

/// Stores the event, unless it is stored already.
pub async fn store(
    connection: &mut Connection,
    new: &NewEvent,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    diesel::insert_into(gateway_events::table)
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
    Ok(())
}

/// An event that a worker has taken.
#[derive(Clone, Debug, Queryable)]
pub struct TakenEvent {
    /// The gateway's identifier.
    pub event_id: String,
    /// The PaymentIntent that it is about.
    pub intent_id: String,
    /// The trace that it belongs to.
    pub traceparent: Option<String>,
    /// How often it was taken.
    pub attempts: i32,
}

/// Takes the lease on the oldest event that is due; other replicas' rows are passed over.
pub async fn take(
    connection: &mut Connection,
    now: DateTime<Utc>,
    lease_until: DateTime<Utc>,
) -> QueryResult<Option<TakenEvent>> {
    let due = gateway_events::table
        .filter(gateway_events::applied_at.is_null().and(gateway_events::due_at.le(now)))
        .order(gateway_events::due_at)
        .select(gateway_events::event_id)
        .for_update()
        .skip_locked()
        .first::<String>(connection)
        .await
        .optional()?;
    let Some(event_id) = due else { return Ok(None) };
    diesel::update(gateway_events::table.find(event_id))
        .set((
            gateway_events::due_at.eq(lease_until),
            gateway_events::attempts.eq(gateway_events::attempts + 1),
        ))
        .returning((
            gateway_events::event_id,
            gateway_events::intent_id,
            gateway_events::traceparent,
            gateway_events::attempts,
        ))
        .get_result(connection)
        .await
        .optional()
}

/// Its effect is stored; in the same transaction as that effect.
pub async fn mark_applied(
    connection: &mut Connection,
    event_id: &str,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    diesel::update(gateway_events::table.find(event_id))
        .set(gateway_events::applied_at.eq(now))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

/// Not before `due_at` again.
pub async fn postpone(
    connection: &mut Connection,
    event_id: &str,
    due_at: DateTime<Utc>,
) -> QueryResult<()> {
    diesel::update(gateway_events::table.find(event_id))
        .set(gateway_events::due_at.eq(due_at))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}
