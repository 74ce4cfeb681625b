//! Answers that were given, by their key.

use chassis::db::{Connection, Prepare as _};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;

use super::schema::idempotency_keys;
use crate::domain::idempotency::IdempotencyKey;

/// An answer, and the request that it answered.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = idempotency_keys, check_for_backend(diesel::pg::Pg))]
pub struct SavedAnswer {
    /// The key.
    pub key: String,
    /// The path that it was first used for.
    pub endpoint: String,
    /// SHA-256 of the parameters that it was first used with.
    pub fingerprint: Vec<u8>,
    /// The status of the answer.
    pub status: i16,
    /// The body of the answer.
    pub body: String,
    /// The request that was answered.
    pub request_id: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

diesel::define_sql_function! {
    /// Takes a lock that ends with the transaction, if nobody else has it.
    fn pg_try_advisory_xact_lock(number: BigInt) -> Bool;
}

/// Whether this transaction is now the only one that works under `key`. The lock belongs to the transaction,
/// so it is gone when this process dies in the middle, together with all that the transaction did.
pub async fn try_lock(connection: &mut Connection, key: &IdempotencyKey) -> QueryResult<bool> {
    diesel::select(pg_try_advisory_xact_lock(key.lock_number())).get_result(connection).await
}

/// The answer that was given under `key`.
pub async fn find(
    connection: &mut Connection,
    key: &IdempotencyKey,
) -> QueryResult<Option<SavedAnswer>> {
    idempotency_keys::table
        .find(key.as_str())
        .select(SavedAnswer::as_select())
        .first(connection)
        .await
        .optional()
}

/// Remembers an answer, in the transaction of its effect.
pub async fn insert(connection: &mut Connection, answer: SavedAnswer) -> QueryResult<()> {
    diesel::insert_into(idempotency_keys::table)
        .values(answer)
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

/// Forgets some of the answers that are older than `before`; says how many.
pub async fn prune(
    connection: &mut Connection,
    before: DateTime<Utc>,
    most: i64,
) -> QueryResult<usize> {
    let old = idempotency_keys::table
        .filter(idempotency_keys::created_at.lt(before))
        .select(idempotency_keys::key)
        .limit(most);
    let old: Vec<String> = old.load(connection).await?;
    diesel::delete(idempotency_keys::table.filter(idempotency_keys::key.eq_any(old)))
        .execute(connection)
        .await
}
