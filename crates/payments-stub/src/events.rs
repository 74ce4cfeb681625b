//! Telling what happened: an event and its deliveries, written in the transaction that makes it happen.
//!
//! So there is no payment without its event and no event without its payment, whenever the process dies.

use chassis::db::Connection;
use chassis::trace;
use diesel::QueryResult;
use diesel::result::Error;
use serde::Serialize;

use crate::domain::event::{EventType, Origin};
use crate::store;
use crate::store::events::NewEvent;
use crate::wire::event::Event;

/// Writes down that `kind` happened to `object`, and a delivery for every endpoint that wants to know.
pub async fn record(
    connection: &mut Connection,
    origin: &Origin,
    kind: EventType,
    object: &impl Serialize,
) -> QueryResult<()> {
    let unwritable = |error: serde_json::Error| Error::SerializationError(error.into());
    let endpoints = store::endpoints::subscribed(connection, kind).await?;
    let pending = i64::try_from(endpoints.len()).unwrap_or(i64::MAX);
    let event =
        Event::new(kind, serde_json::to_value(object).map_err(unwritable)?, origin, pending);
    // Indented, as Stripe's are: a receiver that parses and re-serialises before it verifies fails here, too.
    let body = serde_json::to_string_pretty(&event).map_err(unwritable)?;
    let row = NewEvent {
        id: &event.id,
        kind: kind.as_str(),
        body: &body,
        traceparent: trace::current_traceparent(),
        created_at: origin.at,
    };
    store::events::insert(connection, &row).await?;
    if endpoints.is_empty() {
        return Ok(());
    }
    store::deliveries::insert(connection, &event.id, &endpoints, origin.at).await
}
