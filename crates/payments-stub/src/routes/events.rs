//! Events: what happened in the last 30 days, for those who missed a webhook.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::caller::Caller;
use super::errors::StripeError;
use super::lists::{self, CreatedRange};
use super::params::{Nothing, Query, boolean};
use crate::app::State;
use crate::domain::event::EventType;
use crate::domain::id::EventId;
use crate::domain::refusal::{BadParameter, Refusal};
use crate::store;
use crate::store::events::{Filter, StoredEvent};
use crate::wire::error::ErrorEnvelope;
use crate::wire::event::Event;
use crate::wire::list::List;

const PATH: &str = "/v1/events";
/// As many as Stripe takes.
const MOST_TYPES: usize = 20;

/// The parameters of the list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// Only this type, or this group: `payment_intent.*`.
    r#type: Option<String>,
    /// Only these types; up to 20.
    #[param(rename = "types[]")]
    #[serde(default)]
    types: Vec<String>,
    /// `true`: only those that arrived everywhere; `false`: only those that did not, or not yet.
    #[param(value_type = Option<bool>)]
    delivery_success: Option<String>,
    /// From 1 to 100; 10 when absent.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// The last identifier of the page before.
    starting_after: Option<String>,
    /// The first identifier of the page after.
    ending_before: Option<String>,
    /// `created[gte]` and `created[lte]`, in seconds since 1970.
    #[param(style = DeepObject, explode)]
    created: Option<CreatedRange>,
}

/// Events, newest first.
#[utoipa::path(get, path = "/v1/events", tag = "events", operation_id = "list_events", params(EventsQuery),
    responses((status = 200, body = List<Event>), (status = "4XX", body = ErrorEnvelope)),
    security(("secret_key" = [])))]
pub async fn list(
    _: Caller,
    query: Query<EventsQuery>,
    state: web::Data<State>,
) -> Result<HttpResponse, StripeError> {
    let query = query.params;
    let filter = parse_filter(query.r#type, &query.types, query.delivery_success.as_deref())?;
    let listing =
        lists::page([query.limit, query.starting_after, query.ending_before], query.created)?;
    let mut connection = state.database.get().await?;
    let rows = store::events::list(&mut connection, &filter, &listing).await?;
    let ids: Vec<_> = rows.iter().flatten().map(|event| event.id.clone()).collect();
    let pending = store::deliveries::count_pending(&mut connection, &ids).await?;
    let events = rows.map(|rows| {
        rows.iter().map(|row| read_event(row, pending.get(&row.id).copied())).collect()
    });
    let events: Option<Vec<Event>> = events.transpose().map_err(StripeError::internal)?;
    lists::answer((PATH, "event"), &listing, events, Event::clone)
}

/// One event.
#[utoipa::path(get, path = "/v1/events/{id}", tag = "events", operation_id = "read_event", params(("id" = String, Path)),
    responses((status = 200, body = Event), (status = "4XX", body = ErrorEnvelope)),
    security(("secret_key" = [])))]
pub async fn read(
    _: Caller,
    id: web::Path<String>,
    _: Query<Nothing>,
    state: web::Data<State>,
) -> Result<HttpResponse, StripeError> {
    let missing = || Refusal::not_found("event", &id);
    let event_id = EventId::parse(&id).ok_or_else(missing)?;
    let mut connection = state.database.get().await?;
    let stored = store::events::find(&mut connection, &event_id).await?.ok_or_else(missing)?;
    let pending = store::deliveries::count_pending_of(&mut connection, &event_id).await?;
    Ok(HttpResponse::Ok().json(read_event(&stored, Some(pending)).map_err(StripeError::internal)?))
}

/// The event as it was sent, except for how many deliveries are left, which changes.
fn read_event(stored: &StoredEvent, pending: Option<i64>) -> serde_json::Result<Event> {
    let event: Event = serde_json::from_str(&stored.body)?;
    Ok(Event { pending_webhooks: pending.unwrap_or(0), ..event })
}

fn parse_filter(
    one: Option<String>,
    many: &[String],
    delivered: Option<&str>,
) -> Result<Filter, BadParameter> {
    let one = one.filter(|kind| !kind.is_empty());
    if one.is_some() && !many.is_empty() {
        return Err(BadParameter::new(
            "types",
            "You may only specify one of these parameters: type, types.",
        ));
    }
    if many.len() > MOST_TYPES {
        return Err(BadParameter::new("types", format!("There can be up to {MOST_TYPES} types.")));
    }
    let kinds = match one {
        Some(kind) => Some(EventType::matching("type", &kind)?),
        None if many.is_empty() => None,
        None => {
            let groups = many.iter().map(|kind| EventType::matching("types", kind));
            Some(groups.collect::<Result<Vec<_>, _>>()?.concat())
        }
    };
    Ok(Filter { kinds, delivered: boolean("delivery_success", delivered)? })
}
