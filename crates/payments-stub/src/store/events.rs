//! Events in the database.

use chassis::db::{Connection, Prepare as _};
use chrono::{DateTime, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::schema::{events, webhook_deliveries};
use crate::domain::event::EventType;
use crate::domain::id::EventId;
use crate::domain::listing::Listing;

/// An event as it was written.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = events, check_for_backend(diesel::pg::Pg))]
pub struct StoredEvent {
    /// Its name.
    pub id: String,
    /// As webhooks carry it.
    pub body: String,
}

/// What to write.
#[derive(Debug, Insertable)]
#[diesel(table_name = events)]
pub struct NewEvent {
    /// Its name.
    pub id: String,
    /// What happened.
    pub kind: &'static str,
    /// As webhooks carry it.
    pub body: String,
    /// The trace of the request that caused it.
    pub traceparent: Option<String>,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// Which events a list shows.
#[derive(Debug, Default)]
pub struct Filter {
    /// Only these types; all when absent.
    pub kinds: Option<Vec<EventType>>,
    /// `true`: only those that arrived everywhere; `false`: only those that did not, or not yet.
    pub delivered: Option<bool>,
}

/// Adds events in this order, in the transaction of what happened: two or three at most.
pub async fn insert(connection: &mut Connection, events: &[NewEvent]) -> QueryResult<()> {
    diesel::insert_into(events::table).values(events).prepared().execute(connection).await?;
    Ok(())
}

/// The one of this name.
pub async fn find(connection: &mut Connection, id: &EventId) -> QueryResult<Option<StoredEvent>> {
    events::table
        .find(id.as_str())
        .select(StoredEvent::as_select())
        .first(connection)
        .await
        .optional()
}

/// One page; `None` when its cursor names nothing.
pub async fn list(
    connection: &mut Connection,
    filter: &Filter,
    listing: &Listing,
) -> QueryResult<Option<Vec<StoredEvent>>> {
    let mut query = events::table.into_boxed();
    if let Some(kinds) = &filter.kinds {
        query = query.filter(events::kind.eq_any(kinds.iter().map(|kind| kind.as_str())));
    }
    if let Some(delivered) = filter.delivered {
        let undelivered = webhook_deliveries::table.filter(
            webhook_deliveries::event_id
                .eq(events::id)
                .and(webhook_deliveries::delivered_at.is_null()),
        );
        query = if delivered {
            query.filter(diesel::dsl::not(exists(undelivered)))
        } else {
            query.filter(exists(undelivered))
        };
    }
    Ok(Some(load_page!(connection, events, query, listing, StoredEvent)))
}

/// Forgets some of the events that are older than `before`, with their deliveries; says how many.
pub async fn prune(
    connection: &mut Connection,
    before: DateTime<Utc>,
    most: i64,
) -> QueryResult<usize> {
    let old = events::table.filter(events::created_at.lt(before)).select(events::id).limit(most);
    let old: Vec<String> = old.load(connection).await?;
    diesel::delete(events::table.filter(events::id.eq_any(old))).execute(connection).await
}
