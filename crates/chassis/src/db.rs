//! PostgreSQL: a bounded pool, migrations under a lock, and errors that callers can tell apart.
//!
//! SQL itself lives in each service's `store/`. The caller owns the transaction: it takes a [`Connection`] from
//! [`Database::get`], opens `connection.transaction(async |tx| …)`, and passes `tx` to free functions.

mod connect;
mod error;
mod instrument;
mod migrate;
mod prepared;

use std::time::{Duration, Instant};

use deadpool::Runtime;
use deadpool::managed::{Object, Pool, PoolError, Timeouts};
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection as _};
use serde::{Deserialize, Serialize};

use crate::config::Secret;
use crate::metrics::Metrics;
use crate::timing;

pub use error::{DbError, constraint, is_transient};
pub use prepared::{Prepare, Prepared};

/// One connection, or the transaction on it.
pub type Connection = AsyncPgConnection;
type Manager = AsyncDieselConnectionManager<Connection>;

const PAUSE_AT_START: Duration = Duration::from_millis(250);

/// How to reach the database, and what it may cost.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `postgres://user:password@host:port/database`; add `?sslmode=require` for TLS, which verifies the server.
    pub url: Secret,
    /// The most connections of one process.
    pub pool_size: usize,
    /// How long a new connection may take, in milliseconds.
    pub connect_timeout_ms: u64,
    /// How long a request may wait for a connection, in milliseconds: fail fast rather than queue.
    pub wait_timeout_ms: u64,
    /// How long one statement may run, in milliseconds; the server cancels it then.
    pub statement_timeout_ms: u64,
}

/// The database of one service; clones share the pool.
#[derive(Clone)]
pub struct Database {
    pool: Pool<Manager>,
    settings: Settings,
    service: &'static str,
    metrics: Metrics,
}

impl Database {
    /// Sets the pool up; the first connection is made when it is needed.
    pub fn new(
        service: &'static str,
        settings: &Settings,
        metrics: &Metrics,
    ) -> Result<Self, DbError> {
        let manager = connect::manager(service, settings, metrics)?;
        let pool = Pool::builder(manager)
            .max_size(settings.pool_size)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(Duration::from_millis(settings.wait_timeout_ms)),
                create: Some(Duration::from_millis(settings.connect_timeout_ms)),
                recycle: Some(Duration::from_millis(settings.connect_timeout_ms)),
            })
            .build()
            .map_err(|error| DbError::Setup(error.to_string()))?;
        // Weak, because connections hold the metrics: a strong one would keep the pool open for ever.
        let observed = pool.weak();
        metrics.on_scrape(move |metrics| {
            let Some(pool) = observed.upgrade() else { return };
            let status = pool.status();
            metrics.set_pool(
                status.size - status.available,
                status.available,
                status.max_size,
                status.waiting,
            );
        });
        Ok(Self { pool, settings: settings.clone(), service, metrics: metrics.clone() })
    }

    /// A connection from the pool, given back when it is dropped.
    pub async fn get(&self) -> Result<Object<Manager>, DbError> {
        let started = Instant::now();
        let outcome = self.pool.get().await;
        let waited = started.elapsed();
        self.metrics.observe_pool_wait(outcome.is_ok(), waited);
        timing::record("db", None, waited);
        outcome.map_err(|error| match error {
            PoolError::Timeout(kind) => {
                DbError::Unavailable(format!("no connection in time ({kind:?})"))
            }
            PoolError::Backend(error) => DbError::Unavailable(error.to_string()),
            other => DbError::Unavailable(other.to_string()),
        })
    }

    /// A connection for what comes after the migrations and before the service is ready: it waits as they do,
    /// because a database that is slow at the start must not make the start fail.
    pub async fn get_patiently(&self) -> Object<Manager> {
        loop {
            match self.get().await {
                Ok(connection) => return connection,
                Err(error) => tracing::warn!(%error, "waiting for the database"),
            }
            tokio::time::sleep(PAUSE_AT_START).await;
        }
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> bool {
        match self.get().await {
            Ok(mut connection) => connection.batch_execute("SELECT 1").await.is_ok(),
            Err(_) => false,
        }
    }
}
