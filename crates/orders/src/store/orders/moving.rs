//! Writing: the claim, the lease, the moves. Each notes the state in the order's history.

use chassis::db::{Connection, Prepare as _};
use chassis::money::Money;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use crate::domain::lines::PricedLine;
use crate::domain::{Cause, OrderId, OrderState};
use crate::store::schema::{order_history, order_lines, orders, payments};

/// An order as it is first written.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// The identifier.
    pub id: OrderId,
    /// Whose it is.
    pub user_id: Uuid,
    /// The client's name for its wish to buy.
    pub idempotency_key: String,
    /// What was wished for.
    pub fingerprint: Vec<u8>,
    /// What is charged.
    pub total: Money,
    /// What it is charged to.
    pub payment_method: String,
    /// Where the receipt goes.
    pub receipt_email: String,
    /// What is bought.
    pub lines: Vec<PricedLine>,
    /// The trace of the request.
    pub traceparent: Option<String>,
    /// Now.
    pub now: DateTime<Utc>,
    /// Until then, nobody else works on it.
    pub lease_until: DateTime<Utc>,
    /// When it is given up.
    pub deadline_at: DateTime<Utc>,
}

/// Writes the order, unless its customer has one with this key already. Answers whether it was written.
pub async fn claim(connection: &mut Connection, new: &NewOrder) -> QueryResult<bool> {
    let written = diesel::insert_into(orders::table)
        .values((
            orders::id.eq(new.id.0),
            orders::user_id.eq(new.user_id),
            orders::idempotency_key.eq(&new.idempotency_key),
            orders::fingerprint.eq(&new.fingerprint),
            orders::state.eq(OrderState::Created.as_str()),
            orders::total_amount.eq(new.total.amount()),
            orders::currency.eq(new.total.currency().code()),
            orders::payment_method.eq(&new.payment_method),
            orders::receipt_email.eq(&new.receipt_email),
            orders::traceparent.eq(&new.traceparent),
            (
                orders::created_at.eq(new.now),
                orders::updated_at.eq(new.now),
                orders::due_at.eq(new.lease_until),
                orders::deadline_at.eq(new.deadline_at),
            ),
        ))
        .on_conflict((orders::user_id, orders::idempotency_key))
        .do_nothing()
        .prepared()
        .execute(connection)
        .await?;
    if written == 0 {
        return Ok(false);
    }
    let lines: Vec<_> = (0_i32..)
        .zip(&new.lines)
        .map(|(position, line)| {
            (
                order_lines::order_id.eq(new.id.0),
                order_lines::position.eq(position),
                order_lines::book_id.eq(line.quote.book_id.0),
                order_lines::title.eq(&line.quote.title),
                order_lines::quantity.eq(i32::try_from(line.quantity).unwrap_or(i32::MAX)),
                order_lines::unit_amount.eq(line.quote.price.amount()),
            )
        })
        .collect();
    diesel::insert_into(order_lines::table).values(lines).execute(connection).await?;
    diesel::insert_into(payments::table)
        .values((
            payments::order_id.eq(new.id.0),
            payments::amount.eq(new.total.amount()),
            payments::currency.eq(new.total.currency().code()),
        ))
        .prepared()
        .execute(connection)
        .await?;
    append_history(connection, new.id, OrderState::Created, Cause::Request, new.now).await?;
    Ok(true)
}

/// Takes the lease on an order that is unfinished and due; other replicas' rows are passed over.
pub async fn claim_due(
    connection: &mut Connection,
    now: DateTime<Utc>,
    lease_until: DateTime<Utc>,
) -> QueryResult<Option<(OrderId, i32, Option<String>)>> {
    let unfinished: Vec<&str> = OrderState::ALL
        .into_iter()
        .filter(|state| !state.is_final())
        .map(OrderState::as_str)
        .collect();
    let due = orders::table
        .filter(orders::state.eq_any(unfinished).and(orders::due_at.le(now)))
        .order(orders::due_at)
        .select(orders::id)
        .for_update()
        .skip_locked()
        .first::<Uuid>(connection)
        .await
        .optional()?;
    let Some(id) = due else { return Ok(None) };
    let (attempts, traceparent) = diesel::update(orders::table.find(id))
        .set((orders::due_at.eq(lease_until), orders::attempts.eq(orders::attempts + 1)))
        .returning((orders::attempts, orders::traceparent))
        .get_result(connection)
        .await?;
    Ok(Some((OrderId(id), attempts, traceparent)))
}

/// Nobody works on the order before `due_at`.
pub async fn postpone(
    connection: &mut Connection,
    id: OrderId,
    due_at: DateTime<Utc>,
) -> QueryResult<()> {
    diesel::update(orders::table.find(id.0))
        .set(orders::due_at.eq(due_at))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

/// Moves the order and notes it in its history.
pub async fn set_state(
    connection: &mut Connection,
    id: OrderId,
    (state, cause): (OrderState, Cause),
    failure: Option<&Value>,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    diesel::update(orders::table.find(id.0))
        .set((
            orders::state.eq(state.as_str()),
            orders::updated_at.eq(now),
            failure.map(|reason| orders::failure.eq(reason)),
        ))
        .prepared()
        .execute(connection)
        .await?;
    append_history(connection, id, state, cause, now).await
}

/// Stores the PaymentIntent and counts the first try to charge: before it is made.
pub async fn set_intent(
    connection: &mut Connection,
    id: OrderId,
    intent_id: &str,
) -> QueryResult<()> {
    diesel::update(payments::table.find(id.0))
        .set((payments::intent_id.eq(intent_id), payments::confirm_attempt.eq(1)))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes which charge paid the order.
pub async fn set_paid(
    connection: &mut Connection,
    id: OrderId,
    charge_id: &str,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    diesel::update(payments::table.find(id.0))
        .set((payments::charge_id.eq(charge_id), payments::paid_at.eq(now)))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

async fn append_history(
    connection: &mut Connection,
    id: OrderId,
    state: OrderState,
    cause: Cause,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    let last = order_history::table
        .filter(order_history::order_id.eq(id.0))
        .select(diesel::dsl::max(order_history::sequence))
        .first::<Option<i32>>(connection)
        .await?;
    diesel::insert_into(order_history::table)
        .values((
            order_history::order_id.eq(id.0),
            order_history::sequence.eq(last.unwrap_or(0) + 1),
            order_history::state.eq(state.as_str()),
            order_history::cause.eq(cause.as_str()),
            order_history::at.eq(now),
        ))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}
