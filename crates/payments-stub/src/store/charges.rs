//! Charges in the database.

use chassis::db::Connection;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::result::Error;
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::row;
use super::schema::charges;
use crate::domain::charge::{Charge, Outcome};
use crate::domain::id::{ChargeId, PaymentIntentId};
use crate::domain::listing::Listing;
use crate::domain::payment_method::{Decline, PaymentMethod};

const SUCCEEDED: &str = "succeeded";
const FAILED: &str = "failed";

/// Adds an attempt. The index `charges_one_success` refuses a second success, whatever the code believes.
pub async fn insert(connection: &mut Connection, charge: &Charge) -> QueryResult<()> {
    diesel::insert_into(charges::table).values(Row::from(charge)).execute(connection).await?;
    Ok(())
}

/// The one of this name.
pub async fn find(connection: &mut Connection, id: &ChargeId) -> QueryResult<Option<Charge>> {
    let row = charges::table.find(id.as_str()).select(Row::as_select()).first(connection).await;
    row.optional()?.map(Charge::try_from).transpose()
}

/// The one of this name, with the lock on its row: refunds take turns.
pub async fn lock(connection: &mut Connection, id: &ChargeId) -> QueryResult<Option<Charge>> {
    let row = charges::table
        .find(id.as_str())
        .select(Row::as_select())
        .for_update()
        .first(connection)
        .await;
    row.optional()?.map(Charge::try_from).transpose()
}

/// The successful one of a PaymentIntent, with the lock on its row.
pub async fn lock_success_of(
    connection: &mut Connection,
    intent: &PaymentIntentId,
) -> QueryResult<Option<Charge>> {
    let row = charges::table
        .filter(charges::payment_intent_id.eq(intent.as_str()).and(charges::status.eq(SUCCEEDED)))
        .select(Row::as_select())
        .for_update()
        .first(connection)
        .await;
    row.optional()?.map(Charge::try_from).transpose()
}

/// Writes how much was given back. The caller holds the lock; the database checks the bounds once more.
pub async fn update_refunded(connection: &mut Connection, charge: &Charge) -> QueryResult<()> {
    diesel::update(charges::table.find(charge.id.as_str()))
        .set(charges::amount_refunded.eq(charge.amount_refunded))
        .execute(connection)
        .await?;
    Ok(())
}

/// One page, of one PaymentIntent or of all; `None` when its cursor names nothing.
pub async fn list(
    connection: &mut Connection,
    intent: Option<&str>,
    listing: &Listing,
) -> QueryResult<Option<Vec<Charge>>> {
    let mut query = charges::table.into_boxed();
    if let Some(intent) = intent {
        query = query.filter(charges::payment_intent_id.eq(intent));
    }
    let rows = load_page!(connection, charges, query, listing, Row);
    rows.into_iter().map(Charge::try_from).collect::<QueryResult<Vec<_>>>().map(Some)
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = charges, check_for_backend(diesel::pg::Pg))]
struct Row {
    id: String,
    payment_intent_id: String,
    amount: i64,
    amount_refunded: i64,
    currency: String,
    status: String,
    payment_method: String,
    failure: Option<String>,
    description: Option<String>,
    receipt_email: Option<String>,
    metadata: Value,
    created_at: DateTime<Utc>,
}

impl From<&Charge> for Row {
    fn from(charge: &Charge) -> Self {
        let (status, failure) = match charge.outcome {
            Outcome::Succeeded => (SUCCEEDED, None),
            Outcome::Failed(decline) => (FAILED, Some(decline.name().to_owned())),
        };
        Self {
            id: charge.id.to_string(),
            payment_intent_id: charge.payment_intent.to_string(),
            amount: charge.amount.amount(),
            amount_refunded: charge.amount_refunded,
            currency: charge.amount.currency().code().to_owned(),
            status: status.to_owned(),
            payment_method: charge.payment_method.name().to_owned(),
            failure,
            description: charge.description.clone(),
            receipt_email: charge.receipt_email.clone(),
            metadata: row::metadata_value(&charge.metadata),
            created_at: charge.created_at,
        }
    }
}

impl TryFrom<Row> for Charge {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let outcome = match row::word("failure", row.failure, Decline::find)? {
            None => Outcome::Succeeded,
            Some(decline) => Outcome::Failed(decline),
        };
        Ok(Self {
            id: ChargeId::stored(row.id),
            payment_intent: PaymentIntentId::stored(row.payment_intent_id),
            amount: row::money(row.amount, &row.currency)?,
            amount_refunded: row.amount_refunded,
            payment_method: PaymentMethod::find(&row.payment_method)
                .ok_or_else(|| row::unreadable("payment_method"))?,
            outcome,
            description: row.description,
            receipt_email: row.receipt_email,
            metadata: row::metadata(row.metadata)?,
            created_at: row.created_at,
        })
    }
}
