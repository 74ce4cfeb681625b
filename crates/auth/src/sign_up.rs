//! Signing up: two steps, and a mail in between.
//!
//! Whoever signs up learns nothing from our answer about whether the address has an account: it is the same, and takes
//! as long, because the same work is done in both cases. The owner of the address learns it, from the mail.
//! The account is opened by whoever opens the mail, with the password of the sign-up that sent it.

use chassis::config::Secret;
use chassis::db::{Connection, DbError};
use chassis::outbox;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryResult;
use diesel_async::AsyncConnection as _;
use uuid::Uuid;

use crate::app::State;
use crate::delivery::MAIL;
use crate::domain::{OpaqueToken, SignUp, letters};
use crate::passwords::HashError;
use crate::store;

/// How long a link works.
const LINK_LIFETIME: TimeDelta = TimeDelta::minutes(60);

/// Why a sign-up was not taken.
#[derive(Debug, thiserror::Error)]
pub enum SignUpError {
    /// No password can be hashed at the moment.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// There is no randomness.
    #[error("no token can be made")]
    Random(#[from] aws_lc_rs::error::Unspecified),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
}

/// Why an address was not confirmed.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmError {
    /// The token was used, has expired, was replaced by a newer one, or never was one.
    #[error("the token does not work (any more)")]
    Spent,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
}

/// The first step: remembers the password, and sends a link to the address.
pub async fn begin(state: &State, sign_up: &SignUp) -> Result<(), SignUpError> {
    // First and in any case, so that the time tells nothing; and before a connection is taken, because it is long.
    let password_hash = state.hasher.hash(&sign_up.password).await?;
    let token = OpaqueToken::generate()?;
    let now = state.clock.now();
    let mut connection = state.database.get().await?;
    let stored = connection.transaction(async |tx| {
        store_and_promise(state, tx, (sign_up, &password_hash), &token, now).await
    });
    stored.await.map_err(DbError::from)?;
    state.mail_waits.notify_one();
    Ok(())
}

/// The same statements run whether the address has an account or not: only the letter differs. The row that they leave
/// for an address with an account counts its mails too; nobody has the token that would confirm it.
async fn store_and_promise(
    state: &State,
    tx: &mut Connection,
    (sign_up, password_hash): (&SignUp, &Secret),
    token: &OpaqueToken,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    let email = &sign_up.email;
    let account = store::accounts::find_by_email(tx, email).await?;
    let times = (now, now + LINK_LIFETIME);
    if !store::sign_ups::put(tx, (email, password_hash), token.hash(), times).await? {
        return Ok(());
    }
    let id = format!("sign-up.{}", Uuid::new_v4());
    let link = state.settings.tokens.link(&format!("/verify-email?token={}", token.expose()));
    let mail = match account {
        Some(_) => letters::already_registered(email, &id),
        None => letters::confirm_address(email, &link, LINK_LIFETIME.num_minutes(), &id),
    };
    outbox::promise(tx, (MAIL, &id), &mail, now).await
}

/// The second step: opens the account. Of two who use one token at once, one succeeds.
pub async fn confirm(state: &State, token: &str) -> Result<(), ConfirmError> {
    let token = OpaqueToken::parse(token).ok_or(ConfirmError::Spent)?;
    let now = state.clock.now();
    let mut connection = state.database.get().await?;
    let confirmed = connection.transaction(async |tx| -> QueryResult<bool> {
        let Some((email, password_hash)) = store::sign_ups::take(tx, token.hash(), now).await?
        else {
            return Ok(false);
        };
        store::accounts::insert(tx, Uuid::new_v4(), (&email, &password_hash), now).await?;
        Ok(true)
    });
    if !confirmed.await.map_err(DbError::from)? {
        return Err(ConfirmError::Spent);
    }
    Ok(())
}
