//! The story of stock: hold it for an order, then sell it or give it back, each exactly once.
//!
//! Every step locks the reservation's row first and the stock rows in the order of the books' identifiers, so steps
//! of one order take turns, and steps of different orders cannot wait for each other in a circle.

use chassis::clock::Clock;
use chassis::db::{Connection, Database};
use chrono::TimeDelta;
use diesel::result::Error as DieselError;
use diesel_async::AsyncConnection as _;
use uuid::Uuid;

use crate::domain::reservation::{Lines, Shortage};
use crate::domain::{Reservation, ReservationState, ReserveError};
use crate::store::reservations as store;

/// Holds `lines` for an order: all of them or none. Doing it again changes nothing and answers the same.
pub async fn hold(
    database: &Database,
    clock: &Clock,
    order_id: Uuid,
    lines: &Lines,
    lifetime: TimeDelta,
) -> Result<Reservation, ReserveError> {
    let now = clock.now();
    let mut connection = database.get().await?;
    connection
        .transaction(async |tx| {
            if !store::claim(tx, order_id, ReservationState::Held, now, now + lifetime).await? {
                return existing(tx, order_id, lines).await;
            }
            store::insert_lines(tx, order_id, lines.as_slice()).await.map_err(unknown_book)?;
            let mut shortages: Vec<Shortage> = Vec::new();
            for line in lines.as_slice() {
                shortages.extend(store::hold(tx, *line).await?);
            }
            if !shortages.is_empty() {
                // An error rolls everything back, also the lines of which there were enough copies.
                return Err(ReserveError::Insufficient(shortages));
            }
            let lines = lines.as_slice().to_vec();
            Ok(Reservation {
                order_id,
                state: ReservationState::Held,
                expires_at: now + lifetime,
                lines,
            })
        })
        .await
}

/// Sells what is held for an order. Doing it again changes nothing.
pub async fn commit(
    database: &Database,
    clock: &Clock,
    order_id: Uuid,
) -> Result<Reservation, ReserveError> {
    let mut connection = database.get().await?;
    connection
        .transaction(async |tx| {
            let reservation = store::lock(tx, order_id).await?.ok_or(ReserveError::Unknown)?;
            match reservation.state {
                ReservationState::Committed => return Ok(reservation),
                ReservationState::Held => {}
                ended => return Err(ReserveError::Ended(ended)),
            }
            for line in &reservation.lines {
                store::sell(tx, *line).await?;
            }
            end(tx, reservation, ReservationState::Committed, clock).await
        })
        .await
}

/// Gives back what is held for an order. Doing it again changes nothing.
///
/// Releasing what was never held leaves a mark that it must not be held any more: a slow request to hold it, which its
/// sender has given up on, may still arrive.
pub async fn release(
    database: &Database,
    clock: &Clock,
    order_id: Uuid,
) -> Result<Reservation, ReserveError> {
    let now = clock.now();
    let mut connection = database.get().await?;
    connection
        .transaction(async |tx| {
            store::claim(tx, order_id, ReservationState::Released, now, now).await?;
            let reservation = store::lock(tx, order_id).await?.ok_or(ReserveError::Unknown)?;
            match reservation.state {
                ReservationState::Held => {
                    give_back(tx, reservation, ReservationState::Released, clock).await
                }
                ReservationState::Released | ReservationState::Expired => Ok(reservation),
                ReservationState::Committed => Err(ReserveError::Ended(reservation.state)),
            }
        })
        .await
}

/// Gives back one reservation that nobody came for in time. Answers whether there was one.
pub async fn expire_one(database: &Database, clock: &Clock) -> Result<bool, ReserveError> {
    let mut connection = database.get().await?;
    connection
        .transaction(async |tx| {
            let Some(order_id) = store::lock_expired(tx, clock.now()).await? else {
                return Ok(false);
            };
            let reservation = store::lock(tx, order_id).await?.ok_or(ReserveError::Unknown)?;
            give_back(tx, reservation, ReservationState::Expired, clock).await?;
            tracing::info!(%order_id, "a reservation expired");
            Ok(true)
        })
        .await
}

/// The order has a reservation: the same one again is fine, another one is not.
async fn existing(
    tx: &mut Connection,
    order_id: Uuid,
    lines: &Lines,
) -> Result<Reservation, ReserveError> {
    let reservation = store::lock(tx, order_id).await?.ok_or(ReserveError::Unknown)?;
    match reservation.state {
        // A mark without lines: given up before it was ever held.
        ReservationState::Released | ReservationState::Expired => {
            Err(ReserveError::Ended(reservation.state))
        }
        _ if reservation.lines != lines.as_slice() => Err(ReserveError::OtherLines),
        ReservationState::Held | ReservationState::Committed => Ok(reservation),
    }
}

async fn give_back(
    tx: &mut Connection,
    reservation: Reservation,
    state: ReservationState,
    clock: &Clock,
) -> Result<Reservation, ReserveError> {
    for line in &reservation.lines {
        store::give_back(tx, *line).await?;
    }
    end(tx, reservation, state, clock).await
}

async fn end(
    tx: &mut Connection,
    reservation: Reservation,
    state: ReservationState,
    clock: &Clock,
) -> Result<Reservation, ReserveError> {
    store::set_state(tx, reservation.order_id, state, clock.now()).await?;
    Ok(Reservation { state, ..reservation })
}

/// A line that names no book: the foreign key says so.
fn unknown_book(error: DieselError) -> ReserveError {
    match chassis::db::constraint(&error) {
        Some("reservation_lines_book_id_fkey") => ReserveError::UnknownBook,
        _ => error.into(),
    }
}

impl From<DieselError> for ReserveError {
    fn from(error: DieselError) -> Self {
        Self::Database(error.into())
    }
}
