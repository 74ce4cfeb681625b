//! SQL: free functions that take a connection; the caller owns the transaction.

pub mod books;
pub mod reservations;
mod schema;

use diesel_migrations::{EmbeddedMigrations, embed_migrations};

/// The schema of the catalog.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");
