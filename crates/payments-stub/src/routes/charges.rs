//! Charges: read only; they are made by confirming a PaymentIntent.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::caller::Caller;
use super::errors::StripeError;
use super::lists::{self, CreatedRange};
use super::params::{Nothing, Query, text};
use crate::app::State;
use crate::domain::id::ChargeId;
use crate::domain::refusal::Refusal;
use crate::store;
use crate::wire::charge::Charge;
use crate::wire::error::ErrorEnvelope;
use crate::wire::list::List;

const PATH: &str = "/v1/charges";

/// The parameters of the list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ChargesQuery {
    /// Only the attempts of this PaymentIntent.
    payment_intent: Option<String>,
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

/// Charges, newest first.
#[utoipa::path(get, path = "/v1/charges", tag = "charges", operation_id = "list_charges", params(ChargesQuery),
    responses((status = 200, body = List<Charge>), (status = "4XX", body = ErrorEnvelope)),
    security(("secret_key" = [])))]
pub async fn list(
    _: Caller,
    query: Query<ChargesQuery>,
    state: web::Data<State>,
) -> Result<HttpResponse, StripeError> {
    let query = query.params;
    let intent = text("payment_intent", query.payment_intent, 64)?;
    let listing =
        lists::page([query.limit, query.starting_after, query.ending_before], query.created)?;
    let mut connection = state.database.get().await?;
    let rows = store::charges::list(&mut connection, intent.as_deref(), &listing).await?;
    lists::answer((PATH, "charge"), &listing, rows, |charge| Charge::from(charge))
}

/// One charge.
#[utoipa::path(get, path = "/v1/charges/{id}", tag = "charges", operation_id = "read_charge", params(("id" = String, Path)),
    responses((status = 200, body = Charge), (status = "4XX", body = ErrorEnvelope)),
    security(("secret_key" = [])))]
pub async fn read(
    _: Caller,
    id: web::Path<String>,
    _: Query<Nothing>,
    state: web::Data<State>,
) -> Result<HttpResponse, StripeError> {
    let missing = || Refusal::not_found("charge", &id);
    let charge_id = ChargeId::parse(&id).ok_or_else(missing)?;
    let mut connection = state.database.get().await?;
    let charge = store::charges::find(&mut connection, &charge_id).await?.ok_or_else(missing)?;
    Ok(HttpResponse::Ok().json(Charge::from(&charge)))
}
