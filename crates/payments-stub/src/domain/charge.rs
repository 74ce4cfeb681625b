//! Charges: one attempt to take money each, and the refunds that give it back.

use chassis::money::Money;
use chrono::{DateTime, Utc};

use super::id::{ChargeId, PaymentIntentId, RefundId};
use super::metadata::Metadata;
use super::payment_intent::PaymentIntent;
use super::payment_method::{Decline, PaymentMethod};
use super::refusal::{BadParameter, Refusal};
use super::transfer::{Move, Transfer};
use super::words::words;

/// One attempt to take the money of a PaymentIntent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Its name.
    pub id: ChargeId,
    /// Whose attempt it is.
    pub payment_intent: PaymentIntentId,
    /// How much was asked for.
    pub amount: Money,
    /// How much was given back, in minor units.
    pub amount_refunded: i64,
    /// What was charged.
    pub payment_method: PaymentMethod,
    /// What came of it so far.
    pub state: State,
    /// As on the PaymentIntent at that moment.
    pub description: Option<String>,
    /// As on the PaymentIntent at that moment.
    pub receipt_email: Option<String>,
    /// As on the PaymentIntent at that moment.
    pub metadata: Metadata,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The bank has not answered yet.
    Pending {
        /// When it will; `None`: never.
        settles_at: Option<DateTime<Utc>>,
    },
    /// The bank holds the money for us; nothing is taken yet.
    Authorized,
    /// So much was taken, in minor units; what was held beyond it went back.
    Captured(i64),
    /// What was held went back, all of it.
    Released,
    /// The bank said no.
    Failed(Decline),
}

/// Money on its way back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// Its name.
    pub id: RefundId,
    /// Of which charge.
    pub charge: ChargeId,
    /// Of which PaymentIntent.
    pub payment_intent: PaymentIntentId,
    /// How much.
    pub amount: Money,
    /// Why.
    pub reason: Option<RefundReason>,
    /// The client's notes.
    pub metadata: Metadata,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// What a client asks for.
#[derive(Clone, Debug)]
pub struct NewRefund {
    /// What to refund.
    pub of: Refundable,
    /// How much, in minor units; all that is left when absent.
    pub amount: Option<i64>,
    /// See [`Refund`].
    pub reason: Option<RefundReason>,
    /// See [`Refund`].
    pub metadata: Metadata,
}

/// The two ways to name a charge.
#[derive(Clone, Debug)]
pub enum Refundable {
    /// Itself.
    Charge(ChargeId),
    /// The successful one of this PaymentIntent.
    PaymentIntent(PaymentIntentId),
}

words!(
    /// Why money is given back.
    RefundReason {
        /// It was taken twice.
        Duplicate = "duplicate",
        /// It looks like a crime.
        Fraudulent = "fraudulent",
        /// The customer asked.
        RequestedByCustomer = "requested_by_customer",
    }
);

impl Charge {
    /// The attempt that `intent` makes with `method`.
    pub fn new(
        intent: &PaymentIntent,
        payment_method: PaymentMethod,
        state: State,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            id: ChargeId::generate(),
            payment_intent: intent.id.clone(),
            amount: intent.amount,
            amount_refunded: 0,
            payment_method,
            state,
            description: intent.description.clone(),
            receipt_email: intent.receipt_email.clone(),
            metadata: intent.metadata.clone(),
            created_at: now,
        }
    }

    /// How much was taken, in minor units.
    pub fn captured(&self) -> i64 {
        match self.state {
            State::Captured(amount) => amount,
            _ => 0,
        }
    }

    /// What can still be given back, in minor units.
    pub fn refundable(&self) -> i64 {
        self.captured() - self.amount_refunded
    }

    /// Whether all that was taken was given back.
    pub fn is_refunded(&self) -> bool {
        self.captured() > 0 && self.refundable() == 0
    }

    /// Whether the bank has not answered yet.
    pub fn is_pending(&self) -> bool {
        matches!(self.state, State::Pending { .. })
    }

    /// What came of it in a word, for the metric.
    pub fn outcome(&self) -> &'static str {
        match self.state {
            State::Pending { .. } => "pending",
            State::Authorized | State::Captured(_) | State::Released => "succeeded",
            State::Failed(_) => "declined",
        }
    }

    /// Gives money back. The caller holds the lock on the charge's row.
    pub fn refund(
        &mut self,
        wish: NewRefund,
        now: DateTime<Utc>,
    ) -> Result<(Refund, Transfer), Refusal> {
        match self.state {
            State::Captured(_) => {}
            State::Failed(_) => return Err(Refusal::ChargeFailed(self.id.clone())),
            _ => return Err(Refusal::ChargeNotCaptured(self.id.clone())),
        }
        if self.is_refunded() {
            return Err(Refusal::AlreadyRefunded(self.id.clone()));
        }
        let amount = Money::new(wish.amount.unwrap_or(self.refundable()), self.amount.currency());
        if amount.amount() > self.refundable() {
            let left = Money::new(self.refundable(), self.amount.currency());
            let message = format!(
                "Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
            );
            return Err(BadParameter::new("amount", message).into());
        }
        self.amount_refunded += amount.amount();
        let refund = Refund {
            id: RefundId::generate(),
            charge: self.id.clone(),
            payment_intent: self.payment_intent.clone(),
            amount,
            reason: wish.reason,
            metadata: wish.metadata,
            created_at: now,
        };
        let transfer = Transfer {
            kind: Move::Refund,
            amount,
            charge: self.id.clone(),
            refund: Some(refund.id.clone()),
        };
        Ok((refund, transfer))
    }
}

#[cfg(test)]
mod tests {
    use iso_currency::Currency;

    use super::*;

    fn charge(state: State) -> Charge {
        Charge {
            id: ChargeId::generate(),
            payment_intent: PaymentIntentId::generate(),
            amount: Money::new(1000, Currency::EUR),
            amount_refunded: 0,
            payment_method: PaymentMethod::find("pm_card_visa").unwrap(),
            state,
            description: None,
            receipt_email: None,
            metadata: Metadata::default(),
            created_at: now(),
        }
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 0).unwrap()
    }

    fn wish(charge: &Charge, amount: Option<i64>) -> NewRefund {
        NewRefund {
            of: Refundable::Charge(charge.id.clone()),
            amount,
            reason: None,
            metadata: Metadata::default(),
        }
    }

    #[test]
    fn parts_add_up_to_the_whole_and_no_further() {
        let mut charge = charge(State::Captured(1000));
        charge.refund(wish(&charge, Some(400)), now()).unwrap();
        assert!(matches!(
            charge.refund(wish(&charge, Some(601)), now()),
            Err(Refusal::Parameter(_))
        ));
        let (rest, transfer) = charge.refund(wish(&charge, None), now()).unwrap();
        assert_eq!((transfer.amount, &transfer.refund), (rest.amount, &Some(rest.id.clone())));
        assert_eq!((rest.amount.amount(), charge.is_refunded()), (600, true));
        assert!(matches!(
            charge.refund(wish(&charge, Some(1)), now()),
            Err(Refusal::AlreadyRefunded(_))
        ));
    }

    #[test]
    fn an_amount_beyond_all_bounds_is_refused() {
        let mut charge = charge(State::Captured(1000));
        assert!(charge.refund(wish(&charge, Some(i64::MAX)), now()).is_err());
        assert_eq!(charge.amount_refunded, 0);
    }

    #[test]
    fn a_failed_charge_gives_nothing_back() {
        let mut charge = charge(State::Failed(Decline::Generic));
        assert!(matches!(charge.refund(wish(&charge, None), now()), Err(Refusal::ChargeFailed(_))));
    }
}
