//! PaymentIntents in the database.

use chassis::db::{Connection, Prepare as _};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::result::Error;
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::row;
use super::schema::payment_intents;
use crate::domain::id::{ChargeId, PaymentIntentId};
use crate::domain::listing::Listing;
use crate::domain::payment_intent::{CancellationReason, CaptureMethod, PaymentIntent, Status};
use crate::domain::payment_method::{Decline, Kind, PaymentMethod};

/// Adds a new one.
pub async fn insert(connection: &mut Connection, intent: &PaymentIntent) -> QueryResult<()> {
    diesel::insert_into(payment_intents::table)
        .values(Row::from(intent))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

/// The one of this name.
pub async fn find(
    connection: &mut Connection,
    id: &PaymentIntentId,
) -> QueryResult<Option<PaymentIntent>> {
    let row =
        payment_intents::table.find(id.as_str()).select(Row::as_select()).first(connection).await;
    row.optional()?.map(PaymentIntent::try_from).transpose()
}

/// The one of this name, with the lock on its row: until the transaction ends, nobody else moves it.
pub async fn lock(
    connection: &mut Connection,
    id: &PaymentIntentId,
) -> QueryResult<Option<PaymentIntent>> {
    let row = payment_intents::table
        .find(id.as_str())
        .select(Row::as_select())
        .for_update()
        .first(connection)
        .await;
    row.optional()?.map(PaymentIntent::try_from).transpose()
}

/// Writes everything that can change. The caller holds the lock.
pub async fn update(connection: &mut Connection, intent: &PaymentIntent) -> QueryResult<()> {
    let row = Row::from(intent);
    diesel::update(payment_intents::table.find(intent.id.as_str()))
        .set((
            payment_intents::status.eq(row.status),
            payment_intents::amount_received.eq(row.amount_received),
            payment_intents::description.eq(row.description),
            payment_intents::metadata.eq(row.metadata),
            payment_intents::return_url.eq(row.return_url),
            payment_intents::payment_method.eq(row.payment_method),
            payment_intents::action_url.eq(row.action_url),
            payment_intents::latest_charge.eq(row.latest_charge),
            payment_intents::last_decline.eq(row.last_decline),
            payment_intents::cancellation_reason.eq(row.cancellation_reason),
            payment_intents::canceled_at.eq(row.canceled_at),
        ))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

/// One page; `None` when its cursor names nothing.
pub async fn list(
    connection: &mut Connection,
    listing: &Listing,
) -> QueryResult<Option<Vec<PaymentIntent>>> {
    let query = payment_intents::table.into_boxed();
    let rows = load_page!(connection, payment_intents, query, listing, Row);
    rows.into_iter().map(PaymentIntent::try_from).collect::<QueryResult<Vec<_>>>().map(Some)
}

/// Those that a client has made for one order, or all of them, oldest first. For whoever judges, not for clients.
pub async fn all(
    connection: &mut Connection,
    order_id: Option<&str>,
) -> QueryResult<Vec<PaymentIntent>> {
    let mut query = payment_intents::table.order(payment_intents::seq).into_boxed();
    if let Some(order_id) = order_id {
        let notes = serde_json::json!({"order_id": order_id});
        query = query.filter(payment_intents::metadata.contains(notes));
    }
    let rows: Vec<Row> = query.select(Row::as_select()).load(connection).await?;
    rows.into_iter().map(PaymentIntent::try_from).collect()
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = payment_intents, check_for_backend(diesel::pg::Pg))]
struct Row {
    id: String,
    amount: i64,
    amount_received: i64,
    currency: String,
    status: String,
    capture_method: String,
    client_secret: String,
    description: Option<String>,
    receipt_email: Option<String>,
    return_url: Option<String>,
    metadata: Value,
    automatic_payment_methods: bool,
    payment_method_types: Vec<String>,
    payment_method: Option<String>,
    action_url: Option<String>,
    latest_charge: Option<String>,
    last_decline: Option<String>,
    cancellation_reason: Option<String>,
    canceled_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl From<&PaymentIntent> for Row {
    fn from(intent: &PaymentIntent) -> Self {
        Self {
            id: intent.id.to_string(),
            amount: intent.amount.amount(),
            amount_received: intent.amount_received,
            currency: intent.amount.currency().code().to_owned(),
            status: intent.status.as_str().to_owned(),
            capture_method: intent.capture_method.as_str().to_owned(),
            client_secret: intent.client_secret.clone(),
            description: intent.description.clone(),
            receipt_email: intent.receipt_email.clone(),
            return_url: intent.return_url.clone(),
            metadata: row::metadata_value(&intent.metadata),
            automatic_payment_methods: intent.automatic_payment_methods,
            payment_method_types: words_of(&intent.payment_method_types),
            payment_method: intent.payment_method.map(|method| method.name().to_owned()),
            action_url: intent.action_url.clone(),
            latest_charge: intent.latest_charge.as_ref().map(ToString::to_string),
            last_decline: intent.last_decline.map(|decline| decline.name().to_owned()),
            cancellation_reason: intent
                .cancellation_reason
                .map(|reason| reason.as_str().to_owned()),
            canceled_at: intent.canceled_at,
            created_at: intent.created_at,
        }
    }
}

fn words_of(kinds: &[Kind]) -> Vec<String> {
    kinds.iter().map(|kind| kind.as_str().to_owned()).collect()
}

impl TryFrom<Row> for PaymentIntent {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            amount: row::money(row.amount, &row.currency)?,
            status: Status::find(&row.status).ok_or_else(|| row::unreadable("status"))?,
            capture_method: CaptureMethod::find(&row.capture_method)
                .ok_or_else(|| row::unreadable("capture_method"))?,
            id: PaymentIntentId::stored(row.id),
            client_secret: row.client_secret,
            description: row.description,
            receipt_email: row.receipt_email,
            return_url: row.return_url,
            metadata: row::metadata(row.metadata)?,
            automatic_payment_methods: row.automatic_payment_methods,
            amount_received: row.amount_received,
            payment_method_types: row
                .payment_method_types
                .iter()
                .map(|word| Kind::find(word).ok_or_else(|| row::unreadable("payment_method_types")))
                .collect::<Result<_, _>>()?,
            action_url: row.action_url,
            payment_method: row::word("payment_method", row.payment_method, PaymentMethod::find)?,
            latest_charge: row.latest_charge.map(ChargeId::stored),
            last_decline: row::word("last_decline", row.last_decline, Decline::find)?,
            cancellation_reason: row::word(
                "cancellation_reason",
                row.cancellation_reason,
                CancellationReason::find,
            )?,
            canceled_at: row.canceled_at,
            created_at: row.created_at,
        })
    }
}
