//! The invariants I1–I12: what must be true whatever broke. Each is a small function from the [`Facts`] to what is wrong.
//!
//! They ask different witnesses about the same thing: the gateway's ledger, the tables of orders and catalog, the mail
//! server, and what customers were told. A defect that deceives one of them does not deceive the others.

mod customers;
mod gateway;
mod shop;

#[cfg(test)]
mod tests;

use serde::Serialize;

use super::facts::Facts;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Violation {
    /// Which invariant: `I1`.
    pub(crate) invariant: &'static str,
    /// What is wrong, with the names of those concerned.
    pub(crate) what: String,
}

/// An invariant: its name, what it says, and the check.
pub(crate) struct Invariant {
    pub(crate) name: &'static str,
    pub(crate) says: &'static str,
    check: fn(&Facts) -> Vec<String>,
}

/// All of them.
pub(crate) const INVARIANTS: [Invariant; 12] = [
    Invariant {
        name: "I1",
        says: "an order has at most one PaymentIntent and at most one charge",
        check: gateway::one_charge,
    },
    Invariant {
        name: "I2",
        says: "an order is paid if and only if exactly its total was taken",
        check: gateway::paid_is_taken,
    },
    Invariant {
        name: "I3",
        says: "every charge belongs to a paid order, or went back in full",
        check: gateway::no_orphan_charge,
    },
    Invariant {
        name: "I4",
        says: "what was acknowledged exists: an order under one key, an event",
        check: customers::acknowledged_exists,
    },
    Invariant {
        name: "I5",
        says: "never more goes back than was taken; an accepted refund does not fail; the books balance",
        check: gateway::refunds_fit,
    },
    Invariant {
        name: "I6",
        says: "a paid order has exactly one receipt, and no other order has one",
        check: shop::one_receipt,
    },
    Invariant {
        name: "I7",
        says: "initial = available + reserved + sold, none negative, and nothing reserved at rest",
        check: shop::stock_adds_up,
    },
    Invariant {
        name: "I8",
        says: "the history of an order is a path of its graph, without gaps",
        check: shop::history_is_a_path,
    },
    Invariant {
        name: "I9",
        says: "a forged message changes no row",
        check: shop::forgery_changes_nothing,
    },
    Invariant {
        name: "I10",
        says: "within a minute after the last fault nothing is left to be done",
        check: shop::everything_ends,
    },
    Invariant {
        name: "I11",
        says: "nobody is told `failed` about an order that is paid later without a new card",
        check: customers::no_false_failure,
    },
    Invariant {
        name: "I12",
        says: "what a customer reads at rest is what the ledger says",
        check: customers::reading_is_true,
    },
];

/// Everything that is wrong.
pub(crate) fn violations(facts: &Facts) -> Vec<Violation> {
    let checked = INVARIANTS.iter().flat_map(|invariant| {
        let name = invariant.name;
        (invariant.check)(facts).into_iter().map(move |what| Violation { invariant: name, what })
    });
    checked.collect()
}
