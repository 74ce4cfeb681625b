//! What customers and the gateway were told, against what is true.

use std::collections::{BTreeMap, BTreeSet};

use super::gateway::{by_order, is_paid};
use crate::drill::facts::{Facts, View};
use crate::drill::history::{Op, Outcome, What};

/// I4.
pub(super) fn acknowledged_exists(facts: &Facts) -> Vec<String> {
    let orders: BTreeMap<_, _> =
        facts.orders.iter().map(|order| (order.id.as_str(), order)).collect();
    let mut wrong = Vec::new();
    let mut names = BTreeMap::<(usize, &str), BTreeSet<&str>>::new();
    for op in &facts.ops {
        let Some(order) = op.order.as_deref().filter(|_| is_definite(op)) else { continue };
        if !orders.contains_key(order) {
            wrong
                .push(format!("{order} was acknowledged with {:?}, and does not exist", op.status));
        }
        if op.what == What::Place {
            names.entry((op.customer, &op.key)).or_default().insert(order);
        }
    }
    for ((customer, key), orders) in names.iter().filter(|(_, orders)| orders.len() > 1) {
        wrong.push(format!("customer {customer}'s key {key} became {orders:?}"));
    }
    let stored: BTreeSet<_> = facts.events.iter().map(|event| event.id.as_str()).collect();
    let lost = facts.delivered.iter().filter(|event| !stored.contains(event.id.as_str()));
    wrong.extend(
        lost.map(|event| format!("{} ({}) was acknowledged, and is lost", event.id, event.kind)),
    );
    wrong
}

/// 2xx and the refusals that name an order.
fn is_definite(op: &Op) -> bool {
    op.outcome == Outcome::Ok || matches!(op.status, Some(402 | 409))
}

/// I11.
pub(super) fn no_false_failure(facts: &Facts) -> Vec<String> {
    let mut wrong = Vec::new();
    for order in facts.orders.iter().filter(|order| is_paid(order)) {
        let own = || facts.ops.iter().filter(|op| op.order.as_deref() == Some(&order.id));
        let failures = own().filter(|op| says_failed(op));
        // The latest counts: another card may follow each of them.
        if let Some(told) = failures.max_by_key(|op| op.started)
            && !own().any(|op| op.what == What::Pay && op.ended >= told.started)
        {
            let (problem, state) = (&told.problem, &told.state);
            wrong.push(format!("{} is paid; told before: {problem:?} {state:?}", order.id));
        }
        let mut path = facts.history.iter().filter(|moved| moved.order_id == order.id);
        let mut before = "";
        if path.any(|moved| {
            std::mem::replace(&mut before, &moved.state) == "declined" && moved.state == "paid"
        }) {
            wrong.push(format!("{} went from declined to paid", order.id));
        }
    }
    wrong
}

/// Whether the customer must believe that nothing will be charged.
fn says_failed(op: &Op) -> bool {
    let problems = ["payment-declined", "order-expired", "order-cancelled", "insufficient-stock"];
    let states = ["declined", "rejected", "expired", "cancelled"];
    let by_problem = op.problem.as_deref().is_some_and(|it| problems.contains(&it));
    let by_state = op.state.as_deref().is_some_and(|it| states.contains(&it));
    (by_problem && op.outcome == Outcome::Fail)
        || (by_state && op.outcome == Outcome::Ok && op.what != What::Refund)
}

/// I12.
pub(super) fn reading_is_true(facts: &Facts) -> Vec<String> {
    let ledger = by_order(facts);
    let mut wrong = Vec::new();
    for view in &facts.views {
        let View { id, status, state, intent, refunded } = view;
        if *status != Some(200) {
            wrong.push(format!("{id} cannot be read: {status:?}"));
            continue;
        }
        let own = ledger.get(id.as_str()).map(Vec::as_slice).unwrap_or_default();
        let paying = own.iter().find(|it| it.captured > 0 && Some(&it.id) == intent.as_ref());
        let shows_paid = matches!(state.as_str(), "paid" | "refunded");
        if shows_paid != paying.is_some() {
            wrong.push(format!(
                "{id} reads {state} with {intent:?}; the ledger says {}",
                paying.is_some()
            ));
        }
        if let Some(paying) = paying
            && (paying.refunded != *refunded
                || (state == "refunded") != (paying.refunded == paying.captured))
        {
            let back = paying.refunded;
            wrong
                .push(format!("{id} reads {state}, {refunded} given back; the ledger says {back}"));
        }
    }
    wrong
}
