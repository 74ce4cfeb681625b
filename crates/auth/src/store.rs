//! SQL: free functions that take a connection; the caller owns the transaction.

pub mod accounts;
pub mod expired;
pub mod keys;
mod schema;
pub mod sessions;
pub mod sign_ups;

use diesel_migrations::{EmbeddedMigrations, embed_migrations};

/// The schema of auth.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");
