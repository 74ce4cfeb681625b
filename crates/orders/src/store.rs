//! SQL: free functions that take a connection; the caller owns the transaction.

pub mod inbox;
pub mod orders;
pub mod payments;
pub mod refunds;
mod schema;

use chrono::{DateTime, Utc};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

/// What a worker claims by.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    /// Now: what is due by then is claimed.
    pub now: DateTime<Utc>,
    /// Until then, nobody else works on it.
    pub until: DateTime<Utc>,
    /// Nothing is ever put off so far. What is due later was written by a clock that was wrong, and is due, too.
    pub horizon: DateTime<Utc>,
}

/// The schema of orders.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");
