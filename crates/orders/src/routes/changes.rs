//! Another card, and no order after all.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use chassis::Problem;
use chassis::identity::Customer;
use chassis::json::Valid;
use chassis::problem::ProblemDocument;
use garde::Validate;
use serde::Deserialize;
use utoipa::ToSchema;

use super::headers::{idempotency_key, preferred_wait};
use super::outcome::{finish, tell};
use super::problems;
use super::views::{OrderView, is_payment_method};
use crate::app::State;
use crate::changes::{look_again, request_cancellation, try_another_card};
use crate::domain::OrderId;

/// How to pay.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pay {
    /// Another card, after a decline. Without it, the gateway is asked once more: after 3-D Secure.
    #[garde(inner(custom(is_payment_method)))]
    #[schema(example = "pm_card_visa")]
    #[serde(default)]
    payment_method: Option<String>,
}

/// Pays an order that was declined with another card, or looks again after the customer was at the bank.
#[utoipa::path(post, path = "/v1/orders/{id}/payment", tag = "orders", request_body = Pay,
    params(("id" = OrderId, Path),
        ("Idempotency-Key" = String, Header, description = "A new random value for each try", max_length = 255),
        ("Prefer" = Option<String>, Header, description = "`wait=<seconds>` (RFC 7240)")),
    security(("access_token" = [])), responses(
    (status = 200, description = "The order is paid", body = OrderView),
    (status = 202, description = "The outcome is not known yet, or the customer has to go to the bank", body = OrderView),
    (status = 400, description = "There is no key", body = ProblemDocument),
    (status = 401, description = "Nobody is signed in", body = ProblemDocument),
    (status = 402, description = "The card was declined, nothing was charged", body = ProblemDocument),
    (status = 404, description = "There is no such order, or it is somebody else's", body = ProblemDocument),
    (status = 409, description = "The order cannot be paid (any more), or too many cards were tried", body = ProblemDocument),
    (status = 422, description = "The card is not valid, or the key was used for another one", body = ProblemDocument),
))]
pub async fn pay(
    customer: Customer,
    state: web::Data<State>,
    request: HttpRequest,
    id: web::Path<OrderId>,
    Valid(body): Valid<Pay>,
) -> Result<HttpResponse, Problem> {
    let (key, preferred) = (idempotency_key(&request)?, preferred_wait(&request, &state));
    match &body.payment_method {
        Some(card) => try_another_card(&state, *id, customer.id, (&key, card)).await?,
        None => look_again(&state, *id, customer.id).await?,
    };
    let order = finish(&state, *id, preferred).await?;
    if let Some(problem) = problems::of_order(&order) {
        return Err(problem);
    }
    let status = if order.state.is_final() { StatusCode::OK } else { StatusCode::ACCEPTED };
    tell(&state, order, status, preferred).await
}

/// Cancels an order that is not paid. Repeating it is safe.
#[utoipa::path(post, path = "/v1/orders/{id}/cancel", tag = "orders",
    params(("id" = OrderId, Path),
        ("Prefer" = Option<String>, Header, description = "`wait=<seconds>` (RFC 7240)")),
    security(("access_token" = [])), responses(
    (status = 200, description = "Nothing was charged, nothing will be", body = OrderView),
    (status = 202, description = "The card is being charged: if it was, all of it goes back", body = OrderView),
    (status = 401, description = "Nobody is signed in", body = ProblemDocument),
    (status = 404, description = "There is no such order, or it is somebody else's", body = ProblemDocument),
    (status = 409, description = "It is paid: ask for a refund", body = ProblemDocument),
))]
pub async fn cancel(
    customer: Customer,
    state: web::Data<State>,
    request: HttpRequest,
    id: web::Path<OrderId>,
) -> Result<HttpResponse, Problem> {
    let preferred = preferred_wait(&request, &state);
    request_cancellation(&state, *id, customer.id).await?;
    let order = finish(&state, *id, preferred).await?;
    let status = if order.state.ended_unpaid() { StatusCode::OK } else { StatusCode::ACCEPTED };
    tell(&state, order, status, preferred).await
}
