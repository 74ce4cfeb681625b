//! What was tried to tell an endpoint, and what it answered. Stripe shows this in its dashboard; this gateway has none.

use actix_web::{HttpResponse, web};

use super::caller::Caller;
use super::errors::StripeError;
use super::lists::{self, ListQuery};
use super::params::Query;
use crate::app::State;
use crate::domain::id::EndpointId;
use crate::domain::refusal::Refusal;
use crate::store;
use crate::wire::error::ErrorEnvelope;
use crate::wire::list::List;
use crate::wire::webhook_attempt::WebhookAttempt;

/// The attempts to tell one endpoint, newest first. (Not part of Stripe's API.)
#[utoipa::path(get, path = "/v1/webhook_endpoints/{id}/attempts", tag = "webhook_endpoints", operation_id = "list_webhook_attempts",
    params(("id" = String, Path), ListQuery),
    responses((status = 200, body = List<WebhookAttempt>), (status = "4XX", body = ErrorEnvelope)),
    security(("secret_key" = [])))]
pub async fn list(
    _: Caller,
    id: web::Path<String>,
    query: Query<ListQuery>,
    state: web::Data<State>,
) -> Result<HttpResponse, StripeError> {
    let missing = || Refusal::not_found("webhook_endpoint", &id);
    let endpoint = EndpointId::parse(&id).ok_or_else(missing)?;
    let listing = query.params.parse()?;
    let mut connection = state.database.get().await?;
    store::endpoints::find(&mut connection, &endpoint).await?.ok_or_else(missing)?;
    let rows = store::attempts::list(&mut connection, &endpoint, &listing).await?;
    let url = format!("/v1/webhook_endpoints/{endpoint}/attempts");
    lists::answer((&url, "webhook_attempt"), &listing, rows, |attempt| {
        WebhookAttempt::from(attempt)
    })
}
