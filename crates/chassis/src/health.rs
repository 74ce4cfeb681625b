//! Health: three questions that an orchestrator asks, with three different consequences.
//!
//! - `/livez`: is the process able to answer at all? A `no` restarts it, so it never asks a dependency:
//!   restarting a service does not repair its database.
//! - `/startupz`: has it finished starting (configuration read, database reached, schema up to date)?
//! - `/readyz`: should it get requests? `no` before the start is finished and from the moment it is told to stop.
//!   In between it asks each dependency and reports what it finds, but stays ready: all replicas share the database,
//!   so turning all of them away when it falters would make a partial outage total.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, join_all};
use serde::Serialize;
use tokio::sync::Mutex;

use crate::metrics::Metrics;

/// How long a dependency may take to answer, and for how long its answer is believed:
/// a stranger who hammers `/readyz` must not hammer the database.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);
const CHECK_LIFETIME: Duration = Duration::from_secs(1);

type Check = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// The health of one service; clones share it.
#[derive(Clone)]
pub struct Health {
    inner: Arc<Inner>,
}

struct Inner {
    started: AtomicBool,
    stopping: AtomicBool,
    checks: std::sync::Mutex<Vec<(&'static str, Check)>>,
    last: Mutex<Option<(Instant, Vec<Dependency>)>>,
    metrics: Metrics,
}

/// What `/readyz` answers.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether requests should be sent here.
    pub ready: bool,
    /// Whether the start is finished.
    pub started: bool,
    /// Whether the service was told to stop.
    pub stopping: bool,
    /// Each dependency, as it answered within the last second.
    pub dependencies: Vec<Dependency>,
}

/// One dependency's state.
#[derive(Clone, Debug, Serialize)]
pub struct Dependency {
    /// `postgresql`, `redis`, or a peer's name.
    pub name: &'static str,
    /// Whether it answered.
    pub up: bool,
}

impl Health {
    /// Not started, not stopping, no dependencies.
    pub fn new(metrics: Metrics) -> Self {
        Self {
            inner: Arc::new(Inner {
                started: AtomicBool::new(false),
                stopping: AtomicBool::new(false),
                checks: std::sync::Mutex::default(),
                last: Mutex::new(None),
                metrics,
            }),
        }
    }

    /// Adds a dependency that `/readyz` asks and reports.
    pub fn watch<F, Fut>(&self, name: &'static str, check: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = bool> + Send + 'static,
    {
        let check: Check = Arc::new(move || Box::pin(check()));
        self.inner
            .checks
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .push((name, check));
    }

    /// The start is finished.
    pub fn set_started(&self) {
        self.inner.started.store(true, Ordering::Release);
    }

    /// The service was told to stop: readiness fails first, so that no new request is sent here.
    pub fn set_stopping(&self) {
        self.inner.stopping.store(true, Ordering::Release);
    }

    /// Whether the start is finished.
    pub fn is_started(&self) -> bool {
        self.inner.started.load(Ordering::Acquire)
    }

    /// Asks the dependencies (at most once a second) and reports.
    pub async fn report(&self) -> Report {
        let started = self.is_started();
        let stopping = self.inner.stopping.load(Ordering::Acquire);
        Report {
            ready: started && !stopping,
            started,
            stopping,
            dependencies: self.dependencies().await,
        }
    }

    async fn dependencies(&self) -> Vec<Dependency> {
        // Holding the lock while asking makes simultaneous callers share one answer.
        let mut last = self.inner.last.lock().await;
        if let Some((asked, dependencies)) = last.as_ref()
            && asked.elapsed() < CHECK_LIFETIME
        {
            return dependencies.clone();
        }
        let checks =
            self.inner.checks.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let dependencies = join_all(checks.into_iter().map(|(name, check)| async move {
            let up = tokio::time::timeout(CHECK_TIMEOUT, check()).await.unwrap_or(false);
            Dependency { name, up }
        }))
        .await;
        for dependency in &dependencies {
            self.inner.metrics.set_dependency_up(dependency.name, dependency.up);
        }
        *last = Some((Instant::now(), dependencies.clone()));
        dependencies
    }
}
