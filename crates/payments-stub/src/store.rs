//! SQL: free functions that take a connection. The caller owns the transaction; rows are private here.

#[macro_use]
mod page;
mod row;
mod schema;

pub mod attempts;
pub mod charges;
pub mod deliveries;
pub mod endpoints;
pub mod events;
pub mod idempotency;
pub mod payment_intents;
pub mod refunds;
pub mod transfers;
