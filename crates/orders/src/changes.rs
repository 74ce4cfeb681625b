//! What a customer may want after placing an order: to pay with another card, or not to have it after all.

use chassis::db::DbError;
use diesel_async::AsyncConnection as _;
use uuid::Uuid;

use crate::app::State;
use crate::domain::{Cause, Fact, NextTry, Order, OrderId, OrderState};
use crate::store::{orders, payments};
use crate::transition;

/// How many cards may be tried for one order; the database knows it too (`payment_attempts_limit`).
const MOST_ATTEMPTS: i32 = 5;

/// Why a wish is not granted.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such order of this customer.
    #[error("there is no such order")]
    Unknown,
    /// It is paid: what helps now is a refund.
    #[error("the order is paid")]
    Paid,
    /// Another card is of no use now.
    #[error("the order waits for no card")]
    NotPayable,
    /// Too many cards were tried.
    #[error("{MOST_ATTEMPTS} cards were tried")]
    TooManyAttempts,
    /// The same key was used for another card.
    #[error("this Idempotency-Key was used for another card")]
    KeyReused,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
}

/// Notes that the customer does not want the order any more. What comes of it, the checkout finds out:
/// the card may be in the middle of being charged.
pub async fn request_cancellation(
    state: &State,
    id: OrderId,
    customer: Uuid,
) -> Result<Order, ChangeError> {
    let mut connection = state.database.get().await?;
    let terms = state.terms();
    connection
        .transaction(async |tx| {
            let mut order = lock_own(tx, id, customer).await?;
            if matches!(order.state, OrderState::Paid | OrderState::Refunded) {
                return Err(ChangeError::Paid);
            }
            if !order.state.is_final() && !order.cancel_requested {
                order.cancel_requested = true;
                order.version += 1;
                let lease_until = terms.now + terms.lease;
                orders::request_cancellation(tx, &order, lease_until, terms.now).await?;
            }
            Ok(order)
        })
        .await
}

/// Begins the next try, with another card. The same key again is the same try.
pub async fn try_another_card(
    state: &State,
    id: OrderId,
    customer: Uuid,
    (key, payment_method): (&str, &str),
) -> Result<Order, ChangeError> {
    let mut connection = state.database.get().await?;
    let terms = state.terms();
    let order = connection
        .transaction(async |tx| {
            let order = lock_own(tx, id, customer).await?;
            match payments::find_attempt(tx, id, key).await? {
                Some(before) if before == payment_method => return Ok(order),
                Some(_) => return Err(ChangeError::KeyReused),
                None => {}
            }
            if order.state != OrderState::Declined || order.cancel_requested {
                return Err(ChangeError::NotPayable);
            }
            let attempt = order.payment.confirm_attempt + 1;
            if attempt > MOST_ATTEMPTS {
                return Err(ChangeError::TooManyAttempts);
            }
            let fact = Fact::AnotherCard(NextTry {
                attempt,
                idempotency_key: key.to_owned(),
                payment_method: payment_method.to_owned(),
            });
            Ok(transition::apply(tx, &order, (&fact, Cause::Request), terms).await?.order)
        })
        .await?;
    state.announce(&order);
    Ok(order)
}

/// The customer has been at the bank, and wants to know what came of it: nothing is written, only looked at.
pub async fn look_again(state: &State, id: OrderId, customer: Uuid) -> Result<Order, ChangeError> {
    let mut connection = state.database.get().await?;
    orders::find_own(&mut connection, id, customer).await?.ok_or(ChangeError::Unknown)
}

async fn lock_own(
    tx: &mut chassis::db::Connection,
    id: OrderId,
    customer: Uuid,
) -> Result<Order, ChangeError> {
    let order = orders::lock(tx, id).await?;
    order.filter(|order| order.user_id == customer).ok_or(ChangeError::Unknown)
}

impl From<diesel::result::Error> for ChangeError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}
