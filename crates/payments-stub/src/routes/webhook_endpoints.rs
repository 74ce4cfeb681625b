//! Webhook endpoints: who wants to know what happens.

use actix_web::{HttpResponse, web};
use chassis::db::Connection;
use chrono::TimeDelta;
use futures_util::FutureExt as _;
use serde::Deserialize;
use utoipa::ToSchema;

use super::answer;
use super::caller::Caller;
use super::errors::StripeError;
use super::lists::{self, ListQuery};
use super::params::{
    Form, MetadataParam, Nothing, Query, boolean, integer, new_metadata, required, text,
};
use crate::app::State;
use crate::domain::endpoint::{
    Endpoint, EndpointChange, MOST_ENDPOINTS, NewEndpoint, ReceiverUrl, parse_enabled_events,
};
use crate::domain::id::EndpointId;
use crate::domain::refusal::{BadParameter, Refusal};
use crate::failure::Failure;
use crate::idempotency::once;
use crate::store;
use crate::wire::error::ErrorEnvelope;
use crate::wire::list::List;
use crate::wire::webhook_endpoint::{Deleted, WebhookEndpoint};

const PATH: &str = "/v1/webhook_endpoints";
const LONGEST_OVERLAP_SECONDS: i64 = 86_400;

/// The parameters of a new endpoint.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct EndpointForm {
    /// Where deliveries go. Required.
    #[schema(value_type = String, required = true, example = "http://localhost:8083/v1/webhooks/gateway")]
    url: Option<String>,
    /// Event types, or `*`. Required.
    #[schema(required = true)]
    #[serde(default)]
    enabled_events: Vec<String>,
    /// Words about it.
    description: Option<String>,
    /// Up to 50 notes.
    metadata: Option<MetadataParam>,
}

/// What may be changed later.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct EndpointUpdateForm {
    /// Where deliveries go.
    url: Option<String>,
    /// Event types, or `*`.
    #[serde(default)]
    enabled_events: Vec<String>,
    /// Words about it.
    description: Option<String>,
    /// Notes to set; an empty value forgets one, `metadata=` forgets all.
    metadata: Option<MetadataParam>,
    /// `true` switches it off: nothing that happens from then on is delivered.
    #[schema(value_type = Option<bool>)]
    disabled: Option<String>,
}

/// The parameters of a new secret.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct RollForm {
    /// How long the old secret signs beside the new one: up to a day; 0 when absent.
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 86_400)]
    overlap_seconds: Option<String>,
}

/// Adds an endpoint. The answer is the only place where its secret is shown.
#[utoipa::path(post, path = "/v1/webhook_endpoints", tag = "webhook_endpoints", operation_id = "create_webhook_endpoint",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat.")),
    request_body(content = EndpointForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = WebhookEndpoint), (status = "4XX", body = ErrorEnvelope)),
    security(("secret_key" = [])))]
pub async fn create(
    caller: Caller,
    form: Form<EndpointForm>,
    state: web::Data<State>,
) -> Result<HttpResponse, StripeError> {
    let origin = caller.origin(state.clock.now());
    let request = form.request(origin.clone());
    let endpoint = Endpoint::new(form.params.parse()?, origin.at);
    let effect = once(&state, request, move |tx| {
        async move {
            // Two at the same moment could make one too many, which harms nobody.
            if store::endpoints::count(tx).await? >= MOST_ENDPOINTS {
                return Err(Refusal::TooManyEndpoints(MOST_ENDPOINTS).into());
            }
            store::endpoints::insert(tx, &endpoint).await?;
            Ok(answer::of(&WebhookEndpoint::with_secret(&endpoint)))
        }
        .boxed()
    });
    answer::respond(effect.await?)
}

/// All endpoints, newest first.
#[utoipa::path(get, path = "/v1/webhook_endpoints", tag = "webhook_endpoints", operation_id = "list_webhook_endpoints", params(ListQuery),
    responses((status = 200, body = List<WebhookEndpoint>), (status = "4XX", body = ErrorEnvelope)),
    security(("secret_key" = [])))]
pub async fn list(
    _: Caller,
    query: Query<ListQuery>,
    state: web::Data<State>,
) -> Result<HttpResponse, StripeError> {
    let listing = query.params.parse()?;
    let mut connection = state.database.get().await?;
    let rows = store::endpoints::list(&mut connection, &listing).await?;
    lists::answer((PATH, "webhook_endpoint"), &listing, rows, |endpoint| {
        WebhookEndpoint::from(endpoint)
    })
}

/// One endpoint.
#[utoipa::path(get, path = "/v1/webhook_endpoints/{id}", tag = "webhook_endpoints", operation_id = "read_webhook_endpoint",
    params(("id" = String, Path)),
    responses((status = 200, body = WebhookEndpoint), (status = "4XX", body = ErrorEnvelope)),
    security(("secret_key" = [])))]
pub async fn read(
    _: Caller,
    id: web::Path<String>,
    _: Query<Nothing>,
    state: web::Data<State>,
) -> Result<HttpResponse, StripeError> {
    let endpoint_id = EndpointId::parse(&id).ok_or_else(|| missing(&id))?;
    let mut connection = state.database.get().await?;
    let endpoint =
        store::endpoints::find(&mut connection, &endpoint_id).await?.ok_or_else(|| missing(&id))?;
    Ok(HttpResponse::Ok().json(WebhookEndpoint::from(&endpoint)))
}

/// Changes an endpoint. What is on its way already goes to the new address.
#[utoipa::path(post, path = "/v1/webhook_endpoints/{id}", tag = "webhook_endpoints", operation_id = "update_webhook_endpoint",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat.")),
    request_body(content = EndpointUpdateForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = WebhookEndpoint), (status = "4XX", body = ErrorEnvelope)),
    security(("secret_key" = [])))]
pub async fn update(
    caller: Caller,
    id: web::Path<String>,
    form: Form<EndpointUpdateForm>,
    state: web::Data<State>,
) -> Result<HttpResponse, StripeError> {
    let id = EndpointId::parse(&id).ok_or_else(|| missing(&id))?;
    let request = form.request(caller.origin(state.clock.now()));
    let change = form.params.parse()?;
    let effect = once(&state, request, move |tx| {
        async move {
            let mut endpoint = lock(tx, &id).await?;
            endpoint.update(change)?;
            store::endpoints::update(tx, &endpoint).await?;
            Ok(answer::of(&WebhookEndpoint::from(&endpoint)))
        }
        .boxed()
    });
    answer::respond(effect.await?)
}

/// Gives an endpoint a new secret, shown in this answer only. For `overlap_seconds`, deliveries carry a signature with
/// each of the two. (Stripe has this in its dashboard, not in its API.)
#[utoipa::path(post, path = "/v1/webhook_endpoints/{id}/roll_secret", tag = "webhook_endpoints", operation_id = "roll_webhook_endpoint_secret",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat.")),
    request_body(content = RollForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = WebhookEndpoint), (status = "4XX", body = ErrorEnvelope)),
    security(("secret_key" = [])))]
pub async fn roll_secret(
    caller: Caller,
    id: web::Path<String>,
    form: Form<RollForm>,
    state: web::Data<State>,
) -> Result<HttpResponse, StripeError> {
    let id = EndpointId::parse(&id).ok_or_else(|| missing(&id))?;
    let origin = caller.origin(state.clock.now());
    let request = form.request(origin.clone());
    let overlap = form.params.parse()?;
    let effect = once(&state, request, move |tx| {
        async move {
            let mut endpoint = lock(tx, &id).await?;
            endpoint.roll(overlap, origin.at)?;
            store::endpoints::update(tx, &endpoint).await?;
            Ok(answer::of(&WebhookEndpoint::with_secret(&endpoint)))
        }
        .boxed()
    });
    answer::respond(effect.await?)
}

/// Forgets an endpoint, and what was on its way to it.
#[utoipa::path(delete, path = "/v1/webhook_endpoints/{id}", tag = "webhook_endpoints", operation_id = "delete_webhook_endpoint", params(("id" = String, Path)),
    responses((status = 200, body = Deleted), (status = "4XX", body = ErrorEnvelope)),
    security(("secret_key" = [])))]
pub async fn delete(
    _: Caller,
    id: web::Path<String>,
    state: web::Data<State>,
) -> Result<HttpResponse, StripeError> {
    let endpoint_id = EndpointId::parse(&id).ok_or_else(|| missing(&id))?;
    let mut connection = state.database.get().await?;
    if !store::endpoints::delete(&mut connection, &endpoint_id).await? {
        return Err(missing(&id).into());
    }
    Ok(HttpResponse::Ok().json(Deleted {
        id: id.into_inner(),
        object: "webhook_endpoint",
        deleted: true,
    }))
}

async fn lock(tx: &mut Connection, id: &EndpointId) -> Result<Endpoint, Failure> {
    Ok(store::endpoints::lock(tx, id).await?.ok_or_else(|| missing(id.as_str()))?)
}

fn missing(id: &str) -> Refusal {
    Refusal::not_found("webhook_endpoint", id)
}

impl EndpointUpdateForm {
    fn parse(self) -> Result<EndpointChange, BadParameter> {
        let url = text("url", self.url, 2048)?;
        let events = Some(self.enabled_events).filter(|names| !names.is_empty());
        Ok(EndpointChange {
            url: url.map(|url| ReceiverUrl::parse(&url)).transpose()?,
            enabled_events: events.map(|names| parse_enabled_events(&names)).transpose()?,
            description: text("description", self.description, 1000)?,
            metadata: self.metadata.map(MetadataParam::into_change),
            disabled: boolean("disabled", self.disabled.as_deref())?,
        })
    }
}

impl RollForm {
    fn parse(self) -> Result<TimeDelta, BadParameter> {
        const NAME: &str = "overlap_seconds";
        let seconds = integer(NAME, self.overlap_seconds)?.unwrap_or(0);
        if !(0..=LONGEST_OVERLAP_SECONDS).contains(&seconds) {
            let message = format!("This value must be between 0 and {LONGEST_OVERLAP_SECONDS}.");
            return Err(BadParameter::new(NAME, message));
        }
        Ok(TimeDelta::seconds(seconds))
    }
}

impl EndpointForm {
    fn parse(self) -> Result<NewEndpoint, BadParameter> {
        Ok(NewEndpoint {
            url: ReceiverUrl::parse(&required("url", self.url, 2048)?)?,
            enabled_events: parse_enabled_events(&self.enabled_events)?,
            description: text("description", self.description, 1000)?,
            metadata: new_metadata(self.metadata)?,
        })
    }
}
