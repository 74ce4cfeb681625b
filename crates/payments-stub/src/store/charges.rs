//! Charges in the database.

use chassis::db::{Connection, Prepare as _};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::result::Error;
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::row;
use super::schema::charges;
use crate::domain::charge::{Charge, State};
use crate::domain::id::{ChargeId, PaymentIntentId};
use crate::domain::listing::Listing;
use crate::domain::payment_intent::PaymentIntent;
use crate::domain::payment_method::{Decline, PaymentMethod};

const PENDING: &str = "pending";
const AUTHORIZED: &str = "authorized";
const CAPTURED: &str = "captured";
const RELEASED: &str = "released";
const FAILED: &str = "failed";

/// Writes an attempt, new or changed; the caller holds the lock on its PaymentIntent or on the attempt itself.
/// The index `charges_one_alive` refuses a second one that took money or may, whatever the code believes.
pub async fn put(connection: &mut Connection, charge: &Charge) -> QueryResult<()> {
    let row = Row::from(charge);
    let changes = (
        charges::status.eq(row.status.clone()),
        charges::amount_captured.eq(row.amount_captured),
        charges::amount_refunded.eq(row.amount_refunded),
        charges::settles_at.eq(row.settles_at),
        charges::failure.eq(row.failure.clone()),
    );
    diesel::insert_into(charges::table)
        .values(row)
        .on_conflict(charges::id)
        .do_update()
        .set(changes)
        .prepared()
        .execute(connection)
        .await?;
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

/// The one that took the money of a PaymentIntent, with the lock on its row.
pub async fn lock_captured_of(
    connection: &mut Connection,
    intent: &PaymentIntentId,
) -> QueryResult<Option<Charge>> {
    let row = charges::table
        .filter(charges::payment_intent_id.eq(intent.as_str()).and(charges::status.eq(CAPTURED)))
        .select(Row::as_select())
        .for_update()
        .first(connection)
        .await;
    row.optional()?.map(Charge::try_from).transpose()
}

/// A pending one whose bank has answered by now.
pub async fn find_due(
    connection: &mut Connection,
    now: DateTime<Utc>,
) -> QueryResult<Option<Charge>> {
    let row = charges::table
        .filter(charges::settles_at.le(now))
        .order(charges::settles_at)
        .select(Row::as_select())
        .first(connection)
        .await;
    row.optional()?.map(Charge::try_from).transpose()
}

/// One that has held money since before `limit`.
pub async fn find_old_hold(
    connection: &mut Connection,
    limit: DateTime<Utc>,
) -> QueryResult<Option<Charge>> {
    let row = charges::table
        .filter(charges::status.eq(AUTHORIZED).and(charges::created_at.lt(limit)))
        .order(charges::created_at)
        .select(Row::as_select())
        .first(connection)
        .await;
    row.optional()?.map(Charge::try_from).transpose()
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

/// The last attempts of these PaymentIntents.
pub async fn latest_of(
    connection: &mut Connection,
    intents: &[PaymentIntent],
) -> QueryResult<Vec<Charge>> {
    let ids: Vec<_> = intents.iter().filter_map(|intent| intent.latest_charge.as_ref()).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids = ids.into_iter().map(ChargeId::as_str);
    let query = charges::table.filter(charges::id.eq_any(ids)).select(Row::as_select());
    let rows: Vec<Row> = query.load(connection).await?;
    rows.into_iter().map(Charge::try_from).collect()
}

/// All of these PaymentIntents, oldest first.
pub async fn all_of(connection: &mut Connection, intents: &[&str]) -> QueryResult<Vec<Charge>> {
    let rows: Vec<Row> = charges::table
        .filter(charges::payment_intent_id.eq_any(intents))
        .order(charges::seq)
        .select(Row::as_select())
        .load(connection)
        .await?;
    rows.into_iter().map(Charge::try_from).collect()
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = charges, check_for_backend(diesel::pg::Pg))]
struct Row {
    id: String,
    payment_intent_id: String,
    amount: i64,
    amount_captured: i64,
    amount_refunded: i64,
    currency: String,
    status: String,
    settles_at: Option<DateTime<Utc>>,
    payment_method: String,
    failure: Option<String>,
    description: Option<String>,
    receipt_email: Option<String>,
    metadata: Value,
    created_at: DateTime<Utc>,
}

impl From<&Charge> for Row {
    fn from(charge: &Charge) -> Self {
        let (status, settles_at, failure) = match charge.state {
            State::Pending { settles_at } => (PENDING, settles_at, None),
            State::Authorized => (AUTHORIZED, None, None),
            State::Captured(_) => (CAPTURED, None, None),
            State::Released => (RELEASED, None, None),
            State::Failed(decline) => (FAILED, None, Some(decline.name().to_owned())),
        };
        Self {
            id: charge.id.to_string(),
            payment_intent_id: charge.payment_intent.to_string(),
            amount: charge.amount.amount(),
            amount_captured: charge.captured(),
            amount_refunded: charge.amount_refunded,
            currency: charge.amount.currency().code().to_owned(),
            status: status.to_owned(),
            settles_at,
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
        let failure = row::word("failure", row.failure, Decline::find)?;
        let state = match (row.status.as_str(), failure) {
            (PENDING, None) => State::Pending { settles_at: row.settles_at },
            (AUTHORIZED, None) => State::Authorized,
            (CAPTURED, None) => State::Captured(row.amount_captured),
            (RELEASED, None) => State::Released,
            (FAILED, Some(decline)) => State::Failed(decline),
            _ => return Err(row::unreadable("status")),
        };
        Ok(Self {
            id: ChargeId::stored(row.id),
            payment_intent: PaymentIntentId::stored(row.payment_intent_id),
            amount: row::money(row.amount, &row.currency)?,
            amount_refunded: row.amount_refunded,
            payment_method: PaymentMethod::find(&row.payment_method)
                .ok_or_else(|| row::unreadable("payment_method"))?,
            state,
            description: row.description,
            receipt_email: row.receipt_email,
            metadata: row::metadata(row.metadata)?,
            created_at: row.created_at,
        })
    }
}
