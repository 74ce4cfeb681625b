//! The state machine, over random histories.

use iso_currency::Currency;
use proptest::prelude::*;

use super::*;
use crate::domain::intent::PaymentError;

/// The edges of the picture in the module's documentation, which the database enforces too.
const EDGES: &str = include_str!("../../../migrations/2026-11-22-000002_orders/up.sql");

fn order(state: OrderState) -> Order {
    Order {
        id: OrderId(Uuid::from_u128(1)),
        user_id: Uuid::from_u128(2),
        state,
        total: Money::new(1798, Currency::EUR),
        payment_method: "pm_card_visa".to_owned(),
        receipt_email: "reader@example.com".to_owned(),
        failure: None,
        intent_id: Some("pi_1".to_owned()),
        confirm_attempt: 1,
        created_at: DateTime::UNIX_EPOCH,
        deadline_at: DateTime::UNIX_EPOCH,
        lines: Vec::new(),
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
    let seen = (proptest::sample::select(statuses), any::<bool>(), any::<bool>()).prop_map(
        |(status, failed, other)| {
            let mut intent = intent(status);
            intent.last_payment_error = failed.then(|| PaymentError {
                code: Some("card_declined".to_owned()),
                decline_code: None,
            });
            if other {
                intent.amount += 1;
            }
            Fact::IntentSeen(intent)
        },
    );
    prop_oneof![
        Just(Fact::StockHeld),
        Just(Fact::StockRefused(Value::Null)),
        Just(Fact::IntentCreated("pi_1".to_owned())),
        Just(Fact::OutcomeUnknown),
        Just(Fact::MethodRefused("resource_missing".to_owned())),
        Just(Fact::GivenUp),
        seen,
    ]
}

fn next(order: &Order, fact: &Fact) -> OrderState {
    match order.decide(fact) {
        Step::Go(state) | Step::Fail(state, _) => state,
        Step::Stay | Step::Alarm(_) => order.state,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn every_decision_is_an_edge_that_the_database_allows(state in any_state(), fact in any_fact()) {
        let to = next(&order(state), &fact);
        let edge = format!("('{}', '{}')", state.as_str(), to.as_str());
        prop_assert!(to == state || EDGES.contains(&edge), "{}", edge);
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
            let paid_in_full = matches!(&fact, Fact::IntentSeen(intent)
                if intent.status == IntentStatus::Succeeded && intent.amount_received == 1798 && intent.amount == 1798);
            prop_assert!(paid_in_full, "{:?}", fact);
        }
    }

    #[test]
    fn a_fact_that_comes_twice_changes_nothing_the_second_time(state in any_state(), fact in any_fact()) {
        let once = next(&order(state), &fact);
        let twice = next(&order(once), &fact);
        // The one exception: an unknown outcome that turns out never to have been tried is tried again.
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
fn money_for_an_order_that_is_over_is_an_alarm() {
    let paid = Fact::IntentSeen(intent(IntentStatus::Succeeded));
    assert!(matches!(order(OrderState::Expired).decide(&paid), Step::Alarm(_)));
    assert!(matches!(order(OrderState::Declined).decide(&paid), Step::Alarm(_)));
    assert_eq!(order(OrderState::Paid).decide(&paid), Step::Stay);
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
