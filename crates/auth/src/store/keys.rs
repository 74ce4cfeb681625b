//! Signing keys.

use chassis::db::Connection;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::schema::signing_keys;

/// Any number will do, as long as all replicas use the same, and nothing else does.
const LOCK: i64 = 0x6175_7468_6b65_7973;
const SIGNING: &str = "signing";

/// A new key, as it is stored.
#[derive(Debug)]
pub struct NewKey {
    /// Its name.
    pub kid: String,
    /// What is published.
    pub public_jwk: serde_json::Value,
    /// What signs, sealed.
    pub sealed_private: Vec<u8>,
}

/// Waits until no other replica looks for a key or makes one; the turn ends with the transaction.
pub async fn take_turn(connection: &mut Connection) -> QueryResult<()> {
    diesel::sql_query("SELECT pg_advisory_xact_lock($1)")
        .bind::<diesel::sql_types::BigInt, _>(LOCK)
        .execute(connection)
        .await?;
    Ok(())
}

/// The name and the sealed private half of the key that signs.
pub async fn find_signing(connection: &mut Connection) -> QueryResult<Option<(String, Vec<u8>)>> {
    signing_keys::table
        .filter(signing_keys::state.eq(SIGNING))
        .select((signing_keys::kid, signing_keys::sealed_private))
        .first(connection)
        .await
        .optional()
}

/// Stores the key that signs from now on.
pub async fn insert_signing(
    connection: &mut Connection,
    key: &NewKey,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    diesel::insert_into(signing_keys::table)
        .values((
            signing_keys::kid.eq(&key.kid),
            signing_keys::public_jwk.eq(&key.public_jwk),
            signing_keys::sealed_private.eq(&key.sealed_private),
            signing_keys::created_at.eq(now),
            signing_keys::state.eq(SIGNING),
        ))
        .execute(connection)
        .await?;
    Ok(())
}

/// The public halves of all keys, the newest first.
pub async fn list_public(connection: &mut Connection) -> QueryResult<Vec<serde_json::Value>> {
    signing_keys::table
        .order((signing_keys::created_at.desc(), signing_keys::kid))
        .select(signing_keys::public_jwk)
        .load(connection)
        .await
}
