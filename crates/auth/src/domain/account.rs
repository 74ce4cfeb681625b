//! People, each with a proven address.

use chassis::config::Secret;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Email;

/// What signing in needs to know of an account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Who it is: the only thing about a person that crosses services.
    pub id: Uuid,
    /// Argon2id; absent for whoever signs in without a password.
    pub password_hash: Option<Secret>,
    /// What the person may do.
    pub roles: Vec<String>,
}

/// What people see of their own account.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Who it is.
    pub id: Uuid,
    /// The address.
    pub email: Email,
    /// When the address was proved.
    pub email_verified_at: DateTime<Utc>,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
    /// What the person may do.
    pub roles: Vec<String>,
}
