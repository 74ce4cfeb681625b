//! What customers asked for and were told: a record that the checks hold against the truth.
//!
//! As in Jepsen, an outcome may be *unknown*: no answer came, or one that says nothing. What was asked for then happened
//! once or not at all, and the checks must allow both.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    /// `POST /v1/orders`
    Place,
    /// `GET /v1/orders/{id}`
    Read,
    /// `POST /v1/orders/{id}/payment` with another card.
    Pay,
    /// `POST /v1/orders/{id}/payment` without one: look again.
    Look,
    /// `POST /v1/orders/{id}/cancel`
    Cancel,
    /// `POST /v1/orders/{id}/refunds`
    Refund,
}

/// What the customer knows afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// 2xx.
    Ok,
    /// 4xx: it was refused.
    Fail,
    /// Anything else.
    Unknown,
}

/// One request and its answer. Times are milliseconds since the history began.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Op {
    pub(crate) what: What,
    pub(crate) customer: usize,
    /// The idempotency key; empty where there is none.
    pub(crate) key: String,
    pub(crate) started: u64,
    pub(crate) ended: u64,
    pub(crate) outcome: Outcome,
    pub(crate) status: Option<u16>,
    /// The order's identifier, when the question or the answer names it.
    pub(crate) order: Option<String>,
    /// The state in which the answer shows the order, or the refund.
    pub(crate) state: Option<String>,
    /// The kind of problem: `payment-declined`.
    pub(crate) problem: Option<String>,
    /// The refund that the answer names.
    pub(crate) refund: Option<String>,
}

/// All of them, in the order in which they ended.
pub(crate) struct History {
    began: Instant,
    ops: Mutex<Vec<Op>>,
}

impl History {
    /// An empty one, that begins now.
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), ops: Mutex::default() }
    }

    /// Milliseconds since it began.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Adds one.
    pub(crate) fn add(&self, op: Op) {
        self.ops.lock().unwrap_or_else(PoisonError::into_inner).push(op);
    }

    /// A copy of all.
    pub(crate) fn ops(&self) -> Vec<Op> {
        self.ops.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
