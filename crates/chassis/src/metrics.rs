//! Prometheus metrics of one service, named after OpenTelemetry's semantic conventions (dots become underscores).
//!
//! Labels only ever hold values from a small fixed set: route patterns, never paths; statuses; names of peers.
//! A label that a stranger can choose would let the stranger grow our memory.
//!
//! There is no global registry: a service's [`Metrics`] is made in [`crate::boot`] and passed to what measures.

mod families;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::process_collector::ProcessCollector;
use prometheus::{Encoder as _, IntGauge, Opts, Registry, TextEncoder};
use tokio::runtime::Handle;

use families::{Background, Database, Http, Maker, Runtime};

type ScrapeHook = Box<dyn Fn(&Metrics) + Send + Sync>;

/// All that the chassis measures, and the registry that a service adds its own measurements to.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    hooks: Mutex<Vec<ScrapeHook>>,
    runtimes: Mutex<Vec<Handle>>,
    http: Http,
    database: Database,
    background: Background,
    runtime: Runtime,
}

/// Why the metrics could not be set up: two of one name, or an invalid name. A defect that the first start finds.
#[derive(Debug, thiserror::Error)]
#[error("a metric could not be registered: {0}")]
pub struct MetricsError(#[from] prometheus::Error);

impl Metrics {
    /// The metrics of `service`.
    pub fn new(service: &'static str) -> Result<Self, MetricsError> {
        let registry = Registry::new();
        registry.register(Box::new(ProcessCollector::for_self()))?;
        let build = Opts::new("build_info", "Which build runs: always 1.")
            .const_label("service", service)
            .const_label("version", env!("CARGO_PKG_VERSION"))
            .const_label("profile", if cfg!(debug_assertions) { "debug" } else { "release" });
        let build_info = IntGauge::with_opts(build)?;
        build_info.set(1);
        registry.register(Box::new(build_info))?;
        let make = Maker { registry: &registry };
        let inner = Inner {
            http: Http::new(&make)?,
            database: Database::new(&make)?,
            background: Background::new(&make)?,
            runtime: Runtime::new(&make)?,
            hooks: Mutex::default(),
            runtimes: Mutex::default(),
            registry: registry.clone(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// For a service's own metrics.
    pub fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// Calls `hook` before each scrape, for gauges that are cheaper to read than to keep.
    ///
    /// The hook is given the metrics: one that kept its own clone would keep them, and itself, alive for ever.
    pub fn on_scrape(&self, hook: impl Fn(&Self) + Send + Sync + 'static) {
        self.inner.hooks.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(hook));
    }

    /// Adds the current runtime's threads to the `tokio_*` metrics: each HTTP worker has a runtime of its own.
    pub fn watch_runtime(&self) {
        self.inner.runtimes.lock().unwrap_or_else(PoisonError::into_inner).push(Handle::current());
    }

    /// Everything in Prometheus' text format.
    pub fn render(&self) -> Vec<u8> {
        for hook in self.inner.hooks.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            hook(self);
        }
        self.read_runtimes();
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.inner.registry.gather(), &mut text) {
            tracing::error!(%error, "metrics could not be written");
        }
        text
    }

    /// A request that was answered.
    pub(crate) fn observe_request(&self, method: &str, route: &str, status: u16, took: Duration) {
        let status = status.to_string();
        let labels = [method, route, status.as_str()];
        self.inner.http.server_duration.with_label_values(&labels).observe(took.as_secs_f64());
    }

    /// Counts a request as active until the guard is dropped, whatever happens to it.
    pub(crate) fn active_request(&self) -> ActiveGuard {
        ActiveGuard::new(&self.inner.http.server_active)
    }

    pub(crate) fn count_shed(&self) {
        self.inner.http.server_shed.inc();
    }

    /// One try of a call to `peer`.
    pub(crate) fn observe_call(&self, peer: &str, method: &str, outcome: &str, took: Duration) {
        self.inner
            .http
            .client_duration
            .with_label_values(&[peer, method, outcome])
            .observe(took.as_secs_f64());
    }

    /// One SQL statement; `operation` is its first word.
    pub(crate) fn observe_statement(&self, operation: &str, succeeded: bool, took: Duration) {
        let labels = [operation, outcome(succeeded)];
        self.inner.database.duration.with_label_values(&labels).observe(took.as_secs_f64());
    }

    pub(crate) fn observe_pool_wait(&self, succeeded: bool, took: Duration) {
        self.inner
            .database
            .wait
            .with_label_values(&[outcome(succeeded)])
            .observe(took.as_secs_f64());
        if !succeeded {
            self.inner.database.timeouts.inc();
        }
    }

    pub(crate) fn set_pool(&self, used: usize, idle: usize, max: usize, pending: usize) {
        let gauge = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        self.inner.database.connections.with_label_values(&["used"]).set(gauge(used));
        self.inner.database.connections.with_label_values(&["idle"]).set(gauge(idle));
        self.inner.database.max.set(gauge(max));
        self.inner.database.pending.set(gauge(pending));
    }

    /// A look-up in `cache`: `hit`, `miss`, or `error` (which the caller saw as a miss).
    pub(crate) fn count_cache(&self, cache: &str, outcome: &str) {
        self.inner.background.cache.with_label_values(&[cache, outcome]).inc();
    }

    pub(crate) fn count_delivery(&self, kind: &str, succeeded: bool) {
        self.inner.background.outbox_sent.with_label_values(&[kind, outcome(succeeded)]).inc();
    }

    pub(crate) fn count_abandoned(&self, kind: &str) {
        self.inner.background.outbox_sent.with_label_values(&[kind, "abandoned"]).inc();
    }

    pub(crate) fn set_outbox(&self, pending: i64, oldest: Duration) {
        self.inner.background.outbox_pending.set(pending);
        self.inner.background.outbox_lag.set(oldest.as_secs_f64());
    }

    pub(crate) fn count_step(&self, worker: &str, outcome: &str) {
        self.inner.background.worker_steps.with_label_values(&[worker, outcome]).inc();
    }

    pub(crate) fn set_dependency_up(&self, name: &str, up: bool) {
        self.inner.background.dependency_up.with_label_values(&[name]).set(i64::from(up));
    }

    fn read_runtimes(&self) {
        let runtimes = self.inner.runtimes.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut workers, mut tasks, mut queue) = (0, 0, 0);
        for metrics in runtimes.iter().map(Handle::metrics) {
            for worker in 0..metrics.num_workers() {
                let busy = metrics.worker_total_busy_duration(worker).as_secs_f64();
                self.inner
                    .runtime
                    .busy
                    .with_label_values(&[(workers + worker).to_string()])
                    .set(busy);
            }
            workers += metrics.num_workers();
            tasks += metrics.num_alive_tasks();
            queue += metrics.global_queue_depth();
        }
        let gauge = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        self.inner.runtime.workers.set(gauge(workers));
        self.inner.runtime.tasks.set(gauge(tasks));
        self.inner.runtime.queue.set(gauge(queue));
    }
}

/// Falls when dropped, so that a request that panics or is cut off does not count for ever.
pub(crate) struct ActiveGuard(IntGauge);

impl ActiveGuard {
    fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for ActiveGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn outcome(succeeded: bool) -> &'static str {
    if succeeded { "success" } else { "error" }
}
