//! The services that we call: small typed clients, no SDK (docs/decisions/0008-own-payment-client.md).

pub mod catalog;
pub mod gateway;
