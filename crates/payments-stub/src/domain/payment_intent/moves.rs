//! What can be done with a PaymentIntent. Every move is refused and changes nothing, or is carried out and says in a
//! [`Moved`] what must be written down with it: the charge, the transfers, the events. Nothing here reads a clock or
//! a database, so that thousands of sequences of moves can be checked in a second.

use chassis::money::Money;
use chrono::{DateTime, TimeDelta, Utc};

use super::{CancellationReason, CaptureMethod, PaymentIntent, Status};
use crate::domain::charge::{Charge, State};
use crate::domain::event::EventType;
use crate::domain::id::ChargeId;
use crate::domain::payment_method::{Bank, Behaviour, Decline, PaymentMethod};
use crate::domain::refusal::{BadParameter, Refusal};
use crate::domain::transfer::{Move, Transfer};

/// What a client says when it confirms.
#[derive(Clone, Debug, Default)]
pub struct Confirmation {
    /// What to charge, unless it is attached already.
    pub method: Option<PaymentMethod>,
    /// Where the customer comes back to, if not where was said before.
    pub return_url: Option<String>,
    /// The customer is not there: nobody can be asked for anything.
    pub off_session: bool,
}

/// How this gateway does business.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Where customers reach this gateway, without a slash at the end.
    pub public_url: String,
    /// How long a slow bank takes.
    pub settle_after: TimeDelta,
}

/// What a move came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// The charge that was made or changed.
    pub charge: Option<Charge>,
    /// The money that moved.
    pub transfers: Vec<Transfer>,
    /// What happened, in order.
    pub events: Vec<EventType>,
}

impl PaymentIntent {
    /// Charges the method, as far as its bank and its customer allow.
    pub fn confirm(
        &mut self,
        wish: Confirmation,
        terms: &Terms,
        now: DateTime<Utc>,
    ) -> Result<Moved, Refusal> {
        self.allow("confirm", Status::OPEN)?;
        let Some(method) = wish.method.or(self.payment_method) else {
            return Err(self.refuse_without_method());
        };
        self.check_method(method)?;
        self.payment_method = Some(method);
        if wish.return_url.is_some() {
            self.return_url = wish.return_url;
        }
        Ok(match method.behaviour() {
            Behaviour::Answer(bank) => self.ask(bank, method, now),
            Behaviour::Authenticate(_) if wish.off_session => {
                self.ask(Bank::Decline(Decline::AuthenticationRequired), method, now)
            }
            Behaviour::Authenticate(_) => self.wait_for_customer(terms),
            Behaviour::Delay(bank) => {
                self.wait_for_bank(method, bank.map(|_| now + terms.settle_after), now)
            }
        })
    }

    /// The customer has proved who they are, or could not.
    pub fn authenticate(&mut self, passed: bool, now: DateTime<Utc>) -> Result<Moved, Refusal> {
        self.allow("authenticate", &[Status::RequiresAction])?;
        let Some(method) = self.payment_method else { return Err(self.refuse_without_method()) };
        match method.behaviour() {
            Behaviour::Authenticate(bank) if passed => Ok(self.ask(bank, method, now)),
            _ => {
                self.fail(Decline::AuthenticationFailed);
                Ok(Moved {
                    events: vec![EventType::PaymentIntentPaymentFailed],
                    ..Moved::default()
                })
            }
        }
    }

    /// A slow bank has answered about `charge`, its pending one.
    pub fn settle(&mut self, mut charge: Charge) -> Result<Moved, Refusal> {
        self.allow("settle", &[Status::Processing])?;
        match charge.payment_method.behaviour() {
            Behaviour::Delay(Some(Bank::Decline(decline))) => {
                charge.state = State::Failed(decline);
                Ok(self.failed(charge, decline))
            }
            _ => {
                charge.state = State::Captured(charge.amount.amount());
                Ok(self.succeeded(charge))
            }
        }
    }

    /// Takes what is held by `charge`: all of it, or a part, and the rest goes back.
    pub fn capture(
        &mut self,
        charge: Option<Charge>,
        amount: Option<i64>,
    ) -> Result<Moved, Refusal> {
        self.allow("capture", &[Status::RequiresCapture])?;
        let Some(mut charge) = charge else { return Err(self.refuse_without_method()) };
        let held = self.amount_capturable();
        let taken = amount.unwrap_or(held);
        if taken > held {
            let message = format!(
                "The amount_to_capture ({taken}) is greater than the amount that can be captured ({held})."
            );
            return Err(BadParameter::new("amount_to_capture", message)
                .code("amount_too_large")
                .into());
        }
        charge.state = State::Captured(taken);
        let mut transfers = vec![self.transfer(Move::Capture, taken, &charge.id)];
        if taken < held {
            transfers.push(self.transfer(Move::Release, held - taken, &charge.id));
        }
        self.status = Status::Succeeded;
        self.amount_received = taken;
        let events = vec![EventType::ChargeCaptured, EventType::PaymentIntentSucceeded];
        Ok(Moved { charge: Some(charge), transfers, events })
    }

    /// Gives it up; what is held by `charge` goes back.
    pub fn cancel(
        &mut self,
        charge: Option<Charge>,
        reason: Option<CancellationReason>,
        now: DateTime<Utc>,
    ) -> Result<Moved, Refusal> {
        self.allow("cancel", Status::CANCELABLE)?;
        let held = charge.filter(|charge| charge.state == State::Authorized);
        let mut moved = Moved::default();
        if let Some(mut charge) = held {
            charge.state = State::Released;
            moved.transfers.push(self.transfer(Move::Release, charge.amount.amount(), &charge.id));
            moved.events.push(EventType::ChargeRefunded);
            moved.charge = Some(charge);
        }
        self.status = Status::Canceled;
        self.action_url = None;
        self.cancellation_reason = reason;
        self.canceled_at = Some(now);
        moved.events.push(EventType::PaymentIntentCanceled);
        Ok(moved)
    }

    /// The bank answers at once.
    fn ask(&mut self, bank: Bank, method: PaymentMethod, now: DateTime<Utc>) -> Moved {
        let by_hand = self.capture_method == CaptureMethod::Manual;
        let state = match bank {
            Bank::Decline(decline) => State::Failed(decline),
            Bank::Approve if by_hand => State::Authorized,
            Bank::Approve => State::Captured(self.amount.amount()),
        };
        let charge = Charge::new(self, method, state, now);
        match bank {
            Bank::Decline(decline) => self.failed(charge, decline),
            Bank::Approve if by_hand => self.held(charge),
            Bank::Approve => self.succeeded(charge),
        }
    }

    fn wait_for_customer(&mut self, terms: &Terms) -> Moved {
        self.status = Status::RequiresAction;
        self.action_url = Some(format!(
            "{}/3ds/{}?client_secret={}",
            terms.public_url, self.id, self.client_secret
        ));
        Moved { events: vec![EventType::PaymentIntentRequiresAction], ..Moved::default() }
    }

    fn wait_for_bank(
        &mut self,
        method: PaymentMethod,
        settles_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Moved {
        let charge = Charge::new(self, method, State::Pending { settles_at }, now);
        self.go_on(Status::Processing, &charge);
        let events = vec![EventType::ChargePending, EventType::PaymentIntentProcessing];
        Moved { charge: Some(charge), transfers: Vec::new(), events }
    }

    fn succeeded(&mut self, charge: Charge) -> Moved {
        self.go_on(Status::Succeeded, &charge);
        self.amount_received = charge.captured();
        let transfers = vec![self.transfer(Move::Charge, self.amount_received, &charge.id)];
        let events = vec![EventType::ChargeSucceeded, EventType::PaymentIntentSucceeded];
        Moved { charge: Some(charge), transfers, events }
    }

    fn held(&mut self, charge: Charge) -> Moved {
        self.go_on(Status::RequiresCapture, &charge);
        let transfers = vec![self.transfer(Move::Hold, self.amount.amount(), &charge.id)];
        let events =
            vec![EventType::ChargeSucceeded, EventType::PaymentIntentAmountCapturableUpdated];
        Moved { charge: Some(charge), transfers, events }
    }

    fn failed(&mut self, charge: Charge, decline: Decline) -> Moved {
        self.latest_charge = Some(charge.id.clone());
        self.fail(decline);
        let events = vec![EventType::ChargeFailed, EventType::PaymentIntentPaymentFailed];
        Moved { charge: Some(charge), transfers: Vec::new(), events }
    }

    fn go_on(&mut self, status: Status, charge: &Charge) {
        self.status = status;
        self.action_url = None;
        self.last_decline = None;
        self.latest_charge = Some(charge.id.clone());
    }

    /// Back to the start. A method that failed is forgotten: the next confirmation has to name one.
    fn fail(&mut self, decline: Decline) {
        self.payment_method = None;
        self.action_url = None;
        self.status = Status::RequiresPaymentMethod;
        self.last_decline = Some(decline);
    }

    fn transfer(&self, kind: Move, amount: i64, charge: &ChargeId) -> Transfer {
        let amount = Money::new(amount, self.amount.currency());
        Transfer { kind, amount, charge: charge.clone(), refund: None }
    }
}
