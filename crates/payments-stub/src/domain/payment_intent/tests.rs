//! Every move from every state.

mod sequences;

use iso_currency::Currency;

use super::*;
use crate::domain::charge::{Charge, State};
use crate::domain::event::EventType;
use crate::domain::transfer::Move;
use chassis::money::Money;
use chrono::TimeDelta;

fn method(name: &str) -> PaymentMethod {
    PaymentMethod::find(name).unwrap()
}

fn wish(capture_method: CaptureMethod, payment_method_types: &[Kind]) -> NewPaymentIntent {
    NewPaymentIntent {
        amount: Money::new(899, Currency::EUR),
        capture_method,
        description: None,
        receipt_email: None,
        return_url: None,
        metadata: Metadata::default(),
        automatic_payment_methods: true,
        payment_method_types: payment_method_types.to_vec(),
        payment_method: None,
    }
}

fn intent() -> PaymentIntent {
    PaymentIntent::new(wish(CaptureMethod::AutomaticAsync, Kind::ALL), now()).unwrap()
}

fn manual() -> PaymentIntent {
    PaymentIntent::new(wish(CaptureMethod::Manual, Kind::ALL), now()).unwrap()
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

fn terms() -> Terms {
    Terms { public_url: "http://gateway.test".to_owned(), settle_after: TimeDelta::days(4) }
}

fn with(name: &str) -> Confirmation {
    Confirmation { method: Some(method(name)), ..Confirmation::default() }
}

fn confirm(intent: &mut PaymentIntent, name: &str) -> Moved {
    intent.confirm(with(name), &terms(), now()).unwrap()
}

/// One in each state, reached by legal moves, and its last charge.
fn in_state(status: Status) -> (PaymentIntent, Option<Charge>) {
    let mut intent = if status == Status::RequiresCapture { manual() } else { intent() };
    let charge = match status {
        Status::RequiresPaymentMethod => None,
        Status::RequiresConfirmation => {
            intent.attach(method("pm_card_visa")).unwrap();
            None
        }
        Status::RequiresAction => confirm(&mut intent, "pm_card_authenticationRequired").charge,
        Status::Processing => confirm(&mut intent, "pm_usBankAccount_success").charge,
        Status::RequiresCapture | Status::Succeeded => confirm(&mut intent, "pm_card_visa").charge,
        Status::Canceled => intent.cancel(None, None, now()).unwrap().charge,
    };
    assert_eq!(intent.status, status);
    (intent, charge)
}

#[test]
fn each_state_allows_its_moves_and_refuses_the_others_without_a_trace() {
    use Status::{Processing, RequiresAction, RequiresCapture};
    for status in Status::ALL.iter().copied() {
        let (before, charge) = in_state(status);
        let check = |verb: &str, allowed: bool, moved: &dyn Fn(&mut PaymentIntent) -> bool| {
            let mut intent = before.clone();
            assert_eq!(moved(&mut intent), allowed, "{verb} in {}", status.as_str());
            assert!(allowed || intent == before, "a refused {verb} changed something");
        };
        let open = Status::OPEN.contains(&status);
        check("attach", open, &|it| it.attach(method("pm_card_amex")).is_ok());
        check("confirm", open, &|it| it.confirm(with("pm_card_visa"), &terms(), now()).is_ok());
        check("authenticate", status == RequiresAction, &|it| it.authenticate(true, now()).is_ok());
        check("capture", status == RequiresCapture, &|it| it.capture(charge.clone(), None).is_ok());
        check("settle", status == Processing, &|it| {
            charge.clone().is_some_and(|charge| it.settle(charge).is_ok())
        });
        check("cancel", Status::CANCELABLE.contains(&status), &|it| {
            it.cancel(charge.clone(), None, now()).is_ok()
        });
    }
}

#[test]
fn a_refusal_names_the_state_and_carries_the_intent() {
    let (mut intent, _) = in_state(Status::Succeeded);
    let Err(Refusal::UnexpectedState { intent: shown, message }) = intent.cancel(None, None, now())
    else {
        panic!("it was canceled")
    };
    assert!(message.contains("has a status of succeeded"), "{message}");
    assert_eq!(*shown, intent);
}

#[test]
fn without_a_method_there_is_nothing_to_confirm() {
    let Err(Refusal::UnexpectedState { message, .. }) =
        intent().confirm(Confirmation::default(), &terms(), now())
    else {
        panic!("it was confirmed")
    };
    assert!(message.contains("missing a payment method"), "{message}");
}

#[test]
fn a_decline_is_remembered_until_the_next_success() {
    let mut intent = intent();
    let failed = confirm(&mut intent, "pm_card_chargeDeclinedInsufficientFunds").charge.unwrap();
    assert_eq!(failed.state, State::Failed(Decline::InsufficientFunds));
    assert_eq!(
        (intent.last_decline, intent.payment_method),
        (Some(Decline::InsufficientFunds), None)
    );
    assert!(intent.confirm(Confirmation::default(), &terms(), now()).is_err(), "it is forgotten");

    confirm(&mut intent, "pm_card_visa");
    assert_eq!((intent.status, intent.last_decline), (Status::Succeeded, None));
    assert_ne!(intent.latest_charge, Some(failed.id));
}

#[test]
fn what_is_held_can_be_taken_in_part_and_the_rest_goes_back() {
    let mut intent = manual();
    let held = confirm(&mut intent, "pm_card_visa");
    assert_eq!((intent.amount_capturable(), intent.amount_received), (899, 0));
    assert_eq!(held.transfers.iter().map(|it| it.kind).collect::<Vec<_>>(), [Move::Hold]);

    let taken = intent.capture(held.charge, Some(500)).unwrap();
    let moves = taken.transfers.iter().map(|it| (it.kind, it.amount.amount())).collect::<Vec<_>>();
    assert_eq!(moves, [(Move::Capture, 500), (Move::Release, 399)]);
    assert_eq!((intent.amount_capturable(), intent.amount_received), (0, 500));
    assert_eq!(taken.charge.unwrap().refundable(), 500);
}

#[test]
fn more_than_is_held_cannot_be_taken() {
    let mut intent = manual();
    let charge = confirm(&mut intent, "pm_card_visa").charge;
    let Err(Refusal::Parameter(fault)) = intent.capture(charge, Some(900)) else { panic!() };
    assert_eq!((fault.param.as_str(), fault.code), ("amount_to_capture", Some("amount_too_large")));
    assert_eq!(intent.status, Status::RequiresCapture);
}

#[test]
fn giving_up_releases_what_is_held() {
    let mut intent = manual();
    let charge = confirm(&mut intent, "pm_card_visa").charge;
    let moved = intent.cancel(charge, Some(CancellationReason::Abandoned), now()).unwrap();
    assert_eq!(moved.charge.unwrap().state, State::Released);
    assert_eq!(moved.events, [EventType::ChargeRefunded, EventType::PaymentIntentCanceled]);
    assert_eq!(intent.canceled_at, Some(now()));
}

#[test]
fn a_bank_account_settles_later_and_cannot_be_held() {
    let mut intent = intent();
    let pending = confirm(&mut intent, "pm_usBankAccount_success").charge.unwrap();
    let settles_at = Some(now() + TimeDelta::days(4));
    assert_eq!(pending.state, State::Pending { settles_at });
    intent.settle(pending).unwrap();
    assert_eq!((intent.status, intent.amount_received), (Status::Succeeded, 899));
    assert!(manual().confirm(with("pm_usBankAccount_success"), &terms(), now()).is_err());
}

#[test]
fn a_kind_that_was_not_named_is_refused() {
    let cards = wish(CaptureMethod::Automatic, &[Kind::Card]);
    let mut intent = PaymentIntent::new(cards, now()).unwrap();
    assert!(intent.attach(method("pm_usBankAccount_success")).is_err());
    assert!(intent.attach(method("pm_card_visa")).is_ok());
}

#[test]
fn a_customer_who_is_not_there_cannot_be_asked() {
    let mut intent = intent();
    let wish = Confirmation { off_session: true, ..with("pm_card_authenticationRequired") };
    let moved = intent.confirm(wish, &terms(), now()).unwrap();
    let state = moved.charge.unwrap().state;
    assert_eq!(state, State::Failed(Decline::AuthenticationRequired));
}

#[test]
fn a_customer_who_has_to_act_is_sent_to_a_page_that_only_they_can_open() {
    let mut intent = intent();
    confirm(&mut intent, "pm_card_authenticationRequired");
    let url = intent.action_url.clone().unwrap();
    assert!(url.starts_with(&format!("http://gateway.test/3ds/{}?", intent.id)), "{url}");
    assert!(url.ends_with(&intent.client_secret), "{url}");
    intent.authenticate(false, now()).unwrap();
    assert_eq!((intent.status, intent.action_url), (Status::RequiresPaymentMethod, None));
    assert_eq!(intent.last_decline, Some(Decline::AuthenticationFailed));
}
