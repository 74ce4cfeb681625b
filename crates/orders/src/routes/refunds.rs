//! Money that goes back.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use chassis::Problem;
use chassis::identity::Customer;
use chassis::json::Valid;
use chassis::problem::ProblemDocument;
use garde::Validate;
use serde::Deserialize;
use tracing::Instrument as _;
use utoipa::ToSchema;

use super::headers::idempotency_key;
use super::views::RefundView;
use crate::app::State;
use crate::domain::{Order, OrderId, Refund, RefundReason, RefundState};
use crate::refunding::{self, Promised, RefundWish};

/// A wish for money back.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRefund {
    /// How much, in minor units of the order's currency; without it, all that is left.
    #[garde(range(min = 1))]
    #[schema(example = 499, minimum = 1)]
    #[serde(default)]
    amount: Option<i64>,
    /// Why.
    #[garde(custom(can_be_given))]
    #[serde(default)]
    reason: RefundReason,
}

/// Refunds a paid order, whole or in part: one's own for some days, any order for administrators.
#[utoipa::path(post, path = "/v1/orders/{id}/refunds", tag = "orders", request_body = CreateRefund,
    params(("id" = OrderId, Path),
        ("Idempotency-Key" = String, Header, description = "A new random value for each refund", max_length = 255)),
    security(("access_token" = [])), responses(
    (status = 201, description = "The money is on its way back", body = RefundView),
    (status = 202, description = "It is promised; the gateway has not said yes yet", body = RefundView),
    (status = 400, description = "There is no key", body = ProblemDocument),
    (status = 401, description = "Nobody is signed in", body = ProblemDocument),
    (status = 404, description = "There is no such order, or it is somebody else's", body = ProblemDocument),
    (status = 409, description = "It is not paid, or less is left, or it is too late, or the gateway refuses", body = ProblemDocument),
    (status = 422, description = "The wish is not valid, or the key was used for another one", body = ProblemDocument),
))]
pub async fn create(
    customer: Customer,
    state: web::Data<State>,
    request: HttpRequest,
    id: web::Path<OrderId>,
    Valid(body): Valid<CreateRefund>,
) -> Result<HttpResponse, Problem> {
    let wish = RefundWish {
        order_id: *id,
        key: idempotency_key(&request)?,
        amount: body.amount,
        reason: body.reason,
        requested_by: customer.id,
        is_admin: customer.is_admin,
    };
    let promised = refunding::promise(&state, &wish).await?;
    let (refund, order) = finish(&state, promised).await?;
    let status = match refund.state {
        RefundState::Succeeded => StatusCode::CREATED,
        RefundState::Pending => StatusCode::ACCEPTED,
        RefundState::Failed => return Err(super::problems::refund_refused()),
    };
    Ok(HttpResponse::build(status).json(RefundView::new(&refund, &order)))
}

/// Asks the gateway once. The work is a task of its own: it goes on when the client hangs up; what fails, the worker
/// takes up.
async fn finish(state: &web::Data<State>, promised: Promised) -> Result<(Refund, Order), Problem> {
    let Promised { refund, is_new } = promised;
    let working = web::Data::clone(state);
    let id = refund.id;
    let task = tokio::spawn(
        async move {
            // One that was promised before is somebody else's: of the request that did, or of the worker.
            if is_new && let Err(error) = refunding::advance(&working, &refund, true).await {
                tracing::warn!(refund_id = %id, cause = %error, "the refund has to wait");
            }
        }
        .instrument(tracing::Span::current()),
    );
    if let Err(error) = task.await {
        tracing::error!(refund_id = %id, cause = %error, "the refund panicked");
    }
    Ok(refunding::current(state, id).await?)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "garde passes values and context by reference"
)]
fn can_be_given(reason: &RefundReason, _: &()) -> garde::Result {
    if reason.can_be_given() {
        return Ok(());
    }
    Err(garde::Error::new("must be requested_by_customer, duplicate, or fraudulent"))
}
