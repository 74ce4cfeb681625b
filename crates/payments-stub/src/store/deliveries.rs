//! Deliveries in the database: a queue with leases (see crates.io's `crates_io_worker/src/storage.rs` for another).

use std::collections::HashMap;

use chassis::config::Secret;
use chassis::db::{Connection, Prepare as _};
use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::schema::{events, webhook_deliveries, webhook_endpoints};
use crate::domain::id::EventId;

/// A delivery that this worker, and no other, may try now.
#[derive(Debug)]
pub struct Claimed {
    /// Which.
    pub id: i64,
    /// The how-manieth attempt this is; also proves that the lease is still ours.
    pub attempt: i32,
    /// The event's name.
    pub event: String,
    /// The exact bytes to send.
    pub body: String,
    /// The trace to continue.
    pub traceparent: Option<String>,
    /// Where to.
    pub url: String,
    /// What to sign with: the endpoint's secret, and the one before it while that is in force.
    pub secrets: Vec<Secret>,
}

/// What an attempt came to, for the books.
#[derive(Debug)]
pub struct Attempt {
    /// When it ended.
    pub at: DateTime<Utc>,
    /// The receiver's status, if it answered.
    pub status: Option<u16>,
    /// Why it is not a success.
    pub error: Option<String>,
}

/// Adds a delivery of each event to its endpoint, due at once.
pub async fn insert(
    connection: &mut Connection,
    deliveries: &[(String, String)],
    now: DateTime<Utc>,
) -> QueryResult<()> {
    let rows: Vec<_> = deliveries
        .iter()
        .map(|(event, endpoint)| {
            (
                webhook_deliveries::event_id.eq(event),
                webhook_deliveries::endpoint_id.eq(endpoint),
                webhook_deliveries::due_at.eq(now),
            )
        })
        .collect();
    diesel::insert_into(webhook_deliveries::table)
        .values(rows)
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

/// Takes the lease on the delivery that has been due longest. Call it in a transaction:
/// `SKIP LOCKED` lets workers pass each other between the two statements.
pub async fn claim(
    connection: &mut Connection,
    now: DateTime<Utc>,
    lease: TimeDelta,
) -> QueryResult<Option<Claimed>> {
    let due = webhook_deliveries::table
        .filter(webhook_deliveries::due_at.le(now))
        .order((webhook_deliveries::due_at, webhook_deliveries::id))
        .select(webhook_deliveries::id)
        .for_update()
        .skip_locked()
        .first::<i64>(connection)
        .await
        .optional()?;
    let Some(id) = due else { return Ok(None) };
    diesel::update(webhook_deliveries::table.find(id))
        .set((
            webhook_deliveries::due_at.eq(now + lease),
            webhook_deliveries::attempts.eq(webhook_deliveries::attempts + 1),
        ))
        .prepared()
        .execute(connection)
        .await?;
    let row: ClaimedRow = webhook_deliveries::table
        .inner_join(events::table)
        .inner_join(webhook_endpoints::table)
        .filter(webhook_deliveries::id.eq(id))
        .select((
            webhook_deliveries::attempts,
            events::id,
            events::body,
            events::traceparent,
            webhook_endpoints::url,
            webhook_endpoints::secret,
            webhook_endpoints::previous_secret,
            webhook_endpoints::previous_expires_at,
        ))
        .first(connection)
        .await?;
    let (attempt, event, body, traceparent, url, secret, previous, expires_at) = row;
    let previous = previous.filter(|_| expires_at.is_some_and(|expires_at| now < expires_at));
    let secrets = std::iter::once(secret).chain(previous).map(Secret::new).collect();
    Ok(Some(Claimed { id, attempt, event, body, traceparent, url, secrets }))
}

/// The attempt, the event and its body and trace, the endpoint's address and secrets.
type ClaimedRow =
    (i32, String, String, Option<String>, String, String, Option<String>, Option<DateTime<Utc>>);

/// It arrived: the end, whoever holds the lease by now.
pub async fn mark_delivered(
    connection: &mut Connection,
    claimed: &Claimed,
    attempt: &Attempt,
) -> QueryResult<()> {
    diesel::update(webhook_deliveries::table.find(claimed.id))
        .set((
            webhook_deliveries::delivered_at.eq(attempt.at),
            webhook_deliveries::due_at.eq(None::<DateTime<Utc>>),
            webhook_deliveries::last_attempt_at.eq(attempt.at),
            webhook_deliveries::last_status.eq(attempt.status.map(i32::from)),
            webhook_deliveries::last_error.eq(None::<String>),
        ))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

/// It did not arrive: again at `next`, or never. Does nothing when another worker has taken the lease over.
pub async fn mark_failed(
    connection: &mut Connection,
    claimed: &Claimed,
    attempt: &Attempt,
    next: Option<DateTime<Utc>>,
) -> QueryResult<()> {
    let ours = webhook_deliveries::table.filter(
        webhook_deliveries::id
            .eq(claimed.id)
            .and(webhook_deliveries::attempts.eq(claimed.attempt))
            .and(webhook_deliveries::delivered_at.is_null()),
    );
    diesel::update(ours)
        .set((
            webhook_deliveries::due_at.eq(next),
            webhook_deliveries::last_attempt_at.eq(attempt.at),
            webhook_deliveries::last_status.eq(attempt.status.map(i32::from)),
            webhook_deliveries::last_error.eq(&attempt.error),
        ))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

/// Gives the lease back as if it had not been taken: the attempt does not count, and the next one is at `due`.
pub async fn postpone(
    connection: &mut Connection,
    claimed: &Claimed,
    due: DateTime<Utc>,
) -> QueryResult<()> {
    let ours = webhook_deliveries::table.filter(
        webhook_deliveries::id
            .eq(claimed.id)
            .and(webhook_deliveries::attempts.eq(claimed.attempt))
            .and(webhook_deliveries::delivered_at.is_null()),
    );
    diesel::update(ours)
        .set((
            webhook_deliveries::due_at.eq(due),
            webhook_deliveries::attempts.eq(webhook_deliveries::attempts - 1),
        ))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

/// How many deliveries of each of these events are unfinished; an event without any is left out.
pub async fn count_pending(
    connection: &mut Connection,
    events: &[String],
) -> QueryResult<HashMap<String, i64>> {
    let counts = webhook_deliveries::table
        .filter(
            webhook_deliveries::event_id
                .eq_any(events)
                .and(webhook_deliveries::due_at.is_not_null()),
        )
        .group_by(webhook_deliveries::event_id)
        .select((webhook_deliveries::event_id, diesel::dsl::count_star()))
        .load::<(String, i64)>(connection)
        .await?;
    Ok(counts.into_iter().collect())
}

/// [`count_pending`] for one.
pub async fn count_pending_of(connection: &mut Connection, event: &EventId) -> QueryResult<i64> {
    webhook_deliveries::table
        .filter(
            webhook_deliveries::event_id
                .eq(event.as_str())
                .and(webhook_deliveries::due_at.is_not_null()),
        )
        .count()
        .get_result(connection)
        .await
}
