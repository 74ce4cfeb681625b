//! The only place where orders chooses statuses.

use actix_web::http::StatusCode;
use chassis::Problem;
use chassis::problem::{self, ProblemType};
use serde_json::Value;

use crate::changes::ChangeError;
use crate::checkout::CheckoutError;
use crate::domain::lines::{InvalidCart, PriceError};
use crate::domain::{Order, OrderState};
use crate::place::PlaceError;
use crate::refunding::RefundError;

const KEY_MISSING: ProblemType = ProblemType::new(
    "idempotency-key-missing",
    StatusCode::BAD_REQUEST,
    "The request needs an Idempotency-Key",
);
const KEY_REUSED: ProblemType = ProblemType::new(
    "idempotency-key-reused",
    StatusCode::UNPROCESSABLE_ENTITY,
    "This Idempotency-Key was used for something else",
);
const INSUFFICIENT_STOCK: ProblemType =
    ProblemType::new("insufficient-stock", StatusCode::CONFLICT, "There are not enough copies");
const PAYMENT_DECLINED: ProblemType =
    ProblemType::new("payment-declined", StatusCode::PAYMENT_REQUIRED, "The payment was declined");
const ORDER_EXPIRED: ProblemType =
    ProblemType::new("order-expired", StatusCode::CONFLICT, "The order was not paid in time");
const ORDER_CANCELLED: ProblemType =
    ProblemType::new("order-cancelled", StatusCode::CONFLICT, "The order was cancelled");
const ORDER_PAID: ProblemType =
    ProblemType::new("order-paid", StatusCode::CONFLICT, "The order is paid");
const PAYMENT_NOT_POSSIBLE: ProblemType = ProblemType::new(
    "payment-not-possible",
    StatusCode::CONFLICT,
    "The order cannot be paid with another card",
);
const REFUND_NOT_POSSIBLE: ProblemType =
    ProblemType::new("refund-not-possible", StatusCode::CONFLICT, "The refund is not possible");
const TOO_MANY_OPEN: ProblemType = ProblemType::new(
    "too-many-open-orders",
    StatusCode::TOO_MANY_REQUESTS,
    "Too many orders are not decided yet",
);
const INVALID_SIGNATURE: ProblemType =
    ProblemType::new("invalid-signature", StatusCode::BAD_REQUEST, "The signature is not valid");

/// There is no key, or it is longer than 255 characters.
pub(super) fn key_missing() -> Problem {
    Problem::new(KEY_MISSING)
        .detail("send `Idempotency-Key: <a new random value for each order, up to 255 characters>`")
}

/// A webhook that is not from the gateway, for whatever reason.
pub(super) fn invalid_signature() -> Problem {
    Problem::new(INVALID_SIGNATURE)
}

/// The problem that a finished order is to somebody who wanted to buy; `None` when it is none.
pub(super) fn of_order(order: &Order) -> Option<Problem> {
    let member = |name: &str| order.failure.as_ref().and_then(|failure| failure.get(name)).cloned();
    let problem = match order.state {
        OrderState::Rejected => Problem::new(INSUFFICIENT_STOCK)
            .extension("shortages", member("shortages").unwrap_or_default()),
        OrderState::Declined => {
            let code = member("decline_code").unwrap_or_else(|| Value::from("declined"));
            Problem::new(PAYMENT_DECLINED).extension("decline_code", code)
        }
        OrderState::Expired => Problem::new(ORDER_EXPIRED),
        OrderState::Cancelled => Problem::new(ORDER_CANCELLED),
        _ => return None,
    };
    Some(problem.extension("order_id", order.id.to_string()))
}

/// The gateway does not make it.
pub(super) fn refund_refused() -> Problem {
    Problem::new(REFUND_NOT_POSSIBLE).detail("the payment gateway refuses it")
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Unknown => Self::new(problem::NOT_FOUND),
            ChangeError::Paid => Self::new(ORDER_PAID).detail("ask for a refund"),
            ChangeError::NotPayable | ChangeError::TooManyAttempts => {
                Self::new(PAYMENT_NOT_POSSIBLE).detail(error.to_string())
            }
            ChangeError::KeyReused => Self::new(KEY_REUSED),
            ChangeError::Database(error) => error.into(),
        }
    }
}

impl From<RefundError> for Problem {
    fn from(error: RefundError) -> Self {
        match error {
            RefundError::Unknown => Self::new(problem::NOT_FOUND),
            RefundError::KeyReused => Self::new(KEY_REUSED),
            RefundError::NotRefundable(reason) => {
                Self::new(REFUND_NOT_POSSIBLE).detail(reason.to_string())
            }
            RefundError::Call(error) => {
                Self::new(problem::UNAVAILABLE).retry_after(1).caused_by(error)
            }
            RefundError::Database(error) => error.into(),
        }
    }
}

impl From<InvalidCart> for Problem {
    fn from(InvalidCart(faults): InvalidCart) -> Self {
        faults.into_iter().fold(Self::new(problem::INVALID_REQUEST), |problem, (index, detail)| {
            let pointer =
                index.map_or_else(|| "/lines".to_owned(), |index| format!("/lines/{index}"));
            problem.error(pointer, detail)
        })
    }
}

impl From<PlaceError> for Problem {
    fn from(error: PlaceError) -> Self {
        match error {
            PlaceError::KeyReused => Self::new(KEY_REUSED),
            PlaceError::Price(PriceError::UnknownBooks(lines)) => {
                lines.into_iter().fold(Self::new(problem::INVALID_REQUEST), |problem, index| {
                    problem.error(format!("/lines/{index}/book_id"), "there is no such book")
                })
            }
            PlaceError::Price(PriceError::TooMuch) => Self::new(problem::INVALID_REQUEST)
                .error("/lines", "together they cost more than can be paid at once"),
            PlaceError::TooManyOpen => Self::new(TOO_MANY_OPEN).detail(error.to_string()),
            PlaceError::Price(PriceError::Money(error)) => {
                Self::new(problem::INVALID_REQUEST).error("/lines", error.to_string())
            }
            PlaceError::Catalog(error) => {
                Self::new(problem::UNAVAILABLE).retry_after(1).caused_by(error)
            }
            PlaceError::Database(error) => error.into(),
        }
    }
}

impl From<CheckoutError> for Problem {
    fn from(error: CheckoutError) -> Self {
        match error {
            CheckoutError::Call(error) => {
                Self::new(problem::UNAVAILABLE).retry_after(1).caused_by(error)
            }
            CheckoutError::Database(error) => error.into(),
            CheckoutError::Gone => Self::internal(error),
        }
    }
}
