//! Refreshing: a used-up token for its successor. [`crate::domain::session`] has the rules.

use chassis::db::DbError;
use diesel::QueryResult;
use diesel_async::AsyncConnection as _;

use crate::app::State;
use crate::domain::session::judge;
use crate::domain::{OpaqueToken, Session, Verdict};
use crate::keyring::SignError;
use crate::store;
use crate::tokens::{self, Grant};

/// Why nothing was refreshed.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The token does not work, or no longer; the reason is for the log alone.
    #[error("{0}")]
    Refused(&'static str),
    /// No token can be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
}

enum Outcome {
    Granted(Session, Vec<String>),
    Refused(&'static str),
}

/// Exchanges `token` for its successor and a new access token.
pub async fn refresh(state: &State, token: &str) -> Result<Grant, RefreshError> {
    let token = OpaqueToken::parse(token).ok_or(RefreshError::Refused("not a refresh token"))?;
    let successor = state.vault.successor(&token);
    let now = state.clock.now();
    let mut connection = state.database.get().await?;
    // To refuse is an outcome, not an error: an error would roll back the end of the session.
    let outcome = connection.transaction(async |tx| -> QueryResult<Outcome> {
        let hashes = (token.hash(), successor.hash());
        let Some((session, presented)) = store::sessions::lock_by_token(tx, hashes.0, hashes.1).await? else {
            return Ok(Outcome::Refused("unknown refresh token"));
        };
        match judge(&session, presented, now) {
            Verdict::Rotate => {
                let expires_at = state.settings.tokens.lifetimes().expiry(session.created_at, now);
                store::sessions::rotate(tx, &session, hashes, (now, expires_at)).await?;
            }
            Verdict::Repeat => {}
            Verdict::Replayed => {
                store::sessions::end(tx, session.id, now).await?;
                tracing::warn!(session = %session.id, "a refresh token was used twice: the session was ended");
                return Ok(Outcome::Refused("used refresh token"));
            }
            Verdict::Over => return Ok(Outcome::Refused("the session is over")),
        }
        let roles = store::accounts::find_roles(tx, session.account_id).await?;
        Ok(Outcome::Granted(session, roles))
    });
    match outcome.await.map_err(DbError::from)? {
        Outcome::Granted(session, roles) => {
            Ok(tokens::for_person(state, &session, roles, successor, now)?)
        }
        Outcome::Refused(reason) => Err(RefreshError::Refused(reason)),
    }
}
