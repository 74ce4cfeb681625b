//! Orders: reading here, writing in [`moving`].

mod moving;

use chassis::db::Connection;
use chassis::money::Money;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use iso_currency::Currency;
use serde_json::Value;
use uuid::Uuid;

use super::schema::{order_history, order_lines, orders, payments};
use crate::domain::{BookId, Order, OrderId, OrderLine, OrderState, Payment};

pub use moving::{Claimed, NewOrder, claim, claim_due, postpone, request_cancellation, set_state};

/// The order that a customer placed with this key, and what was wished for then.
pub async fn find_by_key(
    connection: &mut Connection,
    user_id: Uuid,
    idempotency_key: &str,
) -> QueryResult<Option<(OrderId, Vec<u8>)>> {
    let found: Option<(Uuid, Vec<u8>)> = orders::table
        .filter(orders::user_id.eq(user_id).and(orders::idempotency_key.eq(idempotency_key)))
        .select((orders::id, orders::fingerprint))
        .first(connection)
        .await
        .optional()?;
    Ok(found.map(|(id, fingerprint)| (OrderId(id), fingerprint)))
}

/// How many orders of this customer are neither paid nor over.
pub async fn count_open(connection: &mut Connection, user_id: Uuid) -> QueryResult<i64> {
    let open: Vec<&str> = OrderState::ALL
        .into_iter()
        .filter(|state| !state.is_final())
        .map(OrderState::as_str)
        .collect();
    orders::table
        .filter(orders::user_id.eq(user_id).and(orders::state.eq_any(open)))
        .count()
        .get_result(connection)
        .await
}

/// The order, whoever's it is: for workers.
pub async fn find(connection: &mut Connection, id: OrderId) -> QueryResult<Option<Order>> {
    let row = orders::table
        .inner_join(payments::table)
        .filter(orders::id.eq(id.0))
        .select(<(OrderRow, PaymentRow)>::as_select())
        .first(connection)
        .await
        .optional()?;
    row.map(assemble).transpose()
}

/// The order, its rows locked until the transaction ends: facts about one order take turns.
pub async fn lock(connection: &mut Connection, id: OrderId) -> QueryResult<Option<Order>> {
    let row = orders::table
        .inner_join(payments::table)
        .filter(orders::id.eq(id.0))
        .select(<(OrderRow, PaymentRow)>::as_select())
        .for_update()
        .first(connection)
        .await
        .optional()?;
    row.map(assemble).transpose()
}

/// The order, if it is this customer's: somebody else's does not exist.
pub async fn find_own(
    connection: &mut Connection,
    id: OrderId,
    user_id: Uuid,
) -> QueryResult<Option<Order>> {
    let row = orders::table
        .inner_join(payments::table)
        .filter(orders::id.eq(id.0).and(orders::user_id.eq(user_id)))
        .select(<(OrderRow, PaymentRow)>::as_select())
        .first(connection)
        .await
        .optional()?;
    row.map(assemble).transpose()
}

/// A customer's orders, the newest first, from `after` downwards.
pub async fn list_own(
    connection: &mut Connection,
    user_id: Uuid,
    after: Option<OrderId>,
    limit: i64,
) -> QueryResult<Vec<Order>> {
    let mut query = orders::table
        .inner_join(payments::table)
        .filter(orders::user_id.eq(user_id))
        .select(<(OrderRow, PaymentRow)>::as_select())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(orders::id.lt(after.0));
    }
    let rows: Vec<(OrderRow, PaymentRow)> =
        query.order(orders::id.desc()).limit(limit).load(connection).await?;
    rows.into_iter().map(assemble).collect()
}

/// The lines of these orders, each order's in the customer's sequence.
pub async fn lines(
    connection: &mut Connection,
    orders: &[&Order],
) -> QueryResult<Vec<(OrderId, OrderLine)>> {
    let ids: Vec<Uuid> = orders.iter().map(|order| order.id.0).collect();
    let rows: Vec<LineRow> = order_lines::table
        .filter(order_lines::order_id.eq_any(ids))
        .order((order_lines::order_id, order_lines::position))
        .select(LineRow::as_select())
        .load(connection)
        .await?;
    let currency =
        |id: Uuid| orders.iter().find(|order| order.id.0 == id).map(|order| order.total.currency());
    let lines = rows.into_iter().filter_map(|row| {
        let unit_price = Money::new(row.unit_amount, currency(row.order_id)?);
        let line = OrderLine {
            book_id: BookId(row.book_id),
            title: row.title,
            quantity: row.quantity,
            unit_price,
        };
        Some((OrderId(row.order_id), line))
    });
    Ok(lines.collect())
}

/// The lines of one order.
pub async fn lines_of(connection: &mut Connection, order: &Order) -> QueryResult<Vec<OrderLine>> {
    Ok(lines(connection, &[order]).await?.into_iter().map(|(_, line)| line).collect())
}

/// The order that is paid by this PaymentIntent.
pub async fn find_by_intent(
    connection: &mut Connection,
    intent_id: &str,
) -> QueryResult<Option<Order>> {
    let row = orders::table
        .inner_join(payments::table)
        .filter(payments::intent_id.eq(intent_id))
        .select(<(OrderRow, PaymentRow)>::as_select())
        .first(connection)
        .await
        .optional()?;
    row.map(assemble).transpose()
}

/// The states that an order was in: state, cause, time.
pub async fn history(
    connection: &mut Connection,
    id: OrderId,
) -> QueryResult<Vec<(String, String, DateTime<Utc>)>> {
    order_history::table
        .filter(order_history::order_id.eq(id.0))
        .order(order_history::sequence)
        .select((order_history::state, order_history::cause, order_history::at))
        .load(connection)
        .await
}

/// Fails only on rows that this program cannot have written.
fn assemble((order, payment): (OrderRow, PaymentRow)) -> QueryResult<Order> {
    let unreadable = |what: &str| diesel::result::Error::DeserializationError(what.into());
    let currency =
        Currency::from_code(&order.currency).ok_or_else(|| unreadable("unknown currency"))?;
    let state = OrderState::parse(&order.state).ok_or_else(|| unreadable("unknown order state"))?;
    Ok(Order {
        id: OrderId(order.id),
        user_id: order.user_id,
        state,
        version: order.version,
        total: Money::new(order.total_amount, currency),
        payment_method: order.payment_method,
        receipt_email: order.receipt_email,
        failure: order.failure,
        cancel_requested: order.cancel_requested_at.is_some(),
        traceparent: order.traceparent,
        created_at: order.created_at,
        deadline_at: order.deadline_at,
        payment: Payment {
            intent_id: payment.intent_id,
            confirm_attempt: payment.confirm_attempt,
            declined_charge_id: payment.declined_charge_id,
            redirect_url: payment.redirect_url,
            refunded_amount: payment.refunded_amount,
            paid_at: payment.paid_at,
        },
    })
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = orders, check_for_backend(diesel::pg::Pg))]
struct OrderRow {
    id: Uuid,
    user_id: Uuid,
    state: String,
    version: i64,
    total_amount: i64,
    currency: String,
    payment_method: String,
    receipt_email: String,
    failure: Option<Value>,
    cancel_requested_at: Option<DateTime<Utc>>,
    traceparent: Option<String>,
    created_at: DateTime<Utc>,
    deadline_at: DateTime<Utc>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = payments, check_for_backend(diesel::pg::Pg))]
struct PaymentRow {
    intent_id: Option<String>,
    confirm_attempt: i32,
    declined_charge_id: Option<String>,
    redirect_url: Option<String>,
    refunded_amount: i64,
    paid_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = order_lines, check_for_backend(diesel::pg::Pg))]
struct LineRow {
    order_id: Uuid,
    book_id: Uuid,
    title: String,
    quantity: i32,
    unit_amount: i64,
}
