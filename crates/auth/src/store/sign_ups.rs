//! Addresses that wait for their link to be used.

use chassis::config::Secret;
use chassis::db::Connection;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::query_dsl::methods;
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;

use super::schema::sign_ups;
use crate::domain::{Email, TokenHash};

/// The most mails that one sign-up may cause; the table has the same limit.
const MOST_MAILS: i16 = 5;

/// Starts a sign-up, or starts it anew with another token and password: the link of the one before stops working.
///
/// Answers `false`, and changes nothing, when the address has been sent enough mails.
pub async fn put(
    connection: &mut Connection,
    (email, password_hash): (&Email, &Secret),
    token: TokenHash,
    (now, expires_at): (DateTime<Utc>, DateTime<Utc>),
) -> QueryResult<bool> {
    // One that has expired is none: it must not count against a new one.
    let expired = sign_ups::table.find(email.as_str()).filter(sign_ups::expires_at.le(now));
    diesel::delete(expired).execute(connection).await?;
    let upsert = diesel::insert_into(sign_ups::table)
        .values((
            sign_ups::email.eq(email.as_str()),
            sign_ups::token_hash.eq(token.as_bytes()),
            sign_ups::password_hash.eq(password_hash.expose()),
            sign_ups::created_at.eq(now),
            sign_ups::expires_at.eq(expires_at),
        ))
        .on_conflict(sign_ups::email)
        .do_update()
        .set((
            sign_ups::token_hash.eq(excluded(sign_ups::token_hash)),
            sign_ups::password_hash.eq(excluded(sign_ups::password_hash)),
            sign_ups::mails.eq(sign_ups::mails + 1),
            sign_ups::expires_at.eq(excluded(sign_ups::expires_at)),
        ));
    // Written out, because `.filter` alone would be the one of queries: this is `DO UPDATE … WHERE`.
    let within_limit = methods::FilterDsl::filter(upsert, sign_ups::mails.lt(MOST_MAILS));
    Ok(within_limit.execute(connection).await? == 1)
}

/// Takes the sign-up that a token belongs to out of the table: of two who use one token at once, one gets it.
pub async fn take(
    connection: &mut Connection,
    token: TokenHash,
    now: DateTime<Utc>,
) -> QueryResult<Option<(Email, Secret)>> {
    let live = sign_ups::table
        .filter(sign_ups::token_hash.eq(token.as_bytes()).and(sign_ups::expires_at.gt(now)));
    let found: Option<(String, String)> = diesel::delete(live)
        .returning((sign_ups::email, sign_ups::password_hash))
        .get_result(connection)
        .await
        .optional()?;
    Ok(found.map(|(email, hash)| (Email::from_store(email), Secret::new(hash))))
}
