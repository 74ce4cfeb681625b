//! Real sockets on 127.0.0.1: each test is one promise of the proxy.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

mod after;
mod before;
mod ends;
mod traps;
mod weather;
