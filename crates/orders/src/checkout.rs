//! Checkout: how a wish to buy becomes a paid order, exactly once, whatever fails on the way.
//!
//! Claims first, calls second. Between two calls to other services stands a transaction that writes down what is
//! known; every call carries a key that is made from the order's row. So at any moment the process may die, and
//! whoever reads the row next, here or in another replica, knows which call comes next and makes *the same* call again.
//!
//! | step | what | where it is written |
//! |---|---|---|
//! | 1 | claim: customer, key, lines, prices, total | `created` |
//! | 2 | catalog: hold the stock | `payment_pending`, or `rejected` |
//! | 3 | gateway: make the PaymentIntent; no money moves | `confirming`, with its identifier |
//! | 4 | gateway: confirm it; *money moves here* | `paid`, `declined`, `requires_action`, or `payment_unknown` |
//! | 5 | outbox: sell or give back the stock, send the receipt | |
//!
//! A timeout is not a failure: after one, the order is `payment_unknown`, and the gateway is asked what happened.
//! An order that is too late or not wanted any more is cancelled at the gateway first, and here only when the gateway
//! says so. (B. Leach, "Implementing Stripe-like idempotency keys in Postgres", 2017.)

use chassis::client::CallError;
use chassis::db::DbError;
use chrono::TimeDelta;
use diesel_async::AsyncConnection as _;

use crate::app::State;
use crate::clients::catalog::Hold;
use crate::clients::gateway::Confirmation;
use crate::domain::{Cause, Fact, Order, OrderId, OrderState};
use crate::planted::Bug;
use crate::store::orders;
use crate::transition::{self, Applied};

/// Why an order could not be taken further now. It stays where it is; the resume worker tries again.
#[derive(Debug, thiserror::Error)]
pub enum CheckoutError {
    /// Another service failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The order is gone: a defect, because nothing deletes orders.
    #[error("there is no such order")]
    Gone,
}

/// The straight way has four steps; one that went wrong in the middle asks once more.
const MOST_STEPS: usize = 6;

/// Takes an order as far as it goes now: to its end, or to where it has to wait. What is not at its end is taken up
/// again after `pause`.
pub async fn advance(
    state: &State,
    id: OrderId,
    (cause, pause): (Cause, TimeDelta),
) -> Result<Order, CheckoutError> {
    let mut order = load(state, id).await?;
    let outcome = go_on(state, &mut order, cause).await;
    // An order that somebody else goes on with is theirs to put off.
    let is_ours = !matches!(outcome, Ok(Progress::TakenOver));
    if is_ours && !order.state.is_final() {
        postpone(state, &order, pause).await?;
    }
    outcome.map(|_| order)
}

/// Why a walk through the steps has ended.
enum Progress {
    /// The order is over, or has to wait.
    Waits,
    /// Somebody else has changed it.
    TakenOver,
}

/// Step after step, each from what the last one has written.
async fn go_on(state: &State, order: &mut Order, cause: Cause) -> Result<Progress, CheckoutError> {
    for _ in 0..MOST_STEPS {
        let Some(fact) = next_fact(state, order).await? else { break };
        let before = order.state;
        let applied = apply(state, order, (&fact, cause)).await?;
        *order = applied.order;
        if applied.is_stale {
            return Ok(Progress::TakenOver);
        }
        // Asking again at once would not help.
        let waits = order.state == before
            || order.state == OrderState::RequiresAction
            || before == OrderState::PaymentUnknown;
        if waits {
            break;
        }
    }
    Ok(Progress::Waits)
}

/// When it is taken up again.
async fn postpone(state: &State, order: &Order, pause: TimeDelta) -> Result<(), CheckoutError> {
    let now = state.clock.now();
    let due_at = match order.state {
        // Nothing happens by itself before its deadline.
        OrderState::Declined if !order.cancel_requested => order.deadline_at.max(now + pause),
        // Not later than when it has to be given up.
        _ if order.deadline_at > now => order.deadline_at.min(now + pause),
        _ => now + pause,
    };
    let mut connection = state.database.get().await?;
    Ok(orders::postpone(&mut connection, order, due_at).await.map_err(DbError::from)?)
}

/// Finds out the next thing about an order, by the one call that its state asks for.
async fn next_fact(state: &State, order: &Order) -> Result<Option<Fact>, CheckoutError> {
    let is_ending = order.cancel_requested || state.clock.now() >= order.deadline_at;
    let intent_id = order.payment.intent_id.as_deref().unwrap_or_default();
    Ok(match order.state {
        OrderState::Created | OrderState::PaymentPending if is_ending => Some(Fact::GivenUp),
        OrderState::Created => Some(hold(state, order).await?),
        OrderState::PaymentPending => Some(create_intent(state, order).await?),
        // Nothing is given up here before it is cancelled there: there it may be paid already.
        OrderState::Confirming
        | OrderState::PaymentUnknown
        | OrderState::RequiresAction
        | OrderState::Declined
            if is_ending =>
        {
            Some(Fact::IntentSeen(state.gateway.cancel(order, intent_id).await?))
        }
        OrderState::Confirming => Some(confirm(state, order, intent_id).await),
        OrderState::PaymentUnknown | OrderState::RequiresAction => {
            Some(Fact::IntentSeen(state.gateway.retrieve(intent_id).await?))
        }
        OrderState::Declined
        | OrderState::Paid
        | OrderState::Refunded
        | OrderState::Rejected
        | OrderState::Expired
        | OrderState::Cancelled => None,
    })
}

async fn hold(state: &State, order: &Order) -> Result<Fact, CheckoutError> {
    let mut connection = state.database.get().await?;
    let lines = orders::lines_of(&mut connection, order).await.map_err(DbError::from)?;
    // The catalog is asked without a connection in hand: it may take seconds.
    drop(connection);
    Ok(match state.catalog.hold(order.id, &lines).await? {
        Hold::Held => Fact::StockHeld,
        Hold::Refused(shortages) => Fact::StockRefused(shortages),
    })
}

async fn create_intent(state: &State, order: &Order) -> Result<Fact, CheckoutError> {
    let intent = state.gateway.create_intent(order).await?;
    if state.settings.planted.has(Bug::EarlyConfirm) {
        let mut early = order.clone();
        early.payment.confirm_attempt = 1;
        let _ = state.gateway.confirm(&early, &intent.id).await;
    }
    Ok(Fact::IntentCreated(intent.id))
}

/// Asks for the money. There is no error: whatever happens is something that became known, if only that we do not know.
async fn confirm(state: &State, order: &Order, intent_id: &str) -> Fact {
    match state.gateway.confirm(order, intent_id).await {
        Ok(Confirmation::Outcome(intent)) => Fact::Confirmed(intent),
        Ok(Confirmation::Refused(code)) => Fact::MethodRefused(code),
        Err(_) if state.settings.planted.has(Bug::TimeoutIsFailure) => {
            Fact::MethodRefused("timeout".to_owned())
        }
        Err(error) => {
            tracing::warn!(order_id = %order.id, cause = %error, "whether the money was taken is not known");
            Fact::OutcomeUnknown
        }
    }
}

/// Writes down a fact that was learnt from `seen`, with everything that follows from it.
pub async fn apply(
    state: &State,
    seen: &Order,
    (fact, cause): (&Fact, Cause),
) -> Result<Applied, CheckoutError> {
    let mut connection = state.database.get().await?;
    let applied = connection
        .transaction(async |tx| transition::apply(tx, seen, (fact, cause), state.terms()).await)
        .await
        .map_err(DbError::from)?;
    state.announce(&applied.order);
    Ok(applied)
}

async fn load(state: &State, id: OrderId) -> Result<Order, CheckoutError> {
    let mut connection = state.database.get().await?;
    orders::find(&mut connection, id).await.map_err(DbError::from)?.ok_or(CheckoutError::Gone)
}
