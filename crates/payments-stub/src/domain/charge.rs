//! Charges: one attempt to take money each, and the refunds that give it back.

use chassis::money::Money;
use chrono::{DateTime, Utc};

use super::id::{ChargeId, PaymentIntentId, RefundId};
use super::metadata::Metadata;
use super::payment_intent::PaymentIntent;
use super::payment_method::{Decline, PaymentMethod};
use super::refusal::{BadParameter, Refusal};
use super::words::words;

/// One attempt to take the money of a PaymentIntent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Its name.
    pub id: ChargeId,
    /// Whose attempt it is.
    pub payment_intent: PaymentIntentId,
    /// How much.
    pub amount: Money,
    /// How much of it was given back, in minor units.
    pub amount_refunded: i64,
    /// What was charged.
    pub payment_method: PaymentMethod,
    /// What came of it.
    pub outcome: Outcome,
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
pub enum Outcome {
    /// The money was taken.
    Succeeded,
    /// It was not.
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
        decline: Option<Decline>,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            id: ChargeId::generate(),
            payment_intent: intent.id.clone(),
            amount: intent.amount,
            amount_refunded: 0,
            payment_method,
            outcome: decline.map_or(Outcome::Succeeded, Outcome::Failed),
            description: intent.description.clone(),
            receipt_email: intent.receipt_email.clone(),
            metadata: intent.metadata.clone(),
            created_at: now,
        }
    }

    /// What can still be given back, in minor units.
    pub fn refundable(&self) -> i64 {
        self.amount.amount() - self.amount_refunded
    }

    /// Whether all of it was given back.
    pub fn is_refunded(&self) -> bool {
        self.refundable() == 0
    }

    /// Gives money back. The caller holds the lock on the charge's row.
    pub fn refund(&mut self, wish: NewRefund, now: DateTime<Utc>) -> Result<Refund, Refusal> {
        if self.outcome != Outcome::Succeeded {
            return Err(Refusal::ChargeFailed(self.id.clone()));
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
        Ok(Refund {
            id: RefundId::generate(),
            charge: self.id.clone(),
            payment_intent: self.payment_intent.clone(),
            amount,
            reason: wish.reason,
            metadata: wish.metadata,
            created_at: now,
        })
    }
}

#[cfg(test)]
mod tests {
    use iso_currency::Currency;

    use super::*;

    fn charge(outcome: Outcome) -> Charge {
        Charge {
            id: ChargeId::generate(),
            payment_intent: PaymentIntentId::generate(),
            amount: Money::new(1000, Currency::EUR),
            amount_refunded: 0,
            payment_method: PaymentMethod::find("pm_card_visa").unwrap(),
            outcome,
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
        let mut charge = charge(Outcome::Succeeded);
        charge.refund(wish(&charge, Some(400)), now()).unwrap();
        assert!(matches!(
            charge.refund(wish(&charge, Some(601)), now()),
            Err(Refusal::Parameter(_))
        ));
        let rest = charge.refund(wish(&charge, None), now()).unwrap();
        assert_eq!((rest.amount.amount(), charge.is_refunded()), (600, true));
        assert!(matches!(
            charge.refund(wish(&charge, Some(1)), now()),
            Err(Refusal::AlreadyRefunded(_))
        ));
    }

    #[test]
    fn an_amount_beyond_all_bounds_is_refused() {
        let mut charge = charge(Outcome::Succeeded);
        assert!(charge.refund(wish(&charge, Some(i64::MAX)), now()).is_err());
        assert_eq!(charge.amount_refunded, 0);
    }

    #[test]
    fn a_failed_charge_gives_nothing_back() {
        let mut charge = charge(Outcome::Failed(Decline::Generic));
        assert!(matches!(charge.refund(wish(&charge, None), now()), Err(Refusal::ChargeFailed(_))));
    }
}
