//! The books in the database. Rows are added and never changed: a trigger sees to that.

use chassis::db::{Connection, Prepare as _};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde::Serialize;

use super::schema::transfers;
use crate::domain::id::RefundId;
use crate::domain::transfer::Transfer;

/// A move of money as it stands in the books.
#[derive(Clone, Debug, Queryable, Selectable, Serialize)]
#[diesel(table_name = transfers, check_for_backend(diesel::pg::Pg))]
pub struct StoredTransfer {
    /// Why.
    pub kind: String,
    /// The account that lost.
    pub debit: String,
    /// The account that gained.
    pub credit: String,
    /// How much, in minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// For which charge.
    #[diesel(column_name = charge_id)]
    pub charge: String,
    /// For which refund.
    #[diesel(column_name = refund_id)]
    pub refund: Option<String>,
}

/// The books of these charges, in order.
pub async fn all_of(
    connection: &mut Connection,
    charges: &[&str],
) -> QueryResult<Vec<StoredTransfer>> {
    transfers::table
        .filter(transfers::charge_id.eq_any(charges))
        .order(transfers::id)
        .select(StoredTransfer::as_select())
        .load(connection)
        .await
}

/// Writes down moves of money, in the transaction that makes them true.
pub async fn insert(
    connection: &mut Connection,
    moves: &[Transfer],
    at: DateTime<Utc>,
) -> QueryResult<()> {
    if moves.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = moves
        .iter()
        .map(|transfer| {
            let (debit, credit) = transfer.kind.accounts();
            (
                transfers::kind.eq(transfer.kind.as_str()),
                transfers::debit.eq(debit.as_str()),
                transfers::credit.eq(credit.as_str()),
                transfers::amount.eq(transfer.amount.amount()),
                transfers::currency.eq(transfer.amount.currency().code()),
                transfers::charge_id.eq(transfer.charge.as_str()),
                transfers::refund_id.eq(transfer.refund.as_ref().map(RefundId::as_str)),
                transfers::created_at.eq(at),
            )
        })
        .collect();
    diesel::insert_into(transfers::table).values(rows).prepared().execute(connection).await?;
    Ok(())
}
