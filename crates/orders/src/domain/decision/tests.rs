//! The state machine, over random histories.

use chassis::money::Money;
use chrono::DateTime;
use iso_currency::Currency;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::intent::PaymentError;
use crate::domain::{NextTry, OrderId, Payment};

/// The edges, as the database enforces them.
const MIGRATION: &str = include_str!("../../../migrations/2026-11-22-000003_refunds/up.sql");

fn order(state: OrderState) -> Order {
    Order {
        id: OrderId(Uuid::from_u128(1)),
        user_id: Uuid::from_u128(2),
        state,
        version: 1,
        total: Money::new(1798, Currency::EUR),
        payment_method: "pm_card_visa".to_owned(),
        receipt_email: "reader@example.com".to_owned(),
        failure: None,
        cancel_requested: false,
        traceparent: None,
        created_at: DateTime::UNIX_EPOCH,
        deadline_at: DateTime::UNIX_EPOCH,
        payment: Payment {
            intent_id: Some("pi_1".to_owned()),
            confirm_attempt: 1,
            ..Payment::default()
        },
    }
}

fn intent(status: IntentStatus) -> Intent {
    Intent {
        id: "pi_1".to_owned(),
        status,
        amount: 1798,
        amount_received: if status == IntentStatus::Succeeded { 1798 } else { 0 },
        currency: "eur".to_owned(),
        latest_charge: Some("ch_1".to_owned()),
        last_payment_error: None,
        next_action: None,
    }
}

fn any_state() -> impl Strategy<Value = OrderState> {
    proptest::sample::select(OrderState::ALL.to_vec())
}

fn any_fact() -> impl Strategy<Value = Fact> {
    use IntentStatus::{
        Canceled, Other, Processing, RequiresAction, RequiresCapture, RequiresConfirmation,
        RequiresPaymentMethod, Succeeded,
    };
    let statuses = vec![
        Canceled,
        Other,
        Processing,
        RequiresAction,
        RequiresCapture,
        RequiresConfirmation,
        RequiresPaymentMethod,
        Succeeded,
    ];
    let seen = (proptest::sample::select(statuses), any::<bool>(), any::<bool>(), any::<bool>());
    let seen = seen.prop_map(|(status, failed, other, of_this_try)| {
        let mut intent = intent(status);
        intent.last_payment_error = failed
            .then(|| PaymentError { code: Some("card_declined".to_owned()), decline_code: None });
        if other {
            intent.amount += 1;
        }
        if of_this_try { Fact::Confirmed(intent) } else { Fact::IntentSeen(intent) }
    });
    prop_oneof![
        Just(Fact::StockHeld),
        Just(Fact::StockRefused(Value::Null)),
        Just(Fact::IntentCreated("pi_1".to_owned())),
        Just(Fact::OutcomeUnknown),
        Just(Fact::MethodRefused("resource_missing".to_owned())),
        Just(Fact::GivenUp),
        Just(Fact::AnotherCard(NextTry {
            attempt: 2,
            idempotency_key: "k2".to_owned(),
            payment_method: "pm_card_mastercard".to_owned(),
        })),
        seen,
    ]
}

fn next(order: &Order, fact: &Fact) -> OrderState {
    match order.decide(fact) {
        Step::Go(state) | Step::Fail(state, _) => state,
        Step::Stay | Step::PayBack(_) | Step::Alarm(_) => order.state,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn every_decision_is_an_edge(state in any_state(), fact in any_fact(), cancelled in any::<bool>()) {
        let mut order = order(state);
        order.cancel_requested = cancelled;
        let to = next(&order, &fact);
        prop_assert!(to == state || state.may_become(to), "{state:?} to {to:?}");
    }

    #[test]
    fn what_is_final_stays(facts in proptest::collection::vec(any_fact(), 1..20), state in any_state()) {
        let mut order = order(state);
        for fact in facts {
            let before = order.state;
            order.state = next(&order, &fact);
            prop_assert!(!before.is_final() || order.state == before);
        }
    }

    #[test]
    fn an_order_is_paid_only_by_its_own_full_amount(state in any_state(), fact in any_fact()) {
        if state != OrderState::Paid && next(&order(state), &fact) == OrderState::Paid {
            let paid_in_full = matches!(&fact, Fact::IntentSeen(intent) | Fact::Confirmed(intent)
                if intent.status == IntentStatus::Succeeded && intent.amount_received == 1798 && intent.amount == 1798);
            prop_assert!(paid_in_full, "{:?}", fact);
        }
    }

    #[test]
    fn a_fact_that_comes_twice_changes_nothing_the_second_time(state in any_state(), fact in any_fact()) {
        let once = next(&order(state), &fact);
        let twice = next(&order(once), &fact);
        // The one exception: what is being tried again goes on to the next answer.
        prop_assert!(twice == once || once == OrderState::Confirming, "{state:?} {fact:?}: {once:?} then {twice:?}");
    }
}

#[test]
fn a_decline_needs_an_error_that_the_gateway_reports() {
    let unconfirmed = Fact::IntentSeen(intent(IntentStatus::RequiresPaymentMethod));
    assert_eq!(
        order(OrderState::PaymentUnknown).decide(&unconfirmed),
        Step::Go(OrderState::Confirming)
    );
    assert_eq!(order(OrderState::Confirming).decide(&unconfirmed), Step::Stay);
}

#[test]
fn the_decline_before_says_nothing_about_the_next_card() {
    let mut waiting = order(OrderState::PaymentUnknown);
    waiting.payment.confirm_attempt = 2;
    waiting.payment.declined_charge_id = Some("ch_1".to_owned());
    let mut declined = intent(IntentStatus::RequiresPaymentMethod);
    declined.last_payment_error =
        Some(PaymentError { code: Some("card_declined".to_owned()), decline_code: None });
    // Still the first card's charge: the second request has not arrived, and is sent again.
    let old = Fact::IntentSeen(declined.clone());
    assert_eq!(waiting.decide(&old), Step::Go(OrderState::Confirming));
    // The gateway's answer to the second request itself needs no new charge.
    assert!(matches!(
        waiting.decide(&Fact::Confirmed(declined.clone())),
        Step::Fail(OrderState::Declined, _)
    ));
    declined.latest_charge = Some("ch_2".to_owned());
    assert!(matches!(
        waiting.decide(&Fact::IntentSeen(declined)),
        Step::Fail(OrderState::Declined, _)
    ));
}

#[test]
fn money_for_an_order_that_is_over_goes_back() {
    let paid = Fact::IntentSeen(intent(IntentStatus::Succeeded));
    for over in [OrderState::Expired, OrderState::Cancelled, OrderState::Rejected] {
        assert_eq!(order(over).decide(&paid), Step::PayBack(RefundReason::LatePayment));
    }
    assert_eq!(order(OrderState::Paid).decide(&paid), Step::Stay);
    assert_eq!(order(OrderState::Declined).decide(&paid), Step::Go(OrderState::Paid));
}

#[test]
fn an_order_that_is_not_wanted_ends_as_cancelled_and_one_that_is_late_as_expired() {
    let gone = Fact::IntentSeen(intent(IntentStatus::Canceled));
    let mut unpaid = order(OrderState::Declined);
    assert_eq!(unpaid.decide(&gone), Step::Go(OrderState::Expired));
    unpaid.cancel_requested = true;
    assert_eq!(unpaid.decide(&gone), Step::Go(OrderState::Cancelled));
}

#[test]
fn the_database_and_the_code_have_the_same_graph() {
    let function = MIGRATION.split("RETURNS trigger").nth(1).unwrap();
    let function = function.split("THEN").next().unwrap();
    let words: Vec<&str> = function.split('\'').skip(1).step_by(2).collect();
    let mut stored: Vec<(OrderState, OrderState)> = words
        .chunks(2)
        .map(|edge| (OrderState::parse(edge[0]).unwrap(), OrderState::parse(edge[1]).unwrap()))
        .collect();
    let mut ours = OrderState::EDGES.to_vec();
    stored.sort_unstable();
    ours.sort_unstable();
    assert_eq!(stored, ours);
}

/// `UPDATE_README=1` draws it anew.
#[test]
fn the_picture_in_the_readme_is_the_graph() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let (before, rest) = readme.split_once("```mermaid\n").unwrap();
    let (picture, after) = rest.split_once("```\n").unwrap();
    let current = crate::domain::graph::mermaid();
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(path, format!("{before}```mermaid\n{current}```\n{after}")).unwrap();
        return;
    }
    assert_eq!(picture, current, "draw it anew with UPDATE_README=1 cargo test -p orders --lib");
}

#[test]
fn a_payment_of_somebody_else_is_an_alarm() {
    let mut stranger = intent(IntentStatus::Succeeded);
    stranger.id = "pi_2".to_owned();
    assert!(matches!(
        order(OrderState::Confirming).decide(&Fact::IntentSeen(stranger)),
        Step::Alarm(_)
    ));
}
