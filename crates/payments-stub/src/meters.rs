//! What this gateway counts beside what every service counts.

use chassis::metrics::{Metrics, MetricsError};
use prometheus::{IntCounterVec, Opts};

/// The counters.
#[derive(Clone)]
pub struct Meters {
    charges: IntCounterVec,
    deliveries: IntCounterVec,
}

impl Meters {
    /// Registers them.
    pub fn new(metrics: &Metrics) -> Result<Self, MetricsError> {
        let counter = |name, help, outcomes: &[&str]| -> Result<IntCounterVec, MetricsError> {
            let counter = IntCounterVec::new(Opts::new(name, help), &["outcome"])?;
            metrics.registry().register(Box::new(counter.clone()))?;
            for outcome in outcomes {
                // From zero: the first one after a start is an increase, too.
                counter.with_label_values(&[outcome]).reset();
            }
            Ok(counter)
        };
        let charges = "Attempts to take money, by what came of them; a slow bank's first as pending, then as what it said.";
        let deliveries = "Attempts to deliver a webhook, by what came of them.";
        Ok(Self {
            charges: counter(
                "gateway_charges_total",
                charges,
                &["succeeded", "pending", "declined"],
            )?,
            deliveries: counter(
                "gateway_webhook_deliveries_total",
                deliveries,
                &["delivered", "failed", "abandoned"],
            )?,
        })
    }

    /// An attempt that was committed, by its outcome; `None` counts nothing.
    pub fn count_charge(&self, outcome: Option<&'static str>) {
        if let Some(outcome) = outcome {
            self.charges.with_label_values(&[outcome]).inc();
        }
    }

    /// An attempt to deliver: `delivered`, `failed` (it will be tried again) or `abandoned`.
    pub fn count_delivery(&self, outcome: &'static str) {
        self.deliveries.with_label_values(&[outcome]).inc();
    }
}
