//! Time, passed in. Code that asks the operating system for the time cannot be tested at midnight.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

/// Where a service gets the time from: the system, shifted by an offset that only tests ever set.
///
/// Clones share the offset.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    offset_millis: Arc<AtomicI64>,
}

impl Clock {
    /// The time now, in UTC, in whole microseconds: what PostgreSQL's `timestamptz` can hold,
    /// so that a value compares equal to itself after a round trip through the database.
    pub fn now(&self) -> DateTime<Utc> {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system")]
        let now = Utc::now();
        let now = now + TimeDelta::milliseconds(self.offset_millis.load(Ordering::Relaxed));
        now.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(now)
    }

    /// Moves this clock, and all its clones, forward. For tests and for control planes of stand-ins.
    pub fn advance(&self, by: TimeDelta) {
        self.offset_millis.fetch_add(by.num_milliseconds(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_advance_together() {
        let clock = Clock::default();
        let clone = clock.clone();
        let before = clone.now();
        clock.advance(TimeDelta::hours(1));
        assert!(clone.now() - before >= TimeDelta::hours(1));
    }
}
