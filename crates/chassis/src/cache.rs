//! Redis as a cache that may vanish: a miss or an outage is never an error, only slower.
//!
//! Every look-up has a deadline, and after repeated failures a circuit breaker stops asking for a while,
//! so that a slow Redis cannot make the service slower than no Redis.

use std::time::{Duration, Instant};

use recloser::{AsyncRecloser, Recloser};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncCommands as _, Client, RedisError, RedisResult};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::config::Secret;
use crate::metrics::Metrics;
use crate::timing;

/// How to reach the cache, and how long to wait for it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `redis://:password@host:port/0`, or `rediss://` for TLS.
    pub url: Secret,
    /// How long a look-up may take, in milliseconds: a cache that is slower than the database is no cache.
    pub timeout_ms: u64,
}

/// The cache of one service; clones share the connection.
#[derive(Clone)]
pub struct Cache {
    manager: ConnectionManager,
    breaker: AsyncRecloser,
    timeout: Duration,
    metrics: Metrics,
}

/// Why the cache cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("setting `cache.url`: {0}")]
pub struct CacheSetupError(#[from] RedisError);

impl Cache {
    /// Sets the cache up; the connection is made when it is needed, and again when it is lost.
    pub fn new(settings: &Settings, metrics: &Metrics) -> Result<Self, CacheSetupError> {
        let timeout = Duration::from_millis(settings.timeout_ms);
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(Duration::from_millis(500)))
            .set_response_timeout(Some(timeout))
            .set_number_of_retries(1);
        let manager =
            ConnectionManager::new_lazy_with_config(Client::open(settings.url.expose())?, config)?;
        let breaker = Recloser::custom()
            .closed_len(8)
            .half_open_len(1)
            .error_rate(0.5)
            .open_wait(Duration::from_secs(1))
            .build();
        Ok(Self {
            manager,
            breaker: AsyncRecloser::from(breaker),
            timeout,
            metrics: metrics.clone(),
        })
    }

    /// The value under `key`, or `None`: not there, not readable, or the cache does not answer.
    /// `name` says in metrics what kind of thing was looked up.
    pub async fn get<T: DeserializeOwned>(&self, name: &'static str, key: &str) -> Option<T> {
        let started = Instant::now();
        let mut connection = self.manager.clone();
        let found =
            self.guarded(async move { connection.get::<_, Option<Vec<u8>>>(key).await }).await;
        let (value, outcome) = match found {
            Some(Some(bytes)) => match serde_json::from_slice(&bytes) {
                Ok(value) => (Some(value), "hit"),
                // Somebody else's garbage, or an older version's shape: as good as absent.
                Err(_) => (None, "error"),
            },
            Some(None) => (None, "miss"),
            None => (None, "error"),
        };
        self.metrics.count_cache(name, outcome);
        timing::record("cache", Some(outcome), started.elapsed());
        value
    }

    /// Stores `value` under `key` for `lifetime`, if the cache answers.
    pub async fn put<T: Serialize>(&self, key: &str, value: &T, lifetime: Duration) {
        let Ok(bytes) = serde_json::to_vec(value) else { return };
        let mut connection = self.manager.clone();
        let seconds = lifetime.as_secs().max(1);
        self.guarded(async move { connection.set_ex::<_, _, ()>(key, bytes, seconds).await }).await;
    }

    /// Forgets what is under `key`, if the cache answers; its lifetime bounds how long a lost removal matters.
    pub async fn remove(&self, key: &str) {
        let mut connection = self.manager.clone();
        self.guarded(async move { connection.del::<_, ()>(key).await }).await;
    }

    /// Whether the cache answers.
    pub async fn ping(&self) -> bool {
        let mut connection = self.manager.clone();
        let asked =
            tokio::time::timeout(self.timeout, async move { connection.ping::<String>().await });
        matches!(asked.await, Ok(Ok(_)))
    }

    /// Runs a command with the deadline and the breaker; `None` when it fails.
    async fn guarded<T>(&self, command: impl Future<Output = RedisResult<T>>) -> Option<T> {
        let command = async {
            match tokio::time::timeout(self.timeout, command).await {
                Ok(outcome) => outcome.map_err(|error| error.to_string()),
                Err(_elapsed) => Err("no answer in time".to_owned()),
            }
        };
        match self.breaker.call(command).await {
            Ok(value) => Some(value),
            Err(recloser::Error::Inner(reason)) => {
                tracing::debug!(reason, "the cache failed");
                None
            }
            Err(recloser::Error::Rejected) => None,
        }
    }
}
