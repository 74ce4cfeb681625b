//! Sessions and their refresh tokens.

use chassis::db::{Connection, Prepare as _};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::schema::{refresh_tokens, sessions};
use crate::domain::{Presented, Session, TokenHash};

/// Opens a session with its first refresh token.
pub async fn insert(
    connection: &mut Connection,
    session: &Session,
    first: TokenHash,
) -> QueryResult<()> {
    diesel::insert_into(sessions::table)
        .values((
            sessions::id.eq(session.id),
            sessions::account_id.eq(session.account_id),
            sessions::created_at.eq(session.created_at),
            sessions::expires_at.eq(session.expires_at),
        ))
        .prepared()
        .execute(connection)
        .await?;
    insert_token(connection, session.id, first, session.created_at).await
}

/// Ends the oldest live sessions of an account, so that no more than `most` stay.
pub async fn end_all_but_newest(
    connection: &mut Connection,
    account_id: Uuid,
    most: i64,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    let is_live = sessions::ended_at.is_null().and(sessions::expires_at.gt(now));
    let too_many: Vec<Uuid> = sessions::table
        .filter(sessions::account_id.eq(account_id).and(is_live))
        .order((sessions::created_at.desc(), sessions::id))
        .offset(most)
        .select(sessions::id)
        .load(connection)
        .await?;
    let oldest = sessions::table.filter(sessions::id.eq_any(too_many));
    diesel::update(oldest).set(sessions::ended_at.eq(now)).prepared().execute(connection).await?;
    Ok(())
}

/// Ends a session, and with it all of its refresh tokens. Ending it twice is ending it once.
pub async fn end(connection: &mut Connection, id: Uuid, now: DateTime<Utc>) -> QueryResult<()> {
    let live = sessions::table.find(id).filter(sessions::ended_at.is_null());
    diesel::update(live).set(sessions::ended_at.eq(now)).prepared().execute(connection).await?;
    Ok(())
}

/// Finds the session that a presented token belongs to and locks it, so that its tokens are judged one at a time;
/// then looks at the token and at its successor.
pub async fn lock_by_token(
    connection: &mut Connection,
    presented: TokenHash,
    successor: TokenHash,
) -> QueryResult<Option<(Session, Presented)>> {
    let session_id =
        refresh_tokens::table.find(presented.as_bytes()).select(refresh_tokens::session_id);
    let Some(id) = session_id.first::<Uuid>(connection).await.optional()? else { return Ok(None) };
    let session = sessions::table.find(id).select(SessionRow::as_select()).for_update();
    let Some(session) = session.first(connection).await.optional()? else { return Ok(None) };
    // Only now, behind the lock: what was read before could have changed while we waited for it.
    let tokens: Vec<(Vec<u8>, Option<DateTime<Utc>>)> = refresh_tokens::table
        .filter(refresh_tokens::token_hash.eq_any([presented.as_bytes(), successor.as_bytes()]))
        .select((refresh_tokens::token_hash, refresh_tokens::used_at))
        .load(connection)
        .await?;
    let used_at = |token: TokenHash| {
        tokens.iter().find(|(hash, _)| hash == token.as_bytes()).map(|(_, used)| *used)
    };
    let Some(presented_used_at) = used_at(presented) else { return Ok(None) };
    let presented = Presented {
        used_at: presented_used_at,
        successor_is_unused: used_at(successor) == Some(None),
    };
    Ok(Some((session.into(), presented)))
}

/// Exchanges a token for its successor and moves the session's end; the session must be locked.
pub async fn rotate(
    connection: &mut Connection,
    session: &Session,
    (used, successor): (TokenHash, TokenHash),
    (now, expires_at): (DateTime<Utc>, DateTime<Utc>),
) -> QueryResult<()> {
    diesel::update(refresh_tokens::table.find(used.as_bytes()))
        .set(refresh_tokens::used_at.eq(now))
        .prepared()
        .execute(connection)
        .await?;
    insert_token(connection, session.id, successor, now).await?;
    diesel::update(sessions::table.find(session.id))
        .set((sessions::expires_at.eq(expires_at), sessions::rotations.eq(sessions::rotations + 1)))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

async fn insert_token(
    connection: &mut Connection,
    session_id: Uuid,
    token: TokenHash,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    diesel::insert_into(refresh_tokens::table)
        .values((
            refresh_tokens::token_hash.eq(token.as_bytes()),
            refresh_tokens::session_id.eq(session_id),
            refresh_tokens::created_at.eq(now),
        ))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = sessions, check_for_backend(diesel::pg::Pg))]
struct SessionRow {
    id: Uuid,
    account_id: Uuid,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    rotations: i32,
}

impl From<SessionRow> for Session {
    fn from(row: SessionRow) -> Self {
        Self {
            id: row.id,
            account_id: row.account_id,
            created_at: row.created_at,
            expires_at: row.expires_at,
            ended_at: row.ended_at,
            rotations: row.rotations,
        }
    }
}
