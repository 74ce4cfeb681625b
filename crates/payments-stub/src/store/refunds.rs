//! Refunds in the database.

use chassis::db::{Connection, Prepare as _};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::result::Error;
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::row;
use super::schema::refunds;
use crate::domain::charge::{Refund, RefundReason};
use crate::domain::id::{ChargeId, PaymentIntentId, RefundId};
use crate::domain::listing::Listing;

/// Adds a refund. The caller holds the lock on its charge.
pub async fn insert(connection: &mut Connection, refund: &Refund) -> QueryResult<()> {
    diesel::insert_into(refunds::table)
        .values(Row::from(refund))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

/// The one of this name.
pub async fn find(connection: &mut Connection, id: &RefundId) -> QueryResult<Option<Refund>> {
    let row = refunds::table.find(id.as_str()).select(Row::as_select()).first(connection).await;
    row.optional()?.map(Refund::try_from).transpose()
}

/// The one of this name, with the lock on its row.
pub async fn lock(connection: &mut Connection, id: &RefundId) -> QueryResult<Option<Refund>> {
    let row = refunds::table
        .find(id.as_str())
        .select(Row::as_select())
        .for_update()
        .first(connection)
        .await;
    row.optional()?.map(Refund::try_from).transpose()
}

/// Writes the notes, the only part of a refund that can change. The caller holds the lock.
pub async fn update_metadata(connection: &mut Connection, refund: &Refund) -> QueryResult<()> {
    diesel::update(refunds::table.find(refund.id.as_str()))
        .set(refunds::metadata.eq(row::metadata_value(&refund.metadata)))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

/// One page, of one PaymentIntent, of one charge, or of all; `None` when its cursor names nothing.
pub async fn list(
    connection: &mut Connection,
    intent: Option<&str>,
    charge: Option<&str>,
    listing: &Listing,
) -> QueryResult<Option<Vec<Refund>>> {
    let mut query = refunds::table.into_boxed();
    if let Some(intent) = intent {
        query = query.filter(refunds::payment_intent_id.eq(intent));
    }
    if let Some(charge) = charge {
        query = query.filter(refunds::charge_id.eq(charge));
    }
    let rows = load_page!(connection, refunds, query, listing, Row);
    rows.into_iter().map(Refund::try_from).collect::<QueryResult<Vec<_>>>().map(Some)
}

/// All of these PaymentIntents, oldest first.
pub async fn all_of(connection: &mut Connection, intents: &[&str]) -> QueryResult<Vec<Refund>> {
    let rows: Vec<Row> = refunds::table
        .filter(refunds::payment_intent_id.eq_any(intents))
        .order(refunds::seq)
        .select(Row::as_select())
        .load(connection)
        .await?;
    rows.into_iter().map(Refund::try_from).collect()
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = refunds, check_for_backend(diesel::pg::Pg))]
struct Row {
    id: String,
    charge_id: String,
    payment_intent_id: String,
    amount: i64,
    currency: String,
    reason: Option<String>,
    metadata: Value,
    created_at: DateTime<Utc>,
}

impl From<&Refund> for Row {
    fn from(refund: &Refund) -> Self {
        Self {
            id: refund.id.to_string(),
            charge_id: refund.charge.to_string(),
            payment_intent_id: refund.payment_intent.to_string(),
            amount: refund.amount.amount(),
            currency: refund.amount.currency().code().to_owned(),
            reason: refund.reason.map(|reason| reason.as_str().to_owned()),
            metadata: row::metadata_value(&refund.metadata),
            created_at: refund.created_at,
        }
    }
}

impl TryFrom<Row> for Refund {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            id: RefundId::stored(row.id),
            charge: ChargeId::stored(row.charge_id),
            payment_intent: PaymentIntentId::stored(row.payment_intent_id),
            amount: row::money(row.amount, &row.currency)?,
            reason: row::word("reason", row.reason, RefundReason::find)?,
            metadata: row::metadata(row.metadata)?,
            created_at: row.created_at,
        })
    }
}
