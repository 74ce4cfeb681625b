//! Refunds: how money goes back, once for each wish, and never more than was taken.
//!
//! The same shape as the [`checkout`](crate::checkout): a transaction that promises (it takes the amount from what is
//! left of the payment, under the order's lock), a call with a key that is the refund's own row, a transaction that
//! writes down what came of it. A refund whose answer was lost is looked for in the gateway's list before it is asked
//! for again, because the gateway may have forgotten the key by then.

use chassis::client::CallError;
use chassis::db::{Connection, DbError};
use chassis::outbox;
use chrono::TimeDelta;
use diesel_async::AsyncConnection as _;
use uuid::Uuid;

use crate::app::State;
use crate::clients::gateway::{GatewayRefund, RefundOutcome};
use crate::domain::{
    Cause, NotRefundable, Order, OrderId, OrderState, Refund, RefundId, RefundReason, RefundState,
};
use crate::planted::Bug;
use crate::receipt;
use crate::store::refunds::NewRefund;
use crate::store::{orders, refunds};
use crate::transition::{self, MAIL};

/// How many times some of an order's money may go back.
const MOST_REFUNDS: usize = 20;

/// A wish for money back.
#[derive(Clone, Debug)]
pub struct RefundWish {
    /// Of which order.
    pub order_id: OrderId,
    /// The client's name for the wish.
    pub key: String,
    /// How much, in minor units; nothing means all that is left.
    pub amount: Option<i64>,
    /// Why.
    pub reason: RefundReason,
    /// Who asks.
    pub requested_by: Uuid,
    /// Whether it is somebody who runs the shop: of any order, at any time.
    pub is_admin: bool,
}

/// Why a wish is not granted, or not yet.
#[derive(Debug, thiserror::Error)]
pub enum RefundError {
    /// There is no such order, or it is somebody else's.
    #[error("there is no such order")]
    Unknown,
    /// The same key was used for another wish.
    #[error("this Idempotency-Key was used for another refund")]
    KeyReused,
    /// The order's rules forbid it.
    #[error(transparent)]
    NotRefundable(#[from] NotRefundable),
    /// The gateway did not answer; the worker goes on.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<diesel::result::Error> for RefundError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

/// What came of a wish.
#[derive(Clone, Debug)]
pub struct Promised {
    /// The refund.
    pub refund: Refund,
    /// Whether it was promised just now: then nobody has asked the gateway for it yet.
    pub is_new: bool,
}

/// Promises a refund, or finds the one that was promised with the same key.
pub async fn promise(state: &State, wish: &RefundWish) -> Result<Promised, RefundError> {
    let mut connection = state.database.get().await?;
    connection.transaction(async |tx| promise_in(tx, state, wish).await).await
}

async fn promise_in(
    tx: &mut Connection,
    state: &State,
    wish: &RefundWish,
) -> Result<Promised, RefundError> {
    let order = if state.settings.planted.has(Bug::UnlockedRefund) {
        orders::find(tx, wish.order_id).await?
    } else {
        orders::lock(tx, wish.order_id).await?
    };
    let mine = |order: &Order| wish.is_admin || order.user_id == wish.requested_by;
    let order = order.filter(mine).ok_or(RefundError::Unknown)?;
    // A key belongs to who sent it.
    let key = format!("{}:{}", wish.requested_by, wish.key);
    if let Some(before) = refunds::find_by_key(tx, order.id, &key).await? {
        let is_same = wish.amount.is_none_or(|amount| amount == before.amount)
            && wish.reason == before.reason;
        let promised = Promised { refund: before, is_new: false };
        return if is_same { Ok(promised) } else { Err(RefundError::KeyReused) };
    }
    // So many that one page of the gateway's list holds them all, and so few mails.
    if refunds::of_order(tx, &order).await?.len() >= MOST_REFUNDS {
        return Err(NotRefundable::TooMany.into());
    }
    let amount = amount(tx, state, &order, wish).await?;
    let (now, id) = (state.clock.now(), RefundId::generate());
    let new = NewRefund {
        id,
        order_id: order.id,
        idempotency_key: &key,
        amount,
        reason: wish.reason,
        requested_by: Some(wish.requested_by),
        now,
        lease_until: now + state.lease(),
    };
    refunds::insert(tx, &new).await?;
    let refund = refunds::find(tx, id).await?.ok_or(RefundError::Unknown)?;
    Ok(Promised { refund, is_new: true })
}

/// How much the wish is about, taken from what is left.
async fn amount(
    tx: &mut Connection,
    state: &State,
    order: &Order,
    wish: &RefundWish,
) -> Result<i64, RefundError> {
    let paid_at = order.payment.paid_at.filter(|_| order.state == OrderState::Paid);
    let paid_at = paid_at.ok_or(match order.state {
        OrderState::Refunded => NotRefundable::MoreThanLeft { left: 0 },
        _ => NotRefundable::NotPaid,
    })?;
    let days = state.settings.refunds.window_days;
    if !wish.is_admin && state.clock.now() > paid_at + TimeDelta::days(days.into()) {
        return Err(NotRefundable::TooLate { days }.into());
    }
    let left = order.total.amount() - order.payment.refunded_amount;
    let amount = wish.amount.unwrap_or(left);
    let is_taken = if state.settings.planted.has(Bug::UnlockedRefund) {
        amount <= order.total.amount() - refunds::sum_promised(tx, order.id).await?
    } else {
        amount > 0 && refunds::take(tx, order.id, amount).await?
    };
    if is_taken { Ok(amount) } else { Err(NotRefundable::MoreThanLeft { left }.into()) }
}

/// A refund and its order, as they are now.
pub async fn current(state: &State, id: RefundId) -> Result<(Refund, Order), RefundError> {
    let mut connection = state.database.get().await?;
    let refund = refunds::find(&mut connection, id).await?.ok_or(RefundError::Unknown)?;
    let order = orders::find(&mut connection, refund.order_id).await?;
    Ok((refund, order.ok_or(RefundError::Unknown)?))
}

/// Asks the gateway for a refund that is promised, and writes down what came of it.
pub async fn advance(
    state: &State,
    refund: &Refund,
    is_first_try: bool,
) -> Result<Refund, RefundError> {
    let mut connection = state.database.get().await?;
    let order =
        orders::find(&mut connection, refund.order_id).await?.ok_or(RefundError::Unknown)?;
    drop(connection);
    let intent_id = order.payment.intent_id.as_deref().unwrap_or_default();
    // The first time, nothing can be there yet.
    let found =
        if is_first_try { None } else { state.gateway.find_refund(refund, intent_id).await? };
    let outcome = match found {
        Some(found) => RefundOutcome::Made(found),
        None => match state.gateway.refund(refund, intent_id).await? {
            // What it refuses it may have made before: somebody else may have asked since we looked.
            RefundOutcome::Refused(code) => {
                let made = state.gateway.find_refund(refund, intent_id).await?;
                made.map_or(RefundOutcome::Refused(code), RefundOutcome::Made)
            }
            made @ RefundOutcome::Made(_) => made,
        },
    };
    settle(state, refund, &outcome).await
}

/// Writes down what came of a refund.
async fn settle(
    state: &State,
    refund: &Refund,
    outcome: &RefundOutcome,
) -> Result<Refund, RefundError> {
    let mut connection = state.database.get().await?;
    let (refund, order) = connection
        .transaction(async |tx| -> Result<_, RefundError> {
            let order = orders::lock(tx, refund.order_id).await?.ok_or(RefundError::Unknown)?;
            let order = match outcome {
                RefundOutcome::Made(made) => succeed(tx, state, (order, refund), made).await?,
                RefundOutcome::Refused(code) => {
                    fail(tx, state, refund, code).await?;
                    order
                }
            };
            let refund = refunds::find(tx, refund.id).await?.ok_or(RefundError::Unknown)?;
            Ok((refund, order))
        })
        .await?;
    state.announce(&order);
    Ok(refund)
}

/// The gateway has made it, unless it says otherwise.
async fn succeed(
    tx: &mut Connection,
    state: &State,
    (mut order, refund): (Order, &Refund),
    made: &GatewayRefund,
) -> Result<Order, RefundError> {
    match made.status.as_str() {
        "succeeded" => {}
        "failed" | "canceled" => {
            fail(tx, state, refund, &made.status).await?;
            return Ok(order);
        }
        // Its bank is slow: the worker asks again.
        _ => return Ok(order),
    }
    let terms = state.terms();
    if !refunds::set_succeeded(tx, refund, &made.id, terms.now).await? {
        return Ok(order);
    }
    terms.counters.refund(RefundState::Succeeded);
    let mail = receipt::for_refund(&order, refund);
    outbox::promise(tx, (MAIL, &mail.id), &mail, terms.now).await?;
    let all_is_back = refunds::sum_succeeded(tx, order.id).await? == order.total.amount();
    if order.state == OrderState::Paid && all_is_back {
        order.state = OrderState::Refunded;
        order.version += 1;
        orders::set_state(tx, &order, Cause::Refund, terms.now, terms.now).await?;
        terms.counters.moved(order.state);
    }
    Ok(order)
}

async fn fail(
    tx: &mut Connection,
    state: &State,
    refund: &Refund,
    code: &str,
) -> Result<(), RefundError> {
    if refunds::set_failed(tx, refund, code, state.clock.now()).await? {
        state.counters.refund(RefundState::Failed);
        state.counters.alarm();
        tracing::error!(refund_id = %refund.id, order_id = %refund.order_id, code, "a person must look at this: the gateway refuses a refund");
    }
    Ok(())
}

/// Sends back everything that is left of an order that cannot be delivered.
pub async fn give_up_delivery(state: &State, id: OrderId) -> Result<(), RefundError> {
    let mut connection = state.database.get().await?;
    connection
        .transaction(async |tx| -> Result<(), RefundError> {
            let order = orders::lock(tx, id).await?.ok_or(RefundError::Unknown)?;
            let reason = RefundReason::OutOfStock;
            Ok(transition::pay_back(tx, &order, reason, state.terms()).await?)
        })
        .await?;
    state.refund_wake.notify_one();
    Ok(())
}
