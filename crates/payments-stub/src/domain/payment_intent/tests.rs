//! Every move from every state.

use iso_currency::Currency;

use super::*;
use crate::domain::charge;

fn method(name: &str) -> PaymentMethod {
    PaymentMethod::find(name).unwrap()
}

fn intent() -> PaymentIntent {
    let wish = NewPaymentIntent {
        amount: Money::new(899, Currency::EUR),
        capture_method: CaptureMethod::AutomaticAsync,
        description: None,
        receipt_email: None,
        return_url: None,
        metadata: Metadata::default(),
        automatic_payment_methods: true,
        payment_method: None,
    };
    PaymentIntent::new(wish, now())
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

/// One in each state, reached by legal moves.
fn in_state(status: Status) -> PaymentIntent {
    let mut intent = intent();
    match status {
        Status::RequiresPaymentMethod => {}
        Status::RequiresConfirmation => intent.attach(method("pm_card_visa")).unwrap(),
        Status::RequiresAction => {
            intent.confirm(Some(method("pm_card_authenticationRequired")), now()).unwrap();
        }
        Status::Succeeded => {
            intent.confirm(Some(method("pm_card_visa")), now()).unwrap();
        }
        Status::Canceled => intent.cancel(None, now()).unwrap(),
    }
    assert_eq!(intent.status, status);
    intent
}

#[test]
fn every_state_that_is_no_end_can_be_confirmed_declined_canceled_and_given_a_method() {
    for status in Status::ALL.iter().copied().filter(|status| !status.is_end()) {
        let mut approved = in_state(status);
        approved.confirm(Some(method("pm_card_visa")), now()).unwrap();
        assert_eq!(approved.status, Status::Succeeded);

        let mut declined = in_state(status);
        declined.confirm(Some(method("pm_card_chargeDeclined")), now()).unwrap();
        assert_eq!(declined.status, Status::RequiresPaymentMethod);

        let mut canceled = in_state(status);
        canceled.cancel(Some(CancellationReason::Abandoned), now()).unwrap();
        assert_eq!((canceled.status, canceled.canceled_at), (Status::Canceled, Some(now())));

        let mut attached = in_state(status);
        attached.attach(method("pm_card_amex")).unwrap();
        assert_eq!(attached.status, Status::RequiresConfirmation);
    }
}

#[test]
fn an_end_is_an_end() {
    for status in [Status::Succeeded, Status::Canceled] {
        let before = in_state(status);
        let mut intent = before.clone();
        assert!(intent.confirm(Some(method("pm_card_visa")), now()).is_err());
        assert!(intent.cancel(None, now()).is_err());
        assert!(intent.attach(method("pm_card_visa")).is_err());
        assert_eq!(intent, before, "a refused move changes nothing");
    }
}

#[test]
fn without_a_method_there_is_nothing_to_confirm() {
    let mut intent = intent();
    let Err(Refusal::UnexpectedState { message, .. }) = intent.confirm(None, now()) else {
        panic!("it was confirmed")
    };
    assert!(message.contains("missing a payment method"), "{message}");
}

#[test]
fn a_decline_is_remembered_until_the_next_success() {
    let mut intent = intent();
    let verdict =
        intent.confirm(Some(method("pm_card_chargeDeclinedInsufficientFunds")), now()).unwrap();
    let Verdict::Charged(failed) = verdict else { panic!("it was not charged") };
    assert_eq!(failed.outcome, charge::Outcome::Failed(Decline::InsufficientFunds));
    assert_eq!(
        (intent.last_decline, intent.payment_method),
        (Some(Decline::InsufficientFunds), None)
    );
    assert!(intent.confirm(None, now()).is_err(), "the declined method is forgotten");

    intent.confirm(Some(method("pm_card_visa")), now()).unwrap();
    assert_eq!((intent.status, intent.last_decline), (Status::Succeeded, None));
    assert_ne!(intent.latest_charge, Some(failed.id));
}

#[test]
fn a_charge_takes_the_amount_of_its_intent() {
    let mut intent = intent();
    let Ok(Verdict::Charged(charge)) = intent.confirm(Some(method("pm_card_visa")), now()) else {
        panic!()
    };
    assert_eq!((charge.amount, charge.payment_intent), (intent.amount, intent.id));
}
