//! The JSON that clients and webhook receivers read, field for field as Stripe writes it.
//!
//! A field that this gateway has nothing to say about is `null`, not missing: the strictest client (async-stripe)
//! then reads every answer.

pub mod charge;
pub mod error;
pub mod event;
pub mod list;
pub mod payment_intent;
pub mod refund;
pub mod webhook_attempt;
pub mod webhook_endpoint;

/// The version of Stripe's API whose shapes these are.
pub const API_VERSION: &str = "2026-10-28.endive";
