//! The shop itself: receipts, stock, histories, and that everything comes to an end.

use std::collections::{BTreeMap, BTreeSet};

use super::gateway::is_paid;
use crate::drill::facts::{Facts, Moved, Stock};

/// I6.
pub(super) fn one_receipt(facts: &Facts) -> Vec<String> {
    // A mail that is sent again has the same name, and mailboxes show it once.
    let mut receipts = BTreeMap::<&str, BTreeSet<&str>>::new();
    for mail in &facts.mails {
        let name = mail.message_id.split('@').next().unwrap_or_default();
        if let Some((_, order)) = name.split_once("receipt.") {
            receipts.entry(order).or_default().insert(&mail.message_id);
        }
    }
    let mut wrong = Vec::new();
    for order in &facts.orders {
        let count = receipts.remove(order.id.as_str()).unwrap_or_default().len();
        if count != usize::from(is_paid(order)) {
            wrong.push(format!("{} is {} and has {count} receipts", order.id, order.state));
        }
    }
    wrong.extend(
        receipts.keys().map(|order| format!("a receipt for {order}, which does not exist")),
    );
    wrong
}

/// I7.
pub(super) fn stock_adds_up(facts: &Facts) -> Vec<String> {
    let mut wrong = Vec::new();
    for stock in &facts.stock {
        let Stock { book_id, available, reserved, sold, initial } = stock;
        let is_negative = [available, reserved, sold].into_iter().any(|count| *count < 0);
        if is_negative || available + reserved + sold != *initial {
            wrong.push(format!("{book_id}: {initial} became {available} + {reserved} + {sold}"));
        }
        if *reserved != 0 && facts.backlog.is_empty() {
            wrong.push(format!("{book_id}: {reserved} are still reserved"));
        }
    }
    wrong
}

/// I8.
pub(super) fn history_is_a_path(facts: &Facts) -> Vec<String> {
    let mut histories = BTreeMap::<&str, Vec<&Moved>>::new();
    for moved in &facts.history {
        histories.entry(&moved.order_id).or_default().push(moved);
    }
    let mut wrong = Vec::new();
    for order in &facts.orders {
        let mut steps = histories.remove(order.id.as_str()).unwrap_or_default();
        steps.sort_by_key(|moved| moved.sequence);
        let path: Vec<_> = steps.iter().map(|moved| moved.state.as_str()).collect();
        let is_counted = steps.iter().zip(1..).all(|(moved, number)| moved.sequence == number);
        let is_legal = path.windows(2).all(|edge| match edge {
            [from, to] => facts.edges.iter().any(|(a, b)| a == from && b == to),
            _ => false,
        });
        let ends_right = path.last() == Some(&order.state.as_str());
        if !is_counted || !is_legal || !ends_right || path.first() != Some(&"created") {
            wrong.push(format!("{} is {}, by way of {}", order.id, order.state, path.join(" → ")));
        }
    }
    wrong.extend(
        histories.keys().map(|order| format!("a history of {order}, which does not exist")),
    );
    wrong
}

/// I9.
pub(super) fn forgery_changes_nothing(facts: &Facts) -> Vec<String> {
    let changed = facts.forged.iter().filter(|(before, after)| before != after);
    changed
        .map(|(before, after)| format!("the tables hashed to {before}, then to {after}"))
        .collect()
}

/// I10.
pub(super) fn everything_ends(facts: &Facts) -> Vec<String> {
    if facts.backlog.is_empty() { Vec::new() } else { vec![format!("{:?}", facts.backlog)] }
}
