//! Refunds: the promise, the lease, the outcome.

use chassis::db::{Connection, Prepare as _};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::Lease;
use super::schema::{payments, refunds};
use crate::domain::{Order, OrderId, Refund, RefundId, RefundReason, RefundState};

/// A refund as it is first written.
#[derive(Clone, Debug)]
pub struct NewRefund<'a> {
    /// The identifier.
    pub id: RefundId,
    /// Of which order.
    pub order_id: OrderId,
    /// The name of the wish.
    pub idempotency_key: &'a str,
    /// How much, in minor units.
    pub amount: i64,
    /// Why.
    pub reason: RefundReason,
    /// Who asked.
    pub requested_by: Option<Uuid>,
    /// Now.
    pub now: DateTime<Utc>,
    /// Until then, nobody else works on it.
    pub lease_until: DateTime<Utc>,
}

/// Takes the amount from what is left of the order's payment. Answers whether so much was left: the `UPDATE` asks and
/// takes in one step, and the `CHECK` of the column says so once more.
pub async fn take(connection: &mut Connection, id: OrderId, amount: i64) -> QueryResult<bool> {
    let taken = diesel::update(payments::table.find(id.0))
        // Not the sum: it might not fit.
        .filter((payments::amount - payments::refunded_amount).ge(amount))
        .set(payments::refunded_amount.eq(payments::refunded_amount + amount))
        .prepared()
        .execute(connection)
        .await?;
    Ok(taken == 1)
}

/// Writes a refund whose amount is taken.
pub async fn insert(connection: &mut Connection, new: &NewRefund<'_>) -> QueryResult<()> {
    diesel::insert_into(refunds::table)
        .values((
            refunds::id.eq(new.id.0),
            refunds::order_id.eq(new.order_id.0),
            refunds::idempotency_key.eq(new.idempotency_key),
            refunds::amount.eq(new.amount),
            refunds::reason.eq(new.reason.as_str()),
            refunds::requested_by.eq(new.requested_by),
            refunds::traceparent.eq(chassis::trace::current_traceparent()),
            refunds::created_at.eq(new.now),
            refunds::updated_at.eq(new.now),
            refunds::due_at.eq(new.lease_until),
        ))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

/// The refund of this order that was asked for with this key.
pub async fn find_by_key(
    connection: &mut Connection,
    id: OrderId,
    idempotency_key: &str,
) -> QueryResult<Option<Refund>> {
    let row: Option<RefundRow> = refunds::table
        .filter(refunds::order_id.eq(id.0).and(refunds::idempotency_key.eq(idempotency_key)))
        .select(RefundRow::as_select())
        .first(connection)
        .await
        .optional()?;
    row.as_ref().map(assemble).transpose()
}

/// One refund.
pub async fn find(connection: &mut Connection, id: RefundId) -> QueryResult<Option<Refund>> {
    let row: Option<RefundRow> = refunds::table
        .find(id.0)
        .select(RefundRow::as_select())
        .first(connection)
        .await
        .optional()?;
    row.as_ref().map(assemble).transpose()
}

/// The refunds of an order, the oldest first.
pub async fn of_order(connection: &mut Connection, order: &Order) -> QueryResult<Vec<Refund>> {
    let rows: Vec<RefundRow> = refunds::table
        .filter(refunds::order_id.eq(order.id.0))
        .order(refunds::id)
        .select(RefundRow::as_select())
        .load(connection)
        .await?;
    rows.iter().map(assemble).collect()
}

/// How much of an order has really gone back, in minor units.
pub async fn sum_succeeded(connection: &mut Connection, id: OrderId) -> QueryResult<i64> {
    sum_in(connection, id, &[RefundState::Succeeded]).await
}

/// How much of an order has gone back or is promised, added up from the refunds themselves.
pub async fn sum_promised(connection: &mut Connection, id: OrderId) -> QueryResult<i64> {
    sum_in(connection, id, &[RefundState::Pending, RefundState::Succeeded]).await
}

async fn sum_in(
    connection: &mut Connection,
    id: OrderId,
    states: &[RefundState],
) -> QueryResult<i64> {
    let states: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
    // PostgreSQL adds bigints up to a numeric; these fit, because a payment does.
    let amounts: Vec<i64> = refunds::table
        .filter(refunds::order_id.eq(id.0).and(refunds::state.eq_any(states)))
        .select(refunds::amount)
        .load(connection)
        .await?;
    Ok(amounts.into_iter().sum())
}

/// Takes the lease on the pending refund that has waited longest; other replicas pass its row over. Answers its trace,
/// too.
pub async fn claim_due(
    connection: &mut Connection,
    lease: Lease,
) -> QueryResult<Option<(Refund, Option<String>)>> {
    let claimed: Option<RefundRow> = diesel::sql_query(
        "UPDATE refunds SET due_at = $2, attempts = attempts + 1
         WHERE id = (SELECT id FROM refunds WHERE state = 'pending' AND (due_at <= $1 OR due_at > $3)
                     ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING *",
    )
    .bind::<Timestamptz, _>(lease.now)
    .bind::<Timestamptz, _>(lease.until)
    .bind::<Timestamptz, _>(lease.horizon)
    .prepared()
    .get_result(connection)
    .await
    .optional()?;
    claimed.map(|row| Ok((assemble(&row)?, row.traceparent))).transpose()
}

/// Nobody works on the refund before `due_at`, unless somebody has taken it over since.
pub async fn postpone(
    connection: &mut Connection,
    refund: &Refund,
    due_at: DateTime<Utc>,
) -> QueryResult<()> {
    diesel::update(refunds::table.find(refund.id.0))
        .filter(refunds::attempts.eq(refund.attempts))
        .set(refunds::due_at.eq(due_at))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

/// The gateway has made it. Answers whether that is news.
pub async fn set_succeeded(
    connection: &mut Connection,
    refund: &Refund,
    gateway_refund_id: &str,
    now: DateTime<Utc>,
) -> QueryResult<bool> {
    let changed = diesel::update(refunds::table.find(refund.id.0))
        .filter(refunds::state.eq(RefundState::Pending.as_str()))
        .set((
            refunds::state.eq(RefundState::Succeeded.as_str()),
            refunds::gateway_refund_id.eq(gateway_refund_id),
            refunds::updated_at.eq(now),
        ))
        .prepared()
        .execute(connection)
        .await?;
    Ok(changed == 1)
}

/// The gateway refuses it: its amount may be refunded otherwise. Answers whether that is news.
pub async fn set_failed(
    connection: &mut Connection,
    refund: &Refund,
    failure: &str,
    now: DateTime<Utc>,
) -> QueryResult<bool> {
    let changed = diesel::update(refunds::table.find(refund.id.0))
        .filter(refunds::state.eq(RefundState::Pending.as_str()))
        .filter(refunds::attempts.eq(refund.attempts))
        .set((
            refunds::state.eq(RefundState::Failed.as_str()),
            refunds::failure.eq(failure),
            refunds::updated_at.eq(now),
        ))
        .prepared()
        .execute(connection)
        .await?;
    if changed == 1 {
        diesel::update(payments::table.find(refund.order_id.0))
            .set(payments::refunded_amount.eq(payments::refunded_amount - refund.amount))
            .prepared()
            .execute(connection)
            .await?;
    }
    Ok(changed == 1)
}

fn assemble(row: &RefundRow) -> QueryResult<Refund> {
    let unreadable = |what: &str| diesel::result::Error::DeserializationError(what.into());
    Ok(Refund {
        id: RefundId(row.id),
        order_id: OrderId(row.order_id),
        amount: row.amount,
        reason: RefundReason::parse(&row.reason).ok_or_else(|| unreadable("unknown reason"))?,
        state: RefundState::parse(&row.state).ok_or_else(|| unreadable("unknown refund state"))?,
        requested_by: row.requested_by,
        created_at: row.created_at,
        attempts: row.attempts,
    })
}

#[derive(Queryable, QueryableByName, Selectable)]
#[diesel(table_name = refunds, check_for_backend(diesel::pg::Pg))]
struct RefundRow {
    id: Uuid,
    order_id: Uuid,
    amount: i64,
    reason: String,
    state: String,
    requested_by: Option<Uuid>,
    traceparent: Option<String>,
    created_at: DateTime<Utc>,
    attempts: i32,
}
