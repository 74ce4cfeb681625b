//! Telling what happened: an event and its deliveries, written in the transaction that makes it happen.
//!
//! So there is no payment without its event and no event without its payment, whenever the process dies.

use chassis::db::Connection;
use chassis::trace;
use diesel::QueryResult;
use diesel::result::Error;
use serde::Serialize;
use serde_json::Value;

use crate::domain::event::{EventType, Origin};
use crate::store;
use crate::store::events::NewEvent;
use crate::wire::event::Event;

/// Something that happened, and the object that it happened to, as it is now.
#[derive(Debug)]
pub struct Happening {
    kind: EventType,
    object: Value,
}

impl Happening {
    /// `kind` happened to `object`.
    pub fn new(kind: EventType, object: &impl Serialize) -> QueryResult<Self> {
        Ok(Self { kind, object: serde_json::to_value(object).map_err(unwritable)? })
    }
}

/// Writes down what happened, in order, and a delivery of each for every endpoint that wants to know. However much it
/// is, it takes three statements.
pub async fn record(
    connection: &mut Connection,
    origin: &Origin,
    happenings: Vec<Happening>,
) -> QueryResult<()> {
    if happenings.is_empty() {
        return Ok(());
    }
    let listening = store::endpoints::listening(connection).await?;
    let (mut rows, mut deliveries) = (Vec::new(), Vec::new());
    for Happening { kind, object } in happenings {
        let wanting = listening.iter().filter(|listener| listener.wants(kind));
        let wanting: Vec<_> = wanting.map(|listener| listener.id.clone()).collect();
        let pending = i64::try_from(wanting.len()).unwrap_or(i64::MAX);
        let event = Event::new(kind, object, origin, pending);
        // Indented, as Stripe's are: a receiver that parses and re-serialises before it verifies fails here, too.
        let body = serde_json::to_string_pretty(&event).map_err(unwritable)?;
        deliveries.extend(wanting.into_iter().map(|endpoint| (event.id.clone(), endpoint)));
        rows.push(NewEvent {
            id: event.id,
            kind: kind.as_str(),
            body,
            traceparent: trace::current_traceparent(),
            created_at: origin.at,
        });
    }
    store::events::insert(connection, &rows).await?;
    if deliveries.is_empty() {
        return Ok(());
    }
    origin.note_news();
    store::deliveries::insert(connection, &deliveries, origin.at).await
}

fn unwritable(error: serde_json::Error) -> Error {
    Error::SerializationError(error.into())
}
