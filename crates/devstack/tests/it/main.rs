//! Real servers, really killed: each test is one promise of the crate.
//!
//! They need PostgreSQL and Redis installed, and run as root as well as an ordinary user. Those
//! that only make sense for one of the two return at once for the other.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

mod crash;
mod folder;
mod lock;
mod owner;
mod postgres;
mod redis;
