//! The payment of an order: what the gateway calls it, and the tries to make it.

use chassis::db::{Connection, Prepare as _};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::schema::{payment_attempts, payments};
use crate::domain::{NextTry, OrderId};

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

/// Notes which charge was declined, so that it is not taken for the next try's.
pub async fn set_declined_charge(
    connection: &mut Connection,
    id: OrderId,
    charge_id: &str,
) -> QueryResult<()> {
    diesel::update(payments::table.find(id.0))
        .set(payments::declined_charge_id.eq(charge_id))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes where the customer has to go.
pub async fn set_redirect(
    connection: &mut Connection,
    id: OrderId,
    redirect_url: &str,
) -> QueryResult<()> {
    diesel::update(payments::table.find(id.0))
        .set(payments::redirect_url.eq(redirect_url))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes a try with another card, and counts it.
pub async fn begin_attempt(
    connection: &mut Connection,
    id: OrderId,
    next: &NextTry,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    diesel::insert_into(payment_attempts::table)
        .values((
            payment_attempts::order_id.eq(id.0),
            payment_attempts::attempt.eq(next.attempt),
            payment_attempts::idempotency_key.eq(&next.idempotency_key),
            payment_attempts::payment_method.eq(&next.payment_method),
            payment_attempts::created_at.eq(now),
        ))
        .prepared()
        .execute(connection)
        .await?;
    diesel::update(payments::table.find(id.0))
        .set(payments::confirm_attempt.eq(next.attempt))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

/// The payment method of the try that has this key, if there was one.
pub async fn find_attempt(
    connection: &mut Connection,
    id: OrderId,
    idempotency_key: &str,
) -> QueryResult<Option<String>> {
    payment_attempts::table
        .filter(payment_attempts::order_id.eq(id.0))
        .filter(payment_attempts::idempotency_key.eq(idempotency_key))
        .select(payment_attempts::payment_method)
        .first(connection)
        .await
        .optional()
}
