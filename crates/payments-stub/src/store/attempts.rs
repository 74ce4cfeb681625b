//! Attempts to deliver, in the database: a row for each, beside the delivery that knows only the last.

use chassis::db::{Connection, Prepare as _};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::deliveries::{Attempt, Claimed};
use super::schema::{webhook_attempts, webhook_deliveries};
use crate::domain::id::EndpointId;
use crate::domain::listing::{Cursor, Listing};

/// An attempt, with the event that it was about.
#[derive(Clone, Debug, Queryable)]
pub struct StoredAttempt {
    /// Its number.
    pub id: i64,
    /// The event's name.
    pub event: String,
    /// Which attempt for this delivery.
    pub attempt: i32,
    /// The receiver's status.
    pub status: Option<i32>,
    /// Why it is not a success.
    pub error: Option<String>,
    /// When it ended.
    pub created_at: DateTime<Utc>,
}

/// Writes one down. The endpoint may have been deleted meanwhile, and with it all that was on its way: then there is
/// nothing to add to.
pub async fn insert(
    connection: &mut Connection,
    claimed: &Claimed,
    attempt: &Attempt,
) -> QueryResult<()> {
    let row = (
        webhook_attempts::delivery_id.eq(claimed.id),
        webhook_attempts::attempt.eq(claimed.attempt),
        webhook_attempts::status.eq(attempt.status.map(i32::from)),
        webhook_attempts::error.eq(&attempt.error),
        webhook_attempts::created_at.eq(attempt.at),
    );
    let inserted = diesel::insert_into(webhook_attempts::table)
        .values(row)
        .on_conflict_do_nothing()
        .prepared()
        .execute(connection)
        .await;
    match inserted {
        Err(diesel::result::Error::DatabaseError(
            diesel::result::DatabaseErrorKind::ForeignKeyViolation,
            _,
        )) => Ok(()),
        outcome => outcome.map(drop),
    }
}

/// One page of an endpoint's attempts; `None` when its cursor names nothing.
pub async fn list(
    connection: &mut Connection,
    endpoint: &EndpointId,
    listing: &Listing,
) -> QueryResult<Option<Vec<StoredAttempt>>> {
    let mut query = webhook_attempts::table
        .inner_join(webhook_deliveries::table)
        .filter(webhook_deliveries::endpoint_id.eq(endpoint.as_str()))
        .limit(listing.fetch())
        .select((
            webhook_attempts::id,
            webhook_deliveries::event_id,
            webhook_attempts::attempt,
            webhook_attempts::status,
            webhook_attempts::error,
            webhook_attempts::created_at,
        ))
        .into_boxed();
    if let Some(from) = listing.created_from {
        query = query.filter(webhook_attempts::created_at.ge(from));
    }
    if let Some(before) = listing.created_before {
        query = query.filter(webhook_attempts::created_at.lt(before));
    }
    query = match &listing.cursor {
        None => query.order(webhook_attempts::id.desc()),
        Some(cursor) => {
            let (Cursor::After(id) | Cursor::Before(id)) = cursor;
            let number = id.strip_prefix("att_").and_then(|number| number.parse::<i64>().ok());
            let place = webhook_attempts::table
                .inner_join(webhook_deliveries::table)
                .filter(
                    webhook_attempts::id
                        .nullable()
                        .eq(number)
                        .and(webhook_deliveries::endpoint_id.eq(endpoint.as_str())),
                )
                .select(webhook_attempts::id)
                .first::<i64>(connection)
                .await;
            let Some(place) = place.optional()? else { return Ok(None) };
            match cursor {
                Cursor::After(_) => {
                    query.filter(webhook_attempts::id.lt(place)).order(webhook_attempts::id.desc())
                }
                Cursor::Before(_) => {
                    query.filter(webhook_attempts::id.gt(place)).order(webhook_attempts::id.asc())
                }
            }
        }
    };
    query.load(connection).await.map(Some)
}
