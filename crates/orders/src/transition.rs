//! The transition: the only way in which an order changes, for everybody who has learnt something about it.
//!
//! The row is locked, the decision is made from what the row says *now*, and everything that follows from it is
//! written in the same transaction: the state, its history, the payment, and the promises to the outside.
//!
//! A fact counts only while the order is the one that it was learnt from: somebody who was paused in between (a
//! worker past its lease, a process that was stopped) is told what is true now, and writes nothing.

use chassis::db::Connection;
use chassis::outbox;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryResult;

use crate::app::Counters;
use crate::domain::{
    Cause, Fact, Intent, Order, OrderId, OrderState, RefundId, RefundReason, Step,
};
use crate::planted::{Bug, Planted};
use crate::receipt;
use crate::store::refunds::NewRefund;
use crate::store::{orders, payments, refunds};

/// Sells the stock of an order that is paid.
pub const COMMIT_STOCK: &str = "stock.commit";
/// Gives back the stock of an order that will not be paid.
pub const RELEASE_STOCK: &str = "stock.release";
/// Sends a mail.
pub const MAIL: &str = "mail";

/// What a transition needs to know beside the order.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    /// Now.
    pub now: DateTime<Utc>,
    /// How long nobody else works on an order that has just moved.
    pub lease: TimeDelta,
    /// Counts the moves.
    pub counters: &'a Counters,
    /// Which bug is planted.
    pub planted: Planted,
}

/// What came of a fact.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The order as it is now.
    pub order: Order,
    /// The order had changed since the fact was learnt: the fact was not used.
    pub is_stale: bool,
}

/// Applies a fact that was learnt from `seen`. Call it inside a transaction.
pub async fn apply(
    tx: &mut Connection,
    seen: &Order,
    (fact, cause): (&Fact, Cause),
    terms: Terms<'_>,
) -> QueryResult<Applied> {
    let mut order = orders::lock(tx, seen.id).await?.ok_or(diesel::result::Error::NotFound)?;
    if order.version != seen.version && !terms.planted.has(Bug::NoFencing) {
        tracing::info!(order_id = %order.id, "what was learnt is out of date");
        return Ok(Applied { order, is_stale: true });
    }
    let unmoved = |order| Ok(Applied { order, is_stale: false });
    let (state, failure) = match order.decide(fact) {
        Step::Stay => return unmoved(order),
        Step::Alarm(reason) => {
            terms.counters.alarm();
            tracing::error!(order_id = %order.id, state = order.state.as_str(), "a person must look at this: {reason}");
            return unmoved(order);
        }
        Step::PayBack(reason) => {
            terms.counters.alarm();
            tracing::error!(order_id = %order.id, state = order.state.as_str(), "money came for an order that is over: it goes back");
            pay_back(tx, &order, reason, terms).await?;
            return unmoved(order);
        }
        Step::Go(state) => (state, None),
        Step::Fail(state, failure) => (state, Some(failure)),
    };
    order.state = state;
    order.version += 1;
    order.failure = failure;
    note(tx, &mut order, fact, terms.now).await?;
    let due_at = match state {
        // Nothing happens by itself before its deadline.
        OrderState::Declined => order.deadline_at,
        _ => terms.now + terms.lease,
    };
    orders::set_state(tx, &order, cause, due_at, terms.now).await?;
    promise(tx, &order, terms).await?;
    terms.counters.moved(state);
    tracing::info!(order_id = %order.id, state = state.as_str(), cause = cause.as_str(), "the order moved");
    Ok(Applied { order, is_stale: false })
}

/// Notes what the fact says about the payment.
async fn note(
    tx: &mut Connection,
    order: &mut Order,
    fact: &Fact,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    match fact {
        Fact::IntentCreated(intent_id) => {
            payments::set_intent(tx, order.id, intent_id).await?;
            order.payment.intent_id = Some(intent_id.clone());
            order.payment.confirm_attempt = 1;
        }
        Fact::AnotherCard(next) => {
            payments::begin_attempt(tx, order.id, next, now).await?;
            order.payment.confirm_attempt = next.attempt;
            order.payment_method.clone_from(&next.payment_method);
        }
        Fact::Confirmed(intent) | Fact::IntentSeen(intent) => {
            note_intent(tx, order, intent, now).await?;
        }
        _ => {}
    }
    Ok(())
}

async fn note_intent(
    tx: &mut Connection,
    order: &mut Order,
    intent: &Intent,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    let charge_id = intent.latest_charge.as_deref();
    match (order.state, charge_id) {
        (OrderState::Paid, Some(charge_id)) => {
            payments::set_paid(tx, order.id, charge_id, now).await?;
            order.payment.paid_at = Some(now);
        }
        (OrderState::Declined, Some(charge_id)) => {
            payments::set_declined_charge(tx, order.id, charge_id).await?;
            order.payment.declined_charge_id = Some(charge_id.to_owned());
        }
        (OrderState::RequiresAction, _) => {
            if let Some(url) = intent.redirect_url() {
                payments::set_redirect(tx, order.id, url).await?;
                order.payment.redirect_url = Some(url.to_owned());
            }
        }
        _ => {}
    }
    Ok(())
}

/// What follows from the order's new state, promised in the transaction that makes it so.
async fn promise(tx: &mut Connection, order: &Order, terms: Terms<'_>) -> QueryResult<()> {
    let now = terms.now;
    match order.state {
        OrderState::Paid => {
            let lines = orders::lines_of(tx, order).await?;
            let receipt = receipt::for_payment(order, &lines, now);
            outbox::promise(tx, (MAIL, &receipt.id), &receipt, now).await?;
            if order.cancel_requested {
                // It was cancelled while the money was on its way.
                pay_back(tx, order, RefundReason::Cancelled, terms).await?;
                return promise_stock(tx, RELEASE_STOCK, order.id, now).await;
            }
            promise_stock(tx, COMMIT_STOCK, order.id, now).await
        }
        // A refused order holds nothing, but the request to hold it may still be on its way.
        state if state.ended_unpaid() => promise_stock(tx, RELEASE_STOCK, order.id, now).await,
        _ => Ok(()),
    }
}

async fn promise_stock(
    tx: &mut Connection,
    kind: &str,
    id: OrderId,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    outbox::promise(tx, (kind, &format!("{kind}:{id}")), &id, now).await
}

/// Promises everything back that is left of an order's money. Doing it again changes nothing.
pub async fn pay_back(
    tx: &mut Connection,
    order: &Order,
    reason: RefundReason,
    terms: Terms<'_>,
) -> QueryResult<()> {
    if refunds::find_by_key(tx, order.id, reason.as_str()).await?.is_some() {
        return Ok(());
    }
    let amount = order.total.amount() - order.payment.refunded_amount;
    if amount <= 0 || !refunds::take(tx, order.id, amount).await? {
        return Ok(());
    }
    let new = NewRefund {
        id: RefundId::generate(),
        order_id: order.id,
        idempotency_key: reason.as_str(),
        amount,
        reason,
        requested_by: None,
        now: terms.now,
        // Nobody is waiting for it: the worker may take it at once.
        lease_until: terms.now,
    };
    refunds::insert(tx, &new).await
}
