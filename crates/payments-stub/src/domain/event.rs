//! Events: what happened, in words that receivers can subscribe to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};

use super::id::RequestId;
use super::idempotency::IdempotencyKey;
use super::refusal::BadParameter;
use super::words::words;

words!(
    /// What can happen.
    EventType {
        /// Somebody wishes to be paid.
        PaymentIntentCreated = "payment_intent.created",
        /// The customer has to act.
        PaymentIntentRequiresAction = "payment_intent.requires_action",
        /// The bank takes its time.
        PaymentIntentProcessing = "payment_intent.processing",
        /// The money is held and can be captured.
        PaymentIntentAmountCapturableUpdated = "payment_intent.amount_capturable_updated",
        /// Paid.
        PaymentIntentSucceeded = "payment_intent.succeeded",
        /// An attempt was declined.
        PaymentIntentPaymentFailed = "payment_intent.payment_failed",
        /// Given up.
        PaymentIntentCanceled = "payment_intent.canceled",
        /// The bank was asked, and takes its time.
        ChargePending = "charge.pending",
        /// The bank said yes: money was taken, or is held.
        ChargeSucceeded = "charge.succeeded",
        /// Money was not taken.
        ChargeFailed = "charge.failed",
        /// What was held was taken, all or part of it.
        ChargeCaptured = "charge.captured",
        /// Money was given back, all or part of it; or what was held was released.
        ChargeRefunded = "charge.refunded",
        /// A refund was made.
        RefundCreated = "refund.created",
        /// A refund's notes were changed.
        RefundUpdated = "refund.updated",
    }
);

/// Which request made something happen, and when.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The request.
    pub request: RequestId,
    /// Its key, if it had one.
    pub key: Option<IdempotencyKey>,
    /// The moment; one for all that a request does.
    pub at: DateTime<Utc>,
    /// Whether anybody is to be told of what happened; clones share it.
    news: Arc<AtomicBool>,
}

impl Origin {
    /// A request at this moment, of which there is no news yet.
    pub fn new(request: RequestId, key: Option<IdempotencyKey>, at: DateTime<Utc>) -> Self {
        Self { request, key, at, news: Arc::default() }
    }

    /// Somebody is to be told, once it is committed.
    pub fn note_news(&self) {
        self.news.store(true, Ordering::Relaxed);
    }

    /// Whether somebody is: then the workers who tell are worth waking.
    pub fn has_news(&self) -> bool {
        self.news.load(Ordering::Relaxed)
    }
}

impl EventType {
    /// Whether its object is a charge.
    pub fn is_about_charges(self) -> bool {
        self.as_str().starts_with("charge.")
    }

    /// The types that a filter means: a name, or a group such as `payment_intent.*`.
    pub fn matching(param: &str, filter: &str) -> Result<Vec<Self>, BadParameter> {
        let prefix =
            filter.strip_suffix('*').filter(|prefix| prefix.ends_with('.') || prefix.is_empty());
        let matches = |kind: &&Self| match prefix {
            Some(prefix) => kind.as_str().starts_with(prefix),
            None => kind.as_str() == filter,
        };
        let found: Vec<_> = Self::ALL.iter().filter(matches).copied().collect();
        if found.is_empty() {
            return Err(BadParameter::new(param, "This gateway knows no such event type."));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_all_of_its_types() {
        assert_eq!(EventType::matching("type", "charge.*").unwrap().len(), 5);
        assert_eq!(EventType::matching("type", "*").unwrap(), EventType::ALL);
        assert_eq!(
            EventType::matching("type", "refund.created").unwrap(),
            [EventType::RefundCreated]
        );
        assert!(EventType::matching("type", "charge").is_err());
        assert!(EventType::matching("type", "customer.*").is_err());
    }
}
