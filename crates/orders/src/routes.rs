//! HTTP in, HTTP out.

pub mod orders;
mod problems;
pub mod webhooks;
