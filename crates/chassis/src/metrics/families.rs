//! The families that the chassis measures, and how they are made.

use prometheus::{
    Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, Result,
};

/// The buckets that the HTTP conventions prescribe, in seconds.
const HTTP_BUCKETS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// The buckets that the database conventions prescribe, in seconds.
const DATABASE_BUCKETS: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

/// Requests that we answer, and calls that we make.
pub(super) struct Http {
    pub(super) server_duration: HistogramVec,
    pub(super) server_active: IntGauge,
    pub(super) server_shed: IntCounter,
    pub(super) client_duration: HistogramVec,
}

/// Statements, and the pool of connections that they wait for.
pub(super) struct Database {
    pub(super) duration: HistogramVec,
    pub(super) connections: IntGaugeVec,
    pub(super) max: IntGauge,
    pub(super) pending: IntGauge,
    pub(super) wait: HistogramVec,
    pub(super) timeouts: IntCounter,
}

/// What goes on beside requests, and what it depends on.
pub(super) struct Background {
    pub(super) cache: IntCounterVec,
    pub(super) outbox_sent: IntCounterVec,
    pub(super) outbox_pending: IntGauge,
    pub(super) outbox_lag: Gauge,
    pub(super) worker_steps: IntCounterVec,
    pub(super) dependency_up: IntGaugeVec,
}

/// The asynchronous runtimes: one for background work, one for each HTTP worker.
pub(super) struct Runtime {
    pub(super) workers: IntGauge,
    pub(super) tasks: IntGauge,
    pub(super) queue: IntGauge,
    pub(super) busy: GaugeVec,
}

impl Http {
    pub(super) fn new(make: &Maker<'_>) -> Result<Self> {
        Ok(Self {
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
        })
    }
}

impl Database {
    pub(super) fn new(make: &Maker<'_>) -> Result<Self> {
        Ok(Self {
            duration: make.histogram(
                ("db_client_operation_duration_seconds", "How long SQL statements took."),
                &["db_operation_name", "outcome"],
                DATABASE_BUCKETS,
            )?,
            connections: make.gauges(
                "db_client_connection_count",
                "Connections of the database pool.",
                &["db_client_connection_state"],
            )?,
            max: make
                .gauge("db_client_connection_max", "The most connections the pool may open.")?,
            pending: make.gauge(
                "db_client_connection_pending_requests",
                "Tasks waiting for a connection.",
            )?,
            wait: make.histogram(
                (
                    "db_client_connection_wait_time_seconds",
                    "How long tasks waited for a connection.",
                ),
                &["outcome"],
                DATABASE_BUCKETS,
            )?,
            timeouts: make.counter(
                "db_client_connection_timeouts_total",
                "Waits for a connection given up.",
            )?,
        })
    }
}

impl Background {
    pub(super) fn new(make: &Maker<'_>) -> Result<Self> {
        Ok(Self {
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
            worker_steps: make.counters(
                "worker_steps_total",
                "Steps of background workers.",
                &["worker", "outcome"],
            )?,
            dependency_up: make.gauges(
                "dependency_up",
                "Whether a dependency answered last time.",
                &["dependency"],
            )?,
        })
    }
}

impl Runtime {
    pub(super) fn new(make: &Maker<'_>) -> Result<Self> {
        Ok(Self {
            workers: make.gauge("tokio_workers", "Threads that run asynchronous tasks.")?,
            tasks: make.gauge("tokio_alive_tasks", "Asynchronous tasks that exist now.")?,
            queue: make.gauge(
                "tokio_global_queue_depth",
                "Tasks waiting in the runtimes' shared queues.",
            )?,
            busy: make.floats(
                "tokio_worker_busy_seconds_total",
                "Time spent running tasks.",
                &["worker"],
            )?,
        })
    }
}

/// Makes a metric and registers it.
pub(super) struct Maker<'a> {
    pub(super) registry: &'a Registry,
}

impl Maker<'_> {
    fn register<C: prometheus::core::Collector + Clone + 'static>(&self, metric: C) -> Result<C> {
        self.registry.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    pub(super) fn histogram(
        &self,
        (name, help): (&str, &str),
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<HistogramVec> {
        self.register(HistogramVec::new(
            HistogramOpts::new(name, help).buckets(buckets.to_vec()),
            labels,
        )?)
    }

    pub(super) fn counter(&self, name: &str, help: &str) -> Result<IntCounter> {
        self.register(IntCounter::new(name, help)?)
    }

    pub(super) fn counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntCounterVec> {
        self.register(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> Result<IntGauge> {
        self.register(IntGauge::new(name, help)?)
    }

    pub(super) fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec> {
        self.register(IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    pub(super) fn float(&self, name: &str, help: &str) -> Result<Gauge> {
        self.register(Gauge::new(name, help)?)
    }

    pub(super) fn floats(&self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec> {
        self.register(GaugeVec::new(Opts::new(name, help), labels)?)
    }
}
