//! Placing an order: step 1 of the [`crate::checkout`], and the answer to somebody who clicks twice.

use chassis::client::CallError;
use chassis::db::DbError;
use chrono::TimeDelta;
use diesel_async::AsyncConnection as _;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::app::State;
use crate::domain::OrderId;
use crate::domain::lines::{Cart, PriceError, price};
use crate::store::orders::{self, NewOrder};

/// A wish to buy.
#[derive(Clone, Debug, Serialize)]
pub struct Wish {
    /// What.
    pub cart: Cart,
    /// Paid how.
    pub payment_method: String,
    /// Where the receipt goes.
    pub receipt_email: String,
}

/// Whether the order is new.
#[derive(Debug)]
pub enum Placed {
    /// It is: somebody has to take it further now.
    New(OrderId),
    /// The same wish was made before: whoever took it then is taking it further.
    Before(OrderId),
}

/// Why there is no order.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The same key was used for another wish.
    #[error("this Idempotency-Key was used for another order")]
    KeyReused,
    /// The customer has too many orders that are neither paid nor over.
    #[error("pay or cancel one of those that are open first")]
    TooManyOpen,
    /// The cart has no price.
    #[error("the cart cannot be priced")]
    Price(PriceError),
    /// The catalog did not answer: nothing has happened.
    #[error(transparent)]
    Catalog(#[from] CallError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
}

/// Claims the key for this wish, or finds who did before.
pub async fn place(
    state: &State,
    user_id: Uuid,
    key: &str,
    wish: Wish,
) -> Result<Placed, PlaceError> {
    let fingerprint = fingerprint(&wish);
    if let Some(before) = find_before(state, user_id, key, &fingerprint).await? {
        return Ok(Placed::Before(before));
    }
    let quotes = state.catalog.quote(&wish.cart).await?;
    let (lines, total) = price(&wish.cart, &quotes).map_err(PlaceError::Price)?;
    let now = state.clock.now();
    let checkout = &state.settings.checkout;
    let new = NewOrder {
        id: OrderId::generate(),
        user_id,
        idempotency_key: key.to_owned(),
        fingerprint: fingerprint.clone(),
        total,
        payment_method: wish.payment_method,
        receipt_email: wish.receipt_email,
        lines,
        traceparent: chassis::trace::current_traceparent(),
        now,
        lease_until: now + TimeDelta::seconds(checkout.lease_seconds.into()),
        deadline_at: now + TimeDelta::seconds(checkout.deadline_seconds.into()),
    };
    let mut connection = state.database.get().await?;
    // Not exact when many are placed at the same moment; it need not be.
    let open = orders::count_open(&mut connection, user_id).await.map_err(DbError::from)?;
    if open >= checkout.most_open_orders {
        return Err(PlaceError::TooManyOpen);
    }
    let claimed = connection
        .transaction(async |tx| orders::claim(tx, &new).await)
        .await
        .map_err(DbError::from)?;
    drop(connection);
    if claimed {
        return Ok(Placed::New(new.id));
    }
    // Somebody with the same key was faster.
    let before = find_before(state, user_id, key, &fingerprint).await?;
    before.map(Placed::Before).ok_or(PlaceError::KeyReused)
}

async fn find_before(
    state: &State,
    user_id: Uuid,
    key: &str,
    fingerprint: &[u8],
) -> Result<Option<OrderId>, PlaceError> {
    let mut connection = state.database.get().await?;
    let found = orders::find_by_key(&mut connection, user_id, key).await.map_err(DbError::from)?;
    match found {
        Some((_, before)) if before != fingerprint => Err(PlaceError::KeyReused),
        found => Ok(found.map(|(id, _)| id)),
    }
}

/// SHA-256 of what is wished for, not of how the JSON happened to be written.
fn fingerprint(wish: &Wish) -> Vec<u8> {
    // A wish is made of strings and numbers: it serialises.
    Sha256::digest(serde_json::to_vec(wish).unwrap_or_default()).to_vec()
}
