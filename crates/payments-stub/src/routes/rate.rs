//! How often clients may call. The limit belongs to the key: whoever has none is refused before it is counted, so that
//! strangers cannot use it up; and it comes before the body is read and before the idempotency key is looked at, so
//! that a refused request leaves nothing behind.

use std::sync::Arc;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::errors::StripeError;
use crate::config::Api;

/// A bucket that holds a burst and is filled again at the rate; clones share it.
#[derive(Clone)]
pub struct RateLimit(Arc<DefaultDirectRateLimiter>);

impl RateLimit {
    /// A full bucket.
    pub fn new(settings: &Api) -> Self {
        let quota = Quota::per_second(settings.requests_per_second).allow_burst(settings.burst);
        Self(Arc::new(RateLimiter::direct(quota)))
    }

    /// Takes one request's worth out of the bucket, or refuses the request.
    pub fn admit(&self) -> Result<(), StripeError> {
        self.0.check().map_err(|_not_until| StripeError::too_many_requests())
    }
}
