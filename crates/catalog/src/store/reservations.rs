//! Holding stock: every function is one step of a transaction that the caller owns.

use chassis::db::{Connection, Prepare as _};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::schema::{reservation_lines, reservations, stock};
use crate::domain::reservation::Shortage;
use crate::domain::{BookId, Line, Reservation, ReservationState};

/// Writes the reservation's row in `state`, unless the order has one already. Answers whether it was written.
pub async fn claim(
    connection: &mut Connection,
    order_id: Uuid,
    state: ReservationState,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> QueryResult<bool> {
    let written = diesel::insert_into(reservations::table)
        .values((
            reservations::order_id.eq(order_id),
            reservations::state.eq(state.as_str()),
            reservations::created_at.eq(now),
            reservations::updated_at.eq(now),
            reservations::expires_at.eq(expires_at),
        ))
        .on_conflict_do_nothing()
        .prepared()
        .execute(connection)
        .await?;
    Ok(written == 1)
}

/// The reservation of an order, its row locked until the transaction ends.
pub async fn lock(connection: &mut Connection, order_id: Uuid) -> QueryResult<Option<Reservation>> {
    let row = reservations::table
        .find(order_id)
        .select((reservations::state, reservations::expires_at))
        .for_update()
        .first::<(String, DateTime<Utc>)>(connection)
        .await
        .optional()?;
    complete(connection, order_id, row).await
}

/// The reservation of an order.
pub async fn find(connection: &mut Connection, order_id: Uuid) -> QueryResult<Option<Reservation>> {
    let row = reservations::table
        .find(order_id)
        .select((reservations::state, reservations::expires_at))
        .first::<(String, DateTime<Utc>)>(connection)
        .await
        .optional()?;
    complete(connection, order_id, row).await
}

async fn complete(
    connection: &mut Connection,
    order_id: Uuid,
    row: Option<(String, DateTime<Utc>)>,
) -> QueryResult<Option<Reservation>> {
    let Some((state, expires_at)) = row else { return Ok(None) };
    let state = ReservationState::parse(&state).ok_or_else(|| {
        diesel::result::Error::DeserializationError("unknown reservation state".into())
    })?;
    let lines: Vec<(Uuid, i32)> = reservation_lines::table
        .filter(reservation_lines::order_id.eq(order_id))
        .order(reservation_lines::book_id)
        .select((reservation_lines::book_id, reservation_lines::quantity))
        .load(connection)
        .await?;
    let lines = lines
        .into_iter()
        .map(|(book_id, quantity)| Line { book_id: BookId(book_id), quantity })
        .collect();
    Ok(Some(Reservation { order_id, state, expires_at, lines }))
}

/// The order of a held reservation that has expired, its row locked; other replicas' rows are passed over.
pub async fn lock_expired(
    connection: &mut Connection,
    now: DateTime<Utc>,
) -> QueryResult<Option<Uuid>> {
    reservations::table
        .filter(
            reservations::state
                .eq(ReservationState::Held.as_str())
                .and(reservations::expires_at.le(now)),
        )
        .order(reservations::expires_at)
        .select(reservations::order_id)
        .for_update()
        .skip_locked()
        .first(connection)
        .await
        .optional()
}

/// Writes the lines of a new reservation.
pub async fn insert_lines(
    connection: &mut Connection,
    order_id: Uuid,
    lines: &[Line],
) -> QueryResult<()> {
    let rows: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                reservation_lines::order_id.eq(order_id),
                reservation_lines::book_id.eq(line.book_id.0),
                reservation_lines::quantity.eq(line.quantity),
            )
        })
        .collect();
    diesel::insert_into(reservation_lines::table).values(rows).execute(connection).await?;
    Ok(())
}

/// Moves copies from available to reserved. Answers the shortage when there are not enough: then nothing was moved.
pub async fn hold(connection: &mut Connection, line: Line) -> QueryResult<Option<Shortage>> {
    let row = stock::table.filter(stock::book_id.eq(line.book_id.0));
    // Claim first: the condition and the change are one statement, so two buyers cannot both see the last copy.
    let moved = diesel::update(row.filter(stock::available.ge(line.quantity)))
        .set((
            stock::available.eq(stock::available - line.quantity),
            stock::reserved.eq(stock::reserved + line.quantity),
        ))
        .prepared()
        .execute(connection)
        .await?;
    if moved == 1 {
        return Ok(None);
    }
    let available = row.select(stock::available).first(connection).await.optional()?.unwrap_or(0);
    Ok(Some(Shortage { book_id: line.book_id, requested: line.quantity, available }))
}

/// Moves copies from reserved to sold.
pub async fn sell(connection: &mut Connection, line: Line) -> QueryResult<()> {
    diesel::update(stock::table.find(line.book_id.0))
        .set((
            stock::reserved.eq(stock::reserved - line.quantity),
            stock::sold.eq(stock::sold + line.quantity),
        ))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

/// Moves copies from reserved back to available.
pub async fn give_back(connection: &mut Connection, line: Line) -> QueryResult<()> {
    diesel::update(stock::table.find(line.book_id.0))
        .set((
            stock::reserved.eq(stock::reserved - line.quantity),
            stock::available.eq(stock::available + line.quantity),
        ))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends a held reservation.
pub async fn set_state(
    connection: &mut Connection,
    order_id: Uuid,
    state: ReservationState,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    diesel::update(reservations::table.find(order_id))
        .set((reservations::state.eq(state.as_str()), reservations::updated_at.eq(now)))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}
