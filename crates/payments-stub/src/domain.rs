//! The rules of payments: types that cannot be wrong. Nothing here knows HTTP or SQL.

pub mod charge;
pub mod endpoint;
pub mod event;
pub mod id;
pub mod idempotency;
pub mod listing;
pub mod metadata;
pub mod payment_intent;
pub mod payment_method;
pub mod refusal;
pub mod signature;
pub mod transfer;
mod words;
