//! For tests: a real PostgreSQL and Redis, a database each, a running service, a client, an issuer of tokens.
//!
//! [`start`] runs a service as its `main` would, on free ports, against a fresh database that is cloned from a
//! template in milliseconds. Nothing is mocked but the services on the other side, and nothing sleeps:
//! [`eventually`] waits for a condition.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up should fail loudly"
)]
#![expect(
    clippy::missing_panics_doc,
    reason = "everything here panics when a test cannot be set up"
)]

mod database;
mod documentation;
mod issuer;
mod pgbench;
mod service;
mod stack;

use std::time::{Duration, Instant};

pub use database::TestDatabase;
pub use documentation::{
    assert_documentation_is_served, assert_openapi_is_current, assert_operations_are_routed,
};
pub use issuer::Issuer;
pub use pgbench::{median, pgbench};
pub use service::{Http, Running, start};
pub use stack::{postgres_url, redis_url};

/// How long [`eventually`] waits: much longer than anything should take, so that only a defect runs into it.
const DEADLINE: Duration = Duration::from_secs(20);

/// Waits until `condition` holds; panics with `what` when it does not within twenty seconds.
pub async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !condition().await {
        assert!(started.elapsed() < DEADLINE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
