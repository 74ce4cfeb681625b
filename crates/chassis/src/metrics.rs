//! Prometheus metrics of one service, named after OpenTelemetry's semantic conventions (dots become underscores).
//!
//! Labels only ever hold values from a small fixed set: route patterns, never paths; statuses; names of peers.
//! A label that a stranger can choose would let the stranger grow our memory.
//!
//! There is no global registry: a service's [`Metrics`] is made in [`crate::boot`] and passed to what measures.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::process_collector::ProcessCollector;
use prometheus::{
    Encoder as _, Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec,
    IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};
use tokio::runtime::Handle;

/// The buckets that the HTTP conventions prescribe, in seconds.
const HTTP_BUCKETS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// The buckets that the database conventions prescribe, in seconds.
const DATABASE_BUCKETS: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

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
    server_duration: HistogramVec,
    server_active: IntGauge,
    server_shed: IntCounter,
    client_duration: HistogramVec,
    database_duration: HistogramVec,
    pool_connections: IntGaugeVec,
    pool_max: IntGauge,
    pool_pending: IntGauge,
    pool_wait: HistogramVec,
    pool_timeouts: IntCounter,
    cache: IntCounterVec,
    outbox_sent: IntCounterVec,
    outbox_pending: IntGauge,
    outbox_lag: Gauge,
    worker_runs: IntCounterVec,
    dependency_up: IntGaugeVec,
    tokio_workers: IntGauge,
    tokio_tasks: IntGauge,
    tokio_queue: IntGauge,
    tokio_busy: GaugeVec,
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
            server_duration: make.histogram(
                (
                    "http_server_request_duration_seconds",
                    "How long requests took, by route pattern.",
                ),
                &["http_request_method", "http_route", "http_response_status_code"],
                HTTP_BUCKETS,
            )?,
            server_active: make
                .gauge("http_server_active_requests", "Requests being answered now.")?,
            server_shed: make.counter(
                "http_server_shed_requests_total",
                "Requests refused because too many ran.",
            )?,
            client_duration: make.histogram(
                (
                    "http_client_request_duration_seconds",
                    "How long calls to other services took, one try each.",
                ),
                &["peer", "http_request_method", "outcome"],
                HTTP_BUCKETS,
            )?,
            database_duration: make.histogram(
                ("db_client_operation_duration_seconds", "How long SQL statements took."),
                &["db_operation_name", "outcome"],
                DATABASE_BUCKETS,
            )?,
            pool_connections: make.gauges(
                "db_client_connection_count",
                "Connections of the database pool.",
                &["db_client_connection_state"],
            )?,
            pool_max: make
                .gauge("db_client_connection_max", "The most connections the pool may open.")?,
            pool_pending: make.gauge(
                "db_client_connection_pending_requests",
                "Tasks waiting for a connection.",
            )?,
            pool_wait: make.histogram(
                (
                    "db_client_connection_wait_time_seconds",
                    "How long tasks waited for a connection.",
                ),
                &["outcome"],
                DATABASE_BUCKETS,
            )?,
            pool_timeouts: make.counter(
                "db_client_connection_timeouts_total",
                "Waits for a connection given up.",
            )?,
            cache: make.counters(
                "cache_requests_total",
                "Cache look-ups by their outcome.",
                &["cache", "outcome"],
            )?,
            outbox_sent: make.counters(
                "outbox_deliveries_total",
                "Outbox rows handed on.",
                &["kind", "outcome"],
            )?,
            outbox_pending: make.gauge("outbox_pending", "Outbox rows not yet delivered.")?,
            outbox_lag: make.float(
                "outbox_lag_seconds",
                "The age of the oldest outbox row not yet delivered.",
            )?,
            worker_runs: make.counters(
                "worker_steps_total",
                "Steps of background workers.",
                &["worker", "outcome"],
            )?,
            dependency_up: make.gauges(
                "dependency_up",
                "Whether a dependency answered last time.",
                &["dependency"],
            )?,
            tokio_workers: make.gauge("tokio_workers", "Threads that run asynchronous tasks.")?,
            tokio_tasks: make.gauge("tokio_alive_tasks", "Asynchronous tasks that exist now.")?,
            tokio_queue: make.gauge(
                "tokio_global_queue_depth",
                "Tasks waiting in the runtimes' shared queues.",
            )?,
            tokio_busy: make.floats(
                "tokio_worker_busy_seconds_total",
                "Time spent running tasks.",
                &["worker"],
            )?,
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
        let labels = [method, route, status_text(status)];
        self.inner.server_duration.with_label_values(&labels).observe(took.as_secs_f64());
    }

    /// Counts a request as active until the guard is dropped, whatever happens to it.
    pub(crate) fn active_request(&self) -> ActiveGuard {
        ActiveGuard::new(&self.inner.server_active)
    }

    pub(crate) fn count_shed(&self) {
        self.inner.server_shed.inc();
    }

    /// One try of a call to `peer`.
    pub(crate) fn observe_call(&self, peer: &str, method: &str, outcome: &str, took: Duration) {
        self.inner
            .client_duration
            .with_label_values(&[peer, method, outcome])
            .observe(took.as_secs_f64());
    }

    /// One SQL statement; `operation` is its first word.
    pub(crate) fn observe_statement(&self, operation: &str, succeeded: bool, took: Duration) {
        let labels = [operation, outcome(succeeded)];
        self.inner.database_duration.with_label_values(&labels).observe(took.as_secs_f64());
    }

    pub(crate) fn observe_pool_wait(&self, succeeded: bool, took: Duration) {
        self.inner.pool_wait.with_label_values(&[outcome(succeeded)]).observe(took.as_secs_f64());
        if !succeeded {
            self.inner.pool_timeouts.inc();
        }
    }

    pub(crate) fn set_pool(&self, used: usize, idle: usize, max: usize, pending: usize) {
        let gauge = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        self.inner.pool_connections.with_label_values(&["used"]).set(gauge(used));
        self.inner.pool_connections.with_label_values(&["idle"]).set(gauge(idle));
        self.inner.pool_max.set(gauge(max));
        self.inner.pool_pending.set(gauge(pending));
    }

    /// A look-up in `cache`: `hit`, `miss`, or `error` (which the caller saw as a miss).
    pub(crate) fn count_cache(&self, cache: &str, outcome: &str) {
        self.inner.cache.with_label_values(&[cache, outcome]).inc();
    }

    pub(crate) fn count_delivery(&self, kind: &str, succeeded: bool) {
        self.inner.outbox_sent.with_label_values(&[kind, outcome(succeeded)]).inc();
    }

    pub(crate) fn set_outbox(&self, pending: i64, oldest: Duration) {
        self.inner.outbox_pending.set(pending);
        self.inner.outbox_lag.set(oldest.as_secs_f64());
    }

    pub(crate) fn count_step(&self, worker: &str, outcome: &str) {
        self.inner.worker_runs.with_label_values(&[worker, outcome]).inc();
    }

    pub(crate) fn set_dependency_up(&self, name: &str, up: bool) {
        self.inner.dependency_up.with_label_values(&[name]).set(i64::from(up));
    }

    fn read_runtimes(&self) {
        let runtimes = self.inner.runtimes.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut workers, mut tasks, mut queue) = (0, 0, 0);
        for metrics in runtimes.iter().map(Handle::metrics) {
            for worker in 0..metrics.num_workers() {
                let busy = metrics.worker_total_busy_duration(worker).as_secs_f64();
                self.inner
                    .tokio_busy
                    .with_label_values(&[(workers + worker).to_string()])
                    .set(busy);
            }
            workers += metrics.num_workers();
            tasks += metrics.num_alive_tasks();
            queue += metrics.global_queue_depth();
        }
        let gauge = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        self.inner.tokio_workers.set(gauge(workers));
        self.inner.tokio_tasks.set(gauge(tasks));
        self.inner.tokio_queue.set(gauge(queue));
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

/// Statuses as text without an allocation for the ones that happen.
fn status_text(status: u16) -> &'static str {
    match status {
        200 => "200",
        201 => "201",
        202 => "202",
        204 => "204",
        304 => "304",
        400 => "400",
        401 => "401",
        402 => "402",
        403 => "403",
        404 => "404",
        405 => "405",
        409 => "409",
        413 => "413",
        415 => "415",
        422 => "422",
        429 => "429",
        500 => "500",
        502 => "502",
        503 => "503",
        504 => "504",
        1..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}

/// Makes a metric and registers it.
struct Maker<'a> {
    registry: &'a Registry,
}

impl Maker<'_> {
    fn register<C: prometheus::core::Collector + Clone + 'static>(
        &self,
        metric: C,
    ) -> prometheus::Result<C> {
        self.registry.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn histogram(
        &self,
        (name, help): (&str, &str),
        labels: &[&str],
        buckets: &[f64],
    ) -> prometheus::Result<HistogramVec> {
        self.register(HistogramVec::new(
            HistogramOpts::new(name, help).buckets(buckets.to_vec()),
            labels,
        )?)
    }

    fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        self.register(IntCounter::new(name, help)?)
    }

    fn counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> prometheus::Result<IntCounterVec> {
        self.register(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        self.register(IntGauge::new(name, help)?)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
        self.register(IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    fn float(&self, name: &str, help: &str) -> prometheus::Result<Gauge> {
        self.register(Gauge::new(name, help)?)
    }

    fn floats(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<GaugeVec> {
        self.register(GaugeVec::new(Opts::new(name, help), labels)?)
    }
}
