//! Deleting what is over, a batch at a time: a long transaction would hold back everybody else's clean-up.

use chassis::db::Connection;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::schema::{sessions, sign_ups};

/// How many rows one statement deletes at most. A session takes its refresh tokens with it: there may be thousands.
pub const BATCH: usize = 100;
const LIMIT: i64 = 100;

/// Sign-ups whose link has expired: an address that nobody has confirmed is forgotten.
pub async fn delete_sign_ups(
    connection: &mut Connection,
    now: DateTime<Utc>,
) -> QueryResult<usize> {
    let expired =
        sign_ups::table.filter(sign_ups::expires_at.le(now)).limit(LIMIT).select(sign_ups::email);
    let expired: Vec<String> = expired.load(connection).await?;
    // Asked again, because a new sign-up with the same address may have begun in between.
    let still_expired = sign_ups::email.eq_any(expired).and(sign_ups::expires_at.le(now));
    diesel::delete(sign_ups::table.filter(still_expired)).execute(connection).await
}

/// Sessions that were over before `then`, with all of their refresh tokens.
pub async fn delete_sessions(
    connection: &mut Connection,
    then: DateTime<Utc>,
) -> QueryResult<usize> {
    let over = sessions::table
        .filter(sessions::expires_at.lt(then))
        .or_filter(sessions::ended_at.lt(then));
    let over: Vec<Uuid> = over.limit(LIMIT).select(sessions::id).load(connection).await?;
    diesel::delete(sessions::table.filter(sessions::id.eq_any(over))).execute(connection).await
}
