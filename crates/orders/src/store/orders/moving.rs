//! Writing: the claim, the lease, the moves. Each move is noted in the order's history and raises its version.

use chassis::db::{Connection, Prepare as _};
use chassis::money::Money;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::domain::lines::PricedLine;
use crate::domain::{Cause, Order, OrderId, OrderState};
use crate::store::Lease;
use crate::store::schema::{order_lines, orders, payments};

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
    append_history(connection, new.id, (OrderState::Created, Cause::Request), new.now).await?;
    Ok(true)
}

/// An order that a worker has taken.
#[derive(Clone, Debug, QueryableByName)]
#[diesel(check_for_backend(diesel::pg::Pg))]
pub struct Claimed {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    /// How often it was taken.
    #[diesel(sql_type = diesel::sql_types::Integer)]
    pub attempts: i32,
    /// The trace that it belongs to.
    #[diesel(sql_type = Nullable<Text>)]
    pub traceparent: Option<String>,
}

impl Claimed {
    /// Which one.
    pub fn id(&self) -> OrderId {
        OrderId(self.id)
    }
}

/// Takes the lease on the order that has waited longest of those that are unfinished and due. Other replicas pass its
/// row over; the version makes whoever worked on it before too late.
pub async fn claim_due(connection: &mut Connection, lease: Lease) -> QueryResult<Option<Claimed>> {
    // The states stand here as in the partial index, which the planner can use only if it sees them.
    diesel::sql_query(
        "UPDATE orders SET due_at = $2, attempts = attempts + 1, version = version + 1
         WHERE id = (SELECT id FROM orders
                     WHERE state IN ('created', 'payment_pending', 'confirming', 'requires_action',
                                     'payment_unknown', 'declined')
                       AND (due_at <= $1 OR due_at > $3)
                     ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING id, attempts, traceparent",
    )
    .bind::<Timestamptz, _>(lease.now)
    .bind::<Timestamptz, _>(lease.until)
    .bind::<Timestamptz, _>(lease.horizon)
    .prepared()
    .get_result(connection)
    .await
    .optional()
}

/// Nobody works on the order before `due_at`, unless something has happened to it since.
pub async fn postpone(
    connection: &mut Connection,
    order: &Order,
    due_at: DateTime<Utc>,
) -> QueryResult<()> {
    diesel::update(orders::table)
        .filter(orders::id.eq(order.id.0).and(orders::version.eq(order.version)))
        .set(orders::due_at.eq(due_at))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

/// Moves the order, notes it in its history, and says when a worker may look at it.
pub async fn set_state(
    connection: &mut Connection,
    order: &Order,
    cause: Cause,
    due_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    diesel::update(orders::table.find(order.id.0))
        .set((
            orders::state.eq(order.state.as_str()),
            orders::version.eq(order.version),
            orders::updated_at.eq(now),
            orders::due_at.eq(due_at),
            orders::payment_method.eq(&order.payment_method),
            orders::failure.eq(&order.failure),
        ))
        .prepared()
        .execute(connection)
        .await?;
    append_history(connection, order.id, (order.state, cause), now).await
}

/// Notes that the customer does not want the order any more, and takes it over.
pub async fn request_cancellation(
    connection: &mut Connection,
    order: &Order,
    lease_until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    diesel::update(orders::table.find(order.id.0))
        .set((
            orders::cancel_requested_at.eq(now),
            orders::updated_at.eq(now),
            orders::due_at.eq(lease_until),
            orders::version.eq(order.version),
        ))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

/// The next entry: numbered under the row's lock, so one statement may look and write.
async fn append_history(
    connection: &mut Connection,
    id: OrderId,
    (state, cause): (OrderState, Cause),
    now: DateTime<Utc>,
) -> QueryResult<()> {
    diesel::sql_query(
        "INSERT INTO order_history (order_id, sequence, state, cause, at)
         SELECT $1, coalesce(max(sequence), 0) + 1, $2, $3, $4 FROM order_history WHERE order_id = $1",
    )
    .bind::<SqlUuid, _>(id.0)
    .bind::<Text, _>(state.as_str())
    .bind::<Text, _>(cause.as_str())
    .bind::<Timestamptz, _>(now)
    .prepared()
    .execute(connection)
    .await?;
    Ok(())
}
