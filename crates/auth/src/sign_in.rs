//! Signing in: a password for a session.
//!
//! A wrong password, an unknown address, an address that was never confirmed: one answer, after one hash.

use chassis::config::Secret;
use chassis::db::DbError;
use diesel::QueryResult;
use diesel_async::AsyncConnection as _;
use uuid::Uuid;

use crate::app::State;
use crate::domain::session::MOST_SESSIONS;
use crate::domain::{Account, Email, OpaqueToken, Password, Session};
use crate::keyring::SignError;
use crate::passwords::HashError;
use crate::store;
use crate::tokens::{self, Grant};

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The address and the password do not belong together; more nobody learns.
    #[error("the address and the password do not belong together")]
    InvalidCredentials,
    /// No password can be hashed at the moment.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// There is no randomness.
    #[error("no token can be made")]
    Random(#[from] aws_lc_rs::error::Unspecified),
    /// No token can be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
}

/// Opens a session for whoever has this address and this password.
pub async fn sign_in(state: &State, email: &str, password: &str) -> Result<Grant, SignInError> {
    let password = Password::offered(password);
    let account = find_account(state, email).await?;
    // No connection is held here: hashing is long, and connections are few.
    let hash = account.as_ref().and_then(|account| account.password_hash.as_ref());
    let is_right = state.hasher.verify(&password, hash).await?;
    let account = account.filter(|_| is_right).ok_or(SignInError::InvalidCredentials)?;
    let new_hash = match &account.password_hash {
        Some(hash) if state.hasher.is_outdated(hash) => Some(state.hasher.hash(&password).await?),
        _ => None,
    };
    open_session(state, account, new_hash).await
}

async fn find_account(state: &State, email: &str) -> Result<Option<Account>, DbError> {
    // What is no address has no account. That takes less time than asking for one, and tells nobody anything.
    let Some(email) = Email::parse(email) else { return Ok(None) };
    let mut connection = state.database.get().await?;
    Ok(store::accounts::find_by_email(&mut connection, &email).await?)
}

async fn open_session(
    state: &State,
    account: Account,
    new_hash: Option<Secret>,
) -> Result<Grant, SignInError> {
    let now = state.clock.now();
    let session = Session {
        id: Uuid::new_v4(),
        account_id: account.id,
        created_at: now,
        expires_at: state.settings.tokens.lifetimes().expiry(now, now),
        ended_at: None,
        rotations: 0,
    };
    let refresh_token = OpaqueToken::generate()?;
    let mut connection = state.database.get().await?;
    let opened = connection.transaction(async |tx| -> QueryResult<bool> {
        if !store::accounts::lock_if_unchanged(tx, &account).await? {
            return Ok(false);
        }
        if let Some(hash) = &new_hash {
            store::accounts::set_password_hash(tx, account.id, hash).await?;
        }
        store::sessions::insert(tx, &session, refresh_token.hash()).await?;
        store::sessions::end_all_but_newest(tx, account.id, MOST_SESSIONS, now).await?;
        Ok(true)
    });
    if !opened.await.map_err(DbError::from)? {
        return Err(SignInError::InvalidCredentials);
    }
    Ok(tokens::for_person(state, &session, account.roles, refresh_token, now)?)
}
