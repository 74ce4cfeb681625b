//! The transition: the only way in which an order changes, for everybody who has learnt something about it.
//!
//! The row is locked, the decision is made from what the row says *now*, and everything that follows from it is
//! written in the same transaction: the state, its history, the payment, and the promises to the outside.

use chassis::db::Connection;
use chassis::outbox;
use chrono::{DateTime, Utc};
use diesel::QueryResult;

use crate::app::Counters;
use crate::domain::{Cause, Fact, Order, OrderId, OrderState, Step};
use crate::receipt;
use crate::store::orders;

/// Sells the stock of an order that is paid.
pub const COMMIT_STOCK: &str = "stock.commit";
/// Gives back the stock of an order that will not be paid.
pub const RELEASE_STOCK: &str = "stock.release";
/// Sends a mail.
pub const MAIL: &str = "mail";

/// Applies a fact to an order, and answers the order as it is afterwards. Call it inside a transaction.
pub async fn apply(
    tx: &mut Connection,
    id: OrderId,
    (fact, cause): (&Fact, Cause),
    counters: &Counters,
    now: DateTime<Utc>,
) -> QueryResult<Order> {
    let mut order = orders::lock(tx, id).await?.ok_or(diesel::result::Error::NotFound)?;
    let (state, failure) = match order.decide(fact) {
        Step::Stay => return Ok(order),
        Step::Alarm(reason) => {
            counters.alarm();
            tracing::error!(order_id = %id, state = order.state.as_str(), "a person must look at this: {reason}");
            return Ok(order);
        }
        Step::Go(state) => (state, None),
        Step::Fail(state, failure) => (state, Some(failure)),
    };
    orders::set_state(tx, id, (state, cause), failure.as_ref(), now).await?;
    if let Fact::IntentCreated(intent_id) = fact {
        orders::set_intent(tx, id, intent_id).await?;
        (order.intent_id, order.confirm_attempt) = (Some(intent_id.clone()), 1);
    }
    order.state = state;
    order.failure = failure.or(order.failure);
    promise(tx, &order, fact, now).await?;
    counters.moved(state);
    tracing::info!(order_id = %id, state = state.as_str(), cause = cause.as_str(), "the order moved");
    Ok(order)
}

/// What follows from the order's new state, promised in the transaction that makes it so.
async fn promise(
    tx: &mut Connection,
    order: &Order,
    fact: &Fact,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    let key = |kind: &str| format!("{kind}:{}", order.id);
    match order.state {
        OrderState::Paid => {
            if let Fact::IntentSeen(intent) = fact
                && let Some(charge_id) = &intent.latest_charge
            {
                orders::set_paid(tx, order.id, charge_id, now).await?;
            }
            outbox::promise(tx, (COMMIT_STOCK, &key(COMMIT_STOCK)), &order.id, now).await?;
            outbox::promise(tx, (MAIL, &key("receipt")), &receipt::write(order, now), now).await
        }
        // A refused order holds nothing, but the request to hold it may still be on its way.
        OrderState::Declined | OrderState::Expired | OrderState::Rejected => {
            outbox::promise(tx, (RELEASE_STOCK, &key(RELEASE_STOCK)), &order.id, now).await
        }
        _ => Ok(()),
    }
}
