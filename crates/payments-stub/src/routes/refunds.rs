//! Refunds.

use actix_web::{HttpResponse, web};
use futures_util::FutureExt as _;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::answer;
use super::caller::Caller;
use super::errors::StripeError;
use super::lists::{self, CreatedRange};
use super::params::{Form, MetadataParam, Nothing, Query, new_metadata, positive, text, word};
use crate::app::State;
use crate::domain::charge::{NewRefund, RefundReason, Refundable};
use crate::domain::id::{ChargeId, PaymentIntentId, RefundId};
use crate::domain::refusal::{BadParameter, Refusal};
use crate::idempotency::once;
use crate::wire::error::ErrorEnvelope;
use crate::wire::list::List;
use crate::wire::refund::Refund;
use crate::{payments, store};

const PATH: &str = "/v1/refunds";

/// The parameters of a refund. Either `payment_intent` or `charge` must be given.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct RefundForm {
    /// Give back what its successful charge took.
    payment_intent: Option<String>,
    /// Give back what this charge took.
    charge: Option<String>,
    /// In the minor unit of the currency; all that is left when absent.
    #[schema(value_type = Option<i64>, minimum = 1)]
    amount: Option<String>,
    /// `duplicate`, `fraudulent` or `requested_by_customer`.
    reason: Option<String>,
    /// Up to 50 notes.
    metadata: Option<MetadataParam>,
}

/// What may be changed later.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct RefundUpdateForm {
    /// Notes to set; an empty value forgets one, `metadata=` forgets all.
    metadata: Option<MetadataParam>,
}

/// The parameters of the list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RefundsQuery {
    /// Only the refunds of this PaymentIntent.
    payment_intent: Option<String>,
    /// Only the refunds of this charge.
    charge: Option<String>,
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

/// Gives money back: all that is left, or a part.
#[utoipa::path(post, path = "/v1/refunds", tag = "refunds", operation_id = "create_refund",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat.")),
    request_body(content = RefundForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = Refund), (status = "4XX", body = ErrorEnvelope)),
    security(("secret_key" = [])))]
pub async fn create(
    caller: Caller,
    form: Form<RefundForm>,
    state: web::Data<State>,
) -> Result<HttpResponse, StripeError> {
    let origin = caller.origin(state.clock.now());
    let request = form.request(origin.clone());
    let wish = form.params.parse()?;
    let effect = once(&state, request, move |tx| {
        async move { Ok(answer::of(&Refund::from(&payments::refund(tx, wish, &origin).await?))) }
            .boxed()
    });
    answer::respond(effect.await?)
}

/// Refunds, newest first.
#[utoipa::path(get, path = "/v1/refunds", tag = "refunds", operation_id = "list_refunds", params(RefundsQuery),
    responses((status = 200, body = List<Refund>), (status = "4XX", body = ErrorEnvelope)),
    security(("secret_key" = [])))]
pub async fn list(
    _: Caller,
    query: Query<RefundsQuery>,
    state: web::Data<State>,
) -> Result<HttpResponse, StripeError> {
    let query = query.params;
    let intent = text("payment_intent", query.payment_intent, 64)?;
    let charge = text("charge", query.charge, 64)?;
    let listing =
        lists::page([query.limit, query.starting_after, query.ending_before], query.created)?;
    let mut connection = state.database.get().await?;
    let rows =
        store::refunds::list(&mut connection, intent.as_deref(), charge.as_deref(), &listing)
            .await?;
    lists::answer((PATH, "refund"), &listing, rows, |refund| Refund::from(refund))
}

/// One refund.
#[utoipa::path(get, path = "/v1/refunds/{id}", tag = "refunds", operation_id = "read_refund", params(("id" = String, Path)),
    responses((status = 200, body = Refund), (status = "4XX", body = ErrorEnvelope)),
    security(("secret_key" = [])))]
pub async fn read(
    _: Caller,
    id: web::Path<String>,
    _: Query<Nothing>,
    state: web::Data<State>,
) -> Result<HttpResponse, StripeError> {
    let missing = || Refusal::not_found("refund", &id);
    let refund_id = RefundId::parse(&id).ok_or_else(missing)?;
    let mut connection = state.database.get().await?;
    let refund = store::refunds::find(&mut connection, &refund_id).await?.ok_or_else(missing)?;
    Ok(HttpResponse::Ok().json(Refund::from(&refund)))
}

/// Changes the notes of a refund.
#[utoipa::path(post, path = "/v1/refunds/{id}", tag = "refunds", operation_id = "update_refund",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat.")),
    request_body(content = RefundUpdateForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = Refund), (status = "4XX", body = ErrorEnvelope)),
    security(("secret_key" = [])))]
pub async fn update(
    caller: Caller,
    id: web::Path<String>,
    form: Form<RefundUpdateForm>,
    state: web::Data<State>,
) -> Result<HttpResponse, StripeError> {
    let id = RefundId::parse(&id).ok_or_else(|| Refusal::not_found("refund", &id))?;
    let origin = caller.origin(state.clock.now());
    let request = form.request(origin.clone());
    let change = form.params.metadata.map(MetadataParam::into_change).unwrap_or_default();
    let effect = once(&state, request, move |tx| {
        async move {
            let refund = payments::update_refund(tx, &id, change, &origin).await?;
            Ok(answer::of(&Refund::from(&refund)))
        }
        .boxed()
    });
    answer::respond(effect.await?)
}

impl RefundForm {
    fn parse(self) -> Result<NewRefund, BadParameter> {
        let intent = text("payment_intent", self.payment_intent, 64)?;
        let charge = text("charge", self.charge, 64)?;
        let of = match (intent, charge) {
            (Some(_), Some(_)) => {
                let message =
                    "You may only specify one of these parameters: charge, payment_intent.";
                return Err(BadParameter::new("charge", message));
            }
            (None, None) => {
                let message = "One of the following params should be provided for this request: \
                               payment_intent or charge.";
                return Err(BadParameter::new("payment_intent", message).code("parameter_missing"));
            }
            (Some(id), None) => {
                let no_such = || BadParameter::no_such("payment_intent", "payment_intent", &id);
                Refundable::PaymentIntent(PaymentIntentId::parse(&id).ok_or_else(no_such)?)
            }
            (None, Some(id)) => {
                let no_such = || BadParameter::no_such("charge", "charge", &id);
                Refundable::Charge(ChargeId::parse(&id).ok_or_else(no_such)?)
            }
        };
        Ok(NewRefund {
            of,
            amount: positive("amount", self.amount)?,
            reason: word("reason", self.reason, RefundReason::find)?,
            metadata: new_metadata(self.metadata)?,
        })
    }
}
