//! The one decision: where an order goes from what became known.
//!
//! The request, the webhook, the resume worker and the expiry all bring *facts* to [`Order::decide`].
//! A fact that comes late or twice decides nothing, so nobody needs to know who else is working on the order.

use serde_json::{Value, json};

use super::{Fact, Intent, IntentStatus, Order, OrderState, RefundReason};
use OrderState::{
    Cancelled, Confirming, Created, Declined, Expired, Paid, PaymentPending, PaymentUnknown,
    Refunded, Rejected, RequiresAction,
};

/// Where an order goes, and what is noted on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing changes: the fact is old, or says what is known.
    Stay,
    /// To this state.
    Go(OrderState),
    /// To this state, with the reason for the customer.
    Fail(OrderState, Value),
    /// Money has come for an order that is over: all of it goes back.
    PayBack(RefundReason),
    /// The fact contradicts the order: nobody may act on it but a person.
    Alarm(String),
}

impl Order {
    /// Looks only at where the order is *now* and at the fact, so it can be asked by anybody.
    pub fn decide(&self, fact: &Fact) -> Step {
        match (self.state, fact) {
            (Created, Fact::StockHeld) => Step::Go(PaymentPending),
            (Created, Fact::StockRefused(shortages)) => Step::Fail(Rejected, shortages.clone()),
            (PaymentPending, Fact::IntentCreated(_)) | (Declined, Fact::AnotherCard(..)) => {
                Step::Go(Confirming)
            }
            (Created | PaymentPending, Fact::GivenUp) => Step::Go(self.end_unpaid()),
            (Confirming, Fact::OutcomeUnknown) => Step::Go(PaymentUnknown),
            (Confirming, Fact::MethodRefused(code)) => decline(code),
            (_, Fact::Confirmed(intent) | Fact::IntentSeen(intent)) => {
                if let Some(alarm) = self.contradiction(intent) {
                    return Step::Alarm(alarm);
                }
                match intent.status {
                    IntentStatus::Succeeded => self.decide_paid(intent),
                    IntentStatus::RequiresPaymentMethod => {
                        self.decide_unpaid(intent, matches!(fact, Fact::Confirmed(_)))
                    }
                    status => self.decide_open(status),
                }
            }
            _ => Step::Stay,
        }
    }

    /// The gateway's money must be the order's money.
    fn contradiction(&self, intent: &Intent) -> Option<String> {
        if self.payment.intent_id.as_deref() != Some(intent.id.as_str()) {
            return Some(format!("PaymentIntent {} is not this order's", intent.id));
        }
        let same_amount = intent.amount == self.total.amount();
        let same_currency = intent.currency.eq_ignore_ascii_case(self.total.currency().code());
        let all_or_nothing = intent.status != IntentStatus::Succeeded
            || (intent.amount_received == intent.amount && intent.latest_charge.is_some());
        (!same_amount || !same_currency || !all_or_nothing)
            .then(|| format!("PaymentIntent {} is about other money", intent.id))
    }

    /// The money was taken: nothing that we believed before counts against it.
    fn decide_paid(&self, intent: &Intent) -> Step {
        match self.state {
            Paid | Refunded => Step::Stay,
            Confirming | RequiresAction | PaymentUnknown | Declined => Step::Go(Paid),
            Expired | Cancelled | Rejected => Step::PayBack(RefundReason::LatePayment),
            Created | PaymentPending => {
                Step::Alarm(format!("PaymentIntent {} was paid unasked", intent.id))
            }
        }
    }

    /// The gateway wants a card: the last one was declined, or none was ever tried.
    fn decide_unpaid(&self, intent: &Intent, of_this_try: bool) -> Step {
        let Some(error) = &intent.last_payment_error else {
            return self.decide_open(IntentStatus::RequiresConfirmation);
        };
        // What a look shows may be the try before, whose decline we know; this one may not have arrived yet.
        let is_new = of_this_try || intent.latest_charge != self.payment.declined_charge_id;
        match self.state {
            RequiresAction => decline(error.reason()),
            Confirming | PaymentUnknown if is_new => decline(error.reason()),
            PaymentUnknown => Step::Go(Confirming),
            _ => Step::Stay,
        }
    }

    /// Neither paid nor declined.
    fn decide_open(&self, status: IntentStatus) -> Step {
        match (status, self.state) {
            (IntentStatus::Canceled, Confirming | RequiresAction | PaymentUnknown | Declined) => {
                Step::Go(self.end_unpaid())
            }
            (IntentStatus::RequiresAction, Confirming | PaymentUnknown) => Step::Go(RequiresAction),
            (IntentStatus::RequiresConfirmation, PaymentUnknown) => Step::Go(Confirming),
            (
                IntentStatus::Processing | IntentStatus::RequiresCapture | IntentStatus::Other,
                Confirming | RequiresAction,
            ) => Step::Go(PaymentUnknown),
            _ => Step::Stay,
        }
    }

    /// How an order ends for which nothing was taken.
    fn end_unpaid(&self) -> OrderState {
        if self.cancel_requested { Cancelled } else { Expired }
    }
}

fn decline(code: &str) -> Step {
    Step::Fail(Declined, json!({ "decline_code": code }))
}

#[cfg(test)]
mod tests;
