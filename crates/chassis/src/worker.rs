//! Background workers: steps that run beside the requests and stop between two of them.
//!
//! A worker that finds nothing to do sleeps until its interval has passed or somebody wakes it, so an idle one costs
//! nothing. A step that fails is logged, counted and tried again later, ever more slowly: a worker never dies.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::metrics::Metrics;

/// What a step found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Something was done; there may be more.
    Busy,
    /// There was nothing to do.
    Idle,
}

type Step = Box<dyn Fn() -> BoxFuture<'static, anyhow::Result<Progress>> + Send + Sync>;

/// A named loop over a step.
pub struct Worker {
    name: &'static str,
    interval: Duration,
    wake: Arc<Notify>,
    step: Step,
}

const LONGEST_PAUSE: Duration = Duration::from_secs(30);

impl Worker {
    /// Runs `step` until it is [`Progress::Idle`], then again after `interval` or when `wake` is notified.
    pub fn new<F, Fut>(name: &'static str, interval: Duration, wake: Arc<Notify>, step: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<Progress>> + Send + 'static,
    {
        Self { name, interval, wake, step: Box::new(move || Box::pin(step())) }
    }

    /// Loops until `shutdown`; a step that has begun is finished.
    pub async fn run(self, metrics: Metrics, shutdown: CancellationToken) {
        let mut failures = 0_u32;
        while !shutdown.is_cancelled() {
            let span = tracing::info_span!(parent: None, "worker", worker = self.name, trace_id = tracing::field::Empty);
            if let Some(trace_id) = span.in_scope(crate::trace::current_trace_id) {
                span.record("trace_id", trace_id);
            }
            let pause = match (self.step)().instrument(span.clone()).await {
                Ok(Progress::Busy) => {
                    metrics.count_step(self.name, "busy");
                    failures = 0;
                    continue;
                }
                Ok(Progress::Idle) => {
                    metrics.count_step(self.name, "idle");
                    failures = 0;
                    self.interval
                }
                Err(error) => {
                    metrics.count_step(self.name, "error");
                    failures = failures.saturating_add(1);
                    let pause = self.pause_after(failures);
                    span.in_scope(|| {
                        tracing::warn!(
                            cause = format!("{error:#}"),
                            "{} failed, next try in {pause:?}",
                            self.name
                        );
                    });
                    pause
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                // A failing dependency is not helped by being asked more often.
                () = self.wake.notified(), if failures == 0 => {}
                () = shutdown.cancelled() => {}
            }
        }
    }

    fn pause_after(&self, failures: u32) -> Duration {
        let shortest = self.interval.min(Duration::from_secs(1));
        (shortest * 2_u32.saturating_pow(failures.min(10))).min(LONGEST_PAUSE)
    }
}
