//! HTTP in, HTTP out: handlers, the extractors that parse for them, and the errors that leave.

pub mod caller;
pub mod lists;
pub mod params;
pub mod rate;
pub mod stamp;

pub mod authentication;
pub mod charges;
pub mod events;
pub mod payment_intents;
pub mod refunds;
pub mod webhook_attempts;
pub mod webhook_endpoints;

pub mod answer;
pub mod errors;
