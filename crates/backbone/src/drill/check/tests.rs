//! Each invariant is fed a world in which only it is broken: a checker that finds nothing wrong must be able to.

use super::*;
use crate::drill::facts::{
    Backlog, Charge, Event, GatewayRefund, Intent, Ledger, Moved, Order, Refund, Stock, View,
};
use crate::drill::history::{Op, Outcome, What};
use crate::drill::smtp::Mail;

/// One order of 500, paid and told so; 100 of them went back.
fn sound() -> Facts {
    let name = |text: &str| text.to_owned();
    let moved =
        |sequence, state: &str| Moved { order_id: name("ord_1"), sequence, state: name(state) };
    let edge = |from: &str, to: &str| (name(from), name(to));
    Facts {
        ledger: ledger(),
        orders: vec![Order {
            id: name("ord_1"),
            user_id: name("u"),
            key: name("k"),
            state: name("paid"),
            total: 500,
            currency: name("EUR"),
            intent_id: Some(name("pi_1")),
            paid: true,
            refunded: 100,
        }],
        refunds: vec![Refund {
            id: name("ref_1"),
            order_id: name("ord_1"),
            amount: 100,
            state: name("succeeded"),
        }],
        history: vec![moved(1, "created"), moved(2, "confirming"), moved(3, "paid")],
        events: vec![Event { id: name("evt_1"), kind: name("payment_intent.succeeded") }],
        delivered: vec![Event { id: name("evt_1"), kind: name("payment_intent.succeeded") }],
        stock: vec![Stock { book_id: name("b"), available: 8, reserved: 0, sold: 2, initial: 10 }],
        mails: vec![Mail { message_id: name("receipt.ord_1@shop"), to: name("reader") }; 2],
        ops: vec![op(What::Place, 201, "paid"), op(What::Refund, 201, "succeeded")],
        views: vec![View {
            id: name("ord_1"),
            status: Some(200),
            state: name("paid"),
            intent: Some(name("pi_1")),
            refunded: 100,
        }],
        edges: vec![
            edge("created", "confirming"),
            edge("confirming", "paid"),
            edge("declined", "paid"),
            edge("confirming", "declined"),
        ],
        forged: vec![(name("a"), name("a"))],
        ..Facts::default()
    }
}

fn ledger() -> Ledger {
    let name = |text: &str| text.to_owned();
    let refund = GatewayRefund {
        id: name("re_1"),
        amount: 100,
        status: name("succeeded"),
        metadata: [(name("refund_id"), name("ref_1"))].into(),
    };
    Ledger {
        payment_intents: vec![Intent {
            id: name("pi_1"),
            order_id: Some(name("ord_1")),
            amount: 500,
            currency: name("eur"),
            status: name("succeeded"),
            captured: 500,
            refunded: 100,
            charges: vec![Charge { id: name("ch_1"), status: name("succeeded") }],
            refunds: vec![refund],
        }],
        balances: [(name("eur"), [(name("customer"), -400), (name("merchant"), 400)].into())]
            .into(),
    }
}

fn op(what: What, status: u16, state: &str) -> Op {
    let outcome = if status < 300 { Outcome::Ok } else { Outcome::Fail };
    Op {
        what,
        customer: 0,
        key: "k".to_owned(),
        started: 1,
        ended: 2,
        outcome,
        status: Some(status),
        order: Some("ord_1".to_owned()),
        state: Some(state.to_owned()),
        problem: None,
        refund: (what == What::Refund).then(|| "ref_1".to_owned()),
    }
}

/// Which invariants do not hold after this change.
fn broken(change: impl FnOnce(&mut Facts)) -> Vec<&'static str> {
    let mut facts = sound();
    change(&mut facts);
    let mut broken: Vec<_> = violations(&facts).iter().map(|it| it.invariant).collect();
    broken.dedup();
    broken
}

#[test]
fn a_sound_world_is_sound() {
    assert_eq!(violations(&sound()), []);
}

#[test]
fn a_second_charge_is_found_and_a_second_payment_intent_unless_keys_were_forgotten() {
    let charge_again = |facts: &mut Facts| {
        let charges = &mut facts.ledger.payment_intents[0].charges;
        charges.push(charges[0].clone());
    };
    assert_eq!(broken(charge_again), ["I1"]);
    let second_intent = |facts: &mut Facts| {
        let order_id = Some("ord_1".to_owned());
        facts.ledger.payment_intents.push(Intent { order_id, ..Intent::default() });
    };
    assert_eq!(broken(second_intent), ["I1"]);
    let after_pruning = |facts: &mut Facts| {
        second_intent(facts);
        facts.keys_were_pruned = true;
    };
    assert_eq!(broken(after_pruning), [""; 0]);
}

#[test]
fn another_sum_than_the_total_is_found() {
    assert_eq!(broken(|facts| facts.orders[0].total = 501), ["I2"]);
}

#[test]
fn money_for_an_order_that_is_not_paid_is_found_unless_it_went_back() {
    let cancelled = |facts: &mut Facts| {
        let order = &mut facts.orders[0];
        (order.state, order.paid) = ("cancelled".to_owned(), false);
        facts.history[2].state = "cancelled".to_owned();
        facts.edges.push(("confirming".to_owned(), "cancelled".to_owned()));
        facts.mails.clear();
        facts.views.clear();
    };
    assert_eq!(broken(cancelled), ["I2", "I3"]);
    let given_back = |facts: &mut Facts| {
        cancelled(facts);
        facts.ledger.payment_intents[0].refunded = 500;
    };
    assert_eq!(broken(given_back), [""; 0]);
    assert_eq!(
        broken(|facts| facts.ledger.payment_intents[0].order_id = None),
        ["I2", "I3", "I12"]
    );
}

#[test]
fn lost_orders_two_orders_for_one_key_and_lost_events_are_found() {
    let unknown = |facts: &mut Facts| facts.ops[1].order = Some("ord_2".to_owned());
    assert_eq!(broken(unknown), ["I4"]);
    let twice = |facts: &mut Facts| {
        facts.ops.push(Op { order: Some("ord_2".to_owned()), ..op(What::Place, 202, "created") });
    };
    assert_eq!(broken(twice), ["I4"]);
    assert_eq!(broken(|facts| facts.events.clear()), ["I4"]);
}

#[test]
fn refunds_that_do_not_fit_are_found() {
    let twice = |facts: &mut Facts| {
        let refunds = &mut facts.ledger.payment_intents[0].refunds;
        refunds.push(refunds[0].clone());
    };
    assert_eq!(broken(twice), ["I5"]);
    assert_eq!(broken(|facts| facts.refunds[0].amount = 501), ["I5"]);
    let unbalanced = |facts: &mut Facts| {
        facts.ledger.balances.insert("usd".to_owned(), [("customer".to_owned(), 1)].into());
    };
    assert_eq!(broken(unbalanced), ["I5"]);
    let failed = |facts: &mut Facts| {
        facts.refunds[0].state = "failed".to_owned();
        facts.orders[0].refunded = 0;
    };
    assert_eq!(broken(failed), ["I5"]);
}

#[test]
fn a_missing_receipt_a_second_one_and_one_for_nobody_are_found() {
    assert_eq!(broken(|facts| facts.mails.clear()), ["I6"]);
    assert_eq!(
        broken(|facts| facts.mails[1].message_id = "again.receipt.ord_1@shop".to_owned()),
        ["I6"]
    );
    assert_eq!(broken(|facts| facts.mails[1].message_id = "receipt.ord_2@shop".to_owned()), ["I6"]);
}

#[test]
fn stock_that_does_not_add_up_is_found() {
    assert_eq!(broken(|facts| facts.stock[0].sold = 3), ["I7"]);
    let held = |facts: &mut Facts| (facts.stock[0].available, facts.stock[0].reserved) = (7, 1);
    assert_eq!(broken(held), ["I7"]);
    let negative = |facts: &mut Facts| (facts.stock[0].available, facts.stock[0].sold) = (-1, 11);
    assert_eq!(broken(negative), ["I7"]);
}

#[test]
fn a_history_that_is_no_path_is_found() {
    assert_eq!(broken(|facts| facts.history[1].sequence = 7), ["I8"]);
    assert_eq!(broken(|facts| facts.history[1].state = "paid".to_owned()), ["I8"]);
    assert_eq!(broken(|facts| drop(facts.history.remove(0))), ["I8"]);
    assert_eq!(broken(|facts| drop(facts.history.pop())), ["I8"]);
}

#[test]
fn a_forgery_with_an_effect_and_work_that_is_left_are_found() {
    assert_eq!(broken(|facts| facts.forged[0].1 = "b".to_owned()), ["I9"]);
    assert_eq!(
        broken(|facts| facts.backlog = Backlog { outbox: 1, ..Backlog::default() }),
        ["I10"]
    );
}

#[test]
fn a_false_no_is_found_unless_another_card_followed() {
    let told_no = |facts: &mut Facts| {
        let problem = Some("payment-declined".to_owned());
        facts.ops.push(Op { problem, state: None, ..op(What::Place, 402, "") });
    };
    assert_eq!(broken(told_no), ["I11"]);
    let another_card = |facts: &mut Facts| {
        told_no(facts);
        facts.ops.push(op(What::Pay, 200, "paid"));
    };
    assert_eq!(broken(another_card), [""; 0]);
    let leap = |facts: &mut Facts| {
        facts.history[2].state = "declined".to_owned();
        facts.history.push(Moved {
            order_id: "ord_1".to_owned(),
            sequence: 4,
            state: "paid".to_owned(),
        });
    };
    assert_eq!(broken(leap), ["I11"]);
}

#[test]
fn a_customer_who_reads_something_else_is_found() {
    assert_eq!(broken(|facts| facts.views[0].state = "declined".to_owned()), ["I12"]);
    assert_eq!(broken(|facts| facts.views[0].refunded = 0), ["I12"]);
    assert_eq!(broken(|facts| facts.views[0].status = Some(503)), ["I12"]);
}
