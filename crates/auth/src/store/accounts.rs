//! People, each with a proven address.

use chassis::config::Secret;
use chassis::db::Connection;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::schema::{accounts, sessions};
use crate::domain::{Account, Email, Profile};

/// Opens an account for an address that was just proved. When the address has one already, nothing changes.
pub async fn insert(
    connection: &mut Connection,
    id: Uuid,
    (email, password_hash): (&Email, &Secret),
    now: DateTime<Utc>,
) -> QueryResult<()> {
    diesel::insert_into(accounts::table)
        .values((
            accounts::id.eq(id),
            accounts::email.eq(email.as_str()),
            accounts::password_hash.eq(password_hash.expose()),
            accounts::created_at.eq(now),
            accounts::email_verified_at.eq(now),
        ))
        .on_conflict(accounts::email)
        .do_nothing()
        .execute(connection)
        .await?;
    Ok(())
}

/// The account with this address.
pub async fn find_by_email(
    connection: &mut Connection,
    email: &Email,
) -> QueryResult<Option<Account>> {
    let row: Option<AccountRow> = accounts::table
        .filter(accounts::email.eq(email.as_str()))
        .select(AccountRow::as_select())
        .first(connection)
        .await
        .optional()?;
    Ok(row.map(Account::from))
}

/// Locks an account until the end of the transaction, if its password is still the one that was just verified.
///
/// Hashing takes its time, and no connection is held meanwhile: the password may have been changed since.
pub async fn lock_if_unchanged(
    connection: &mut Connection,
    account: &Account,
) -> QueryResult<bool> {
    let hash = account.password_hash.as_ref().map(Secret::expose);
    let locked = accounts::table
        .find(account.id)
        .filter(accounts::password_hash.is_not_distinct_from(hash))
        .select(accounts::id)
        .for_no_key_update()
        .first::<Uuid>(connection)
        .await
        .optional()?;
    Ok(locked.is_some())
}

/// Replaces the hash of a password.
pub async fn set_password_hash(
    connection: &mut Connection,
    id: Uuid,
    hash: &Secret,
) -> QueryResult<()> {
    let change = accounts::password_hash.eq(hash.expose());
    diesel::update(accounts::table.find(id)).set(change).execute(connection).await?;
    Ok(())
}

/// What the person may do.
pub async fn find_roles(connection: &mut Connection, id: Uuid) -> QueryResult<Vec<String>> {
    accounts::table.find(id).select(accounts::roles).first(connection).await
}

/// The account, if `session` is one of its own and still live: here, unlike in services that only see the token,
/// a session that has ended has ended at once.
pub async fn find_signed_in(
    connection: &mut Connection,
    (id, session): (Uuid, Uuid),
    now: DateTime<Utc>,
) -> QueryResult<Option<Profile>> {
    let row: Option<ProfileRow> = accounts::table
        .inner_join(sessions::table)
        .filter(accounts::id.eq(id).and(sessions::id.eq(session)))
        .filter(sessions::ended_at.is_null().and(sessions::expires_at.gt(now)))
        .select(ProfileRow::as_select())
        .first(connection)
        .await
        .optional()?;
    Ok(row.map(Profile::from))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = accounts, check_for_backend(diesel::pg::Pg))]
struct AccountRow {
    id: Uuid,
    password_hash: Option<String>,
    roles: Vec<String>,
}

impl From<AccountRow> for Account {
    fn from(row: AccountRow) -> Self {
        Self { id: row.id, password_hash: row.password_hash.map(Secret::new), roles: row.roles }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = accounts, check_for_backend(diesel::pg::Pg))]
struct ProfileRow {
    id: Uuid,
    email: String,
    email_verified_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
    roles: Vec<String>,
}

impl From<ProfileRow> for Profile {
    fn from(row: ProfileRow) -> Self {
        Self {
            id: row.id,
            email: Email::from_store(row.email),
            email_verified_at: row.email_verified_at,
            created_at: row.created_at,
            roles: row.roles,
        }
    }
}
