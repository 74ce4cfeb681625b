//! Bugs that can be switched on, in test builds only (cargo feature `planted-bugs`): a fault drill that never fails
//! proves nothing. Each is a mistake that real shops have made; `backbone drill checkout --bug …` must find it.

use serde::{Deserialize, Serialize};

/// A mistake, and what the right code does instead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bug {
    /// None.
    #[default]
    None,
    /// A random key for every call, instead of the row's.
    NoKey,
    /// A webhook is acknowledged before it is stored.
    EarlyAcknowledgement,
    /// What is left to refund is looked up without a lock, and not taken.
    UnlockedRefund,
    /// The PaymentIntent is confirmed before its identifier is stored.
    EarlyConfirm,
    /// What was learnt from an old version of an order is written all the same.
    NoFencing,
    /// A timeout is taken for a decline.
    TimeoutIsFailure,
}

/// Which bug is planted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Planted {
    #[cfg(feature = "planted-bugs")]
    #[serde(default)]
    bug: Bug,
}

impl Planted {
    /// Whether it is this one. In other builds than those of tests: never, and the compiler knows.
    #[cfg(feature = "planted-bugs")]
    pub fn has(self, bug: Bug) -> bool {
        self.bug == bug
    }

    /// Never.
    #[cfg(not(feature = "planted-bugs"))]
    pub const fn has(self, _: Bug) -> bool {
        false
    }
}
