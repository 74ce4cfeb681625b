//! Money: the gateway's ledger against the orders.

use std::collections::BTreeMap;

use crate::drill::facts::{Facts, Intent, Order};

/// I1.
pub(super) fn one_charge(facts: &Facts) -> Vec<String> {
    let mut wrong = Vec::new();
    for (order, intents) in by_order(facts) {
        let charges = intents.iter().flat_map(|intent| &intent.charges);
        let taken = charges.filter(|charge| charge.status == "succeeded").count();
        if taken > 1 {
            wrong.push(format!("{order} was charged {taken} times"));
        }
        if intents.len() > 1 && !facts.keys_were_pruned {
            wrong.push(format!("{order} has {} PaymentIntents", intents.len()));
        }
    }
    wrong
}

/// I2.
pub(super) fn paid_is_taken(facts: &Facts) -> Vec<String> {
    let ledger = by_order(facts);
    let mut wrong = Vec::new();
    for order in &facts.orders {
        let intents = ledger.get(order.id.as_str()).map(Vec::as_slice).unwrap_or_default();
        let taken: i64 = intents.iter().map(|intent| intent.captured).sum();
        let currency_differs = intents.iter().any(|intent| {
            intent.captured > 0 && !intent.currency.eq_ignore_ascii_case(&order.currency)
        });
        let expected = if is_paid(order) { order.total } else { 0 };
        // Money for an order that is over goes back: that is I3's subject.
        let went_back: i64 = intents.iter().map(|intent| intent.refunded).sum();
        if taken != expected && (is_paid(order) || taken != went_back) {
            let Order { id, state, total, .. } = order;
            wrong.push(format!("{id} is {state}, its total is {total}, and {taken} were taken"));
        }
        if currency_differs {
            wrong.push(format!("{} was charged in another currency", order.id));
        }
        if is_paid(order) != order.paid {
            wrong.push(format!("{} is {}, and its payment says otherwise", order.id, order.state));
        }
    }
    wrong
}

/// I3.
pub(super) fn no_orphan_charge(facts: &Facts) -> Vec<String> {
    let orders: BTreeMap<_, _> =
        facts.orders.iter().map(|order| (order.id.as_str(), order)).collect();
    let taken = facts.ledger.payment_intents.iter().filter(|intent| intent.captured > 0);
    taken
        .filter_map(|intent| {
            let order = intent.order_id.as_deref().and_then(|id| orders.get(id));
            let belongs = order.is_some_and(|order| {
                is_paid(order) && order.intent_id.as_deref() == Some(intent.id.as_str())
            });
            let is_orphan = !belongs && intent.captured != intent.refunded;
            let Intent { id, captured, order_id, .. } = intent;
            is_orphan
                .then(|| format!("{id} took {captured} for {order_id:?}, which is not paid by it"))
        })
        .collect()
}

/// I5.
pub(super) fn refunds_fit(facts: &Facts) -> Vec<String> {
    let mut wrong = Vec::new();
    for (currency, accounts) in &facts.ledger.balances {
        let sum: i64 = accounts.values().sum();
        if sum != 0 {
            wrong.push(format!("the books in {currency} add up to {sum}"));
        }
    }
    let mut refunds = BTreeMap::<&str, usize>::new();
    for intent in &facts.ledger.payment_intents {
        if intent.refunded > intent.captured {
            wrong.push(format!(
                "{} took {}, gave back {}",
                intent.id, intent.captured, intent.refunded
            ));
        }
        for refund in &intent.refunds {
            let name = refund.metadata.get("refund_id").map_or(refund.id.as_str(), String::as_str);
            *refunds.entry(name).or_default() += 1;
        }
    }
    let twice = refunds.iter().filter(|(_, count)| **count > 1);
    wrong.extend(twice.map(|(name, count)| format!("{name} went back {count} times")));
    for order in &facts.orders {
        let own = facts.refunds.iter().filter(|refund| refund.order_id == order.id);
        let sum: i64 = own.filter(|it| it.state == "succeeded").map(|it| it.amount).sum();
        if sum > order.total || (is_paid(order) && sum != order.refunded) {
            let Order { id, total, refunded, .. } = order;
            wrong
                .push(format!("{id} of {total}: refunds of {sum}, {refunded} noted as given back"));
        }
    }
    wrong.extend(broken_promises(facts));
    wrong
}

/// A refund that was accepted, and failed.
fn broken_promises(facts: &Facts) -> Vec<String> {
    let failed = facts.refunds.iter().filter(|refund| refund.state == "failed");
    failed
        .filter(|refund| {
            let accepted = facts.ops.iter().filter(|op| matches!(op.status, Some(201 | 202)));
            accepted.into_iter().any(|op| op.refund.as_deref() == Some(refund.id.as_str()))
        })
        .map(|refund| format!("{} was accepted, and failed", refund.id))
        .collect()
}

/// Refunded orders were paid.
pub(super) fn is_paid(order: &Order) -> bool {
    matches!(order.state.as_str(), "paid" | "refunded")
}

/// What the gateway has for each order.
pub(super) fn by_order(facts: &Facts) -> BTreeMap<&str, Vec<&Intent>> {
    let mut orders = BTreeMap::<&str, Vec<&Intent>>::new();
    for intent in &facts.ledger.payment_intents {
        orders.entry(intent.order_id.as_deref().unwrap_or("nobody")).or_default().push(intent);
    }
    orders
}
