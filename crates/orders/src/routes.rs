//! HTTP in, HTTP out.

pub mod changes;
mod headers;
pub mod orders;
mod outcome;
mod problems;
pub mod refunds;
pub mod stream;
pub mod views;
pub mod webhooks;
