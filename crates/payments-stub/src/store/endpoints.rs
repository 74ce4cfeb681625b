//! Webhook endpoints in the database.

use chassis::config::Secret;
use chassis::db::Connection;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::result::Error;
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::row;
use super::schema::webhook_endpoints;
use crate::domain::endpoint::{Endpoint, NewEndpoint, ReceiverUrl};
use crate::domain::event::EventType;
use crate::domain::id::EndpointId;
use crate::domain::listing::Listing;

/// Adds an endpoint that a client asked for.
pub async fn insert(connection: &mut Connection, endpoint: &Endpoint) -> QueryResult<()> {
    diesel::insert_into(webhook_endpoints::table)
        .values(Row::new(endpoint, false))
        .execute(connection)
        .await?;
    Ok(())
}

/// Makes the endpoint of the service's settings what the settings say. Replicas that start together agree, because
/// the index `webhook_endpoints_configured` allows one such row.
pub async fn put_configured(connection: &mut Connection, endpoint: &Endpoint) -> QueryResult<()> {
    use diesel::upsert::DecoratableTarget as _;

    let row = Row::new(endpoint, true);
    let changes = (
        webhook_endpoints::url.eq(row.url.clone()),
        webhook_endpoints::secret.eq(row.secret.clone()),
    );
    diesel::insert_into(webhook_endpoints::table)
        .values(row)
        .on_conflict(webhook_endpoints::configured)
        .filter_target(webhook_endpoints::configured)
        .do_update()
        .set(changes)
        .execute(connection)
        .await?;
    Ok(())
}

/// Forgets the endpoint of the service's settings: they name none any more.
pub async fn delete_configured(connection: &mut Connection) -> QueryResult<()> {
    diesel::delete(webhook_endpoints::table.filter(webhook_endpoints::configured))
        .execute(connection)
        .await?;
    Ok(())
}

/// How many there are.
pub async fn count(connection: &mut Connection) -> QueryResult<i64> {
    webhook_endpoints::table.count().get_result(connection).await
}

/// The one of this name.
pub async fn find(connection: &mut Connection, id: &EndpointId) -> QueryResult<Option<Endpoint>> {
    let row =
        webhook_endpoints::table.find(id.as_str()).select(Row::as_select()).first(connection).await;
    row.optional()?.map(Endpoint::try_from).transpose()
}

/// The one of this name, with the lock on its row; not against the payments that refer to it meanwhile.
pub async fn lock(connection: &mut Connection, id: &EndpointId) -> QueryResult<Option<Endpoint>> {
    let row = webhook_endpoints::table
        .find(id.as_str())
        .select(Row::as_select())
        .for_no_key_update()
        .first(connection)
        .await;
    row.optional()?.map(Endpoint::try_from).transpose()
}

/// Writes everything that can change. The caller holds the lock.
pub async fn update(connection: &mut Connection, endpoint: &Endpoint) -> QueryResult<()> {
    let row = Row::new(endpoint, false);
    diesel::update(webhook_endpoints::table.find(endpoint.id.as_str()))
        .set((
            webhook_endpoints::url.eq(row.url),
            webhook_endpoints::secret.eq(row.secret),
            webhook_endpoints::previous_secret.eq(row.previous_secret),
            webhook_endpoints::previous_expires_at.eq(row.previous_expires_at),
            webhook_endpoints::disabled.eq(row.disabled),
            webhook_endpoints::enabled_events.eq(row.enabled_events),
            webhook_endpoints::description.eq(row.description),
            webhook_endpoints::metadata.eq(row.metadata),
        ))
        .execute(connection)
        .await?;
    Ok(())
}

/// Forgets an endpoint and what was on its way to it; says whether there was one.
pub async fn delete(connection: &mut Connection, id: &EndpointId) -> QueryResult<bool> {
    let deleted =
        diesel::delete(webhook_endpoints::table.find(id.as_str())).execute(connection).await?;
    Ok(deleted == 1)
}

/// One page; `None` when its cursor names nothing.
pub async fn list(
    connection: &mut Connection,
    listing: &Listing,
) -> QueryResult<Option<Vec<Endpoint>>> {
    let query = webhook_endpoints::table.into_boxed();
    let rows = load_page!(connection, webhook_endpoints, query, listing, Row);
    rows.into_iter().map(Endpoint::try_from).collect::<QueryResult<Vec<_>>>().map(Some)
}

/// An endpoint that is switched on, and what it wants to know.
#[derive(Debug, Queryable)]
pub struct Listener {
    /// Its name.
    pub id: String,
    enabled_events: Vec<String>,
}

impl Listener {
    /// Whether it wants to know of `kind`.
    pub fn wants(&self, kind: EventType) -> bool {
        self.enabled_events.iter().any(|name| name == "*" || name == kind.as_str())
    }
}

/// Those that are switched on, of which there are few. They cannot be deleted until the transaction ends: a payment must
/// not fail because somebody stops listening at that moment.
pub async fn listening(connection: &mut Connection) -> QueryResult<Vec<Listener>> {
    webhook_endpoints::table
        .filter(webhook_endpoints::disabled.eq(false))
        .order(webhook_endpoints::seq)
        .select((webhook_endpoints::id, webhook_endpoints::enabled_events))
        .for_key_share()
        .load(connection)
        .await
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = webhook_endpoints, check_for_backend(diesel::pg::Pg))]
struct Row {
    id: String,
    url: String,
    secret: String,
    previous_secret: Option<String>,
    previous_expires_at: Option<DateTime<Utc>>,
    disabled: bool,
    enabled_events: Vec<String>,
    description: Option<String>,
    metadata: Value,
    configured: bool,
    created_at: DateTime<Utc>,
}

impl Row {
    fn new(endpoint: &Endpoint, configured: bool) -> Self {
        Self {
            id: endpoint.id.to_string(),
            url: endpoint.wish.url.as_str().to_owned(),
            secret: endpoint.secret.expose().to_owned(),
            previous_secret: endpoint
                .previous
                .as_ref()
                .map(|(secret, _)| secret.expose().to_owned()),
            previous_expires_at: endpoint.previous.as_ref().map(|(_, expires_at)| *expires_at),
            disabled: endpoint.disabled,
            enabled_events: endpoint.wish.enabled_events.clone(),
            description: endpoint.wish.description.clone(),
            metadata: row::metadata_value(&endpoint.wish.metadata),
            configured,
            created_at: endpoint.created_at,
        }
    }
}

impl TryFrom<Row> for Endpoint {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            id: EndpointId::stored(row.id),
            wish: NewEndpoint {
                url: ReceiverUrl::stored(row.url),
                enabled_events: row.enabled_events,
                description: row.description,
                metadata: row::metadata(row.metadata)?,
            },
            secret: Secret::new(row.secret),
            previous: row.previous_secret.map(Secret::new).zip(row.previous_expires_at),
            disabled: row.disabled,
            configured: row.configured,
            created_at: row.created_at,
        })
    }
}
