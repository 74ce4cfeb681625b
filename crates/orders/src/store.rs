//! SQL: free functions that take a connection; the caller owns the transaction.

pub mod inbox;
pub mod orders;
pub mod payments;
pub mod refunds;
mod schema;

use diesel_migrations::{EmbeddedMigrations, embed_migrations};

/// The schema of orders.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");
