//! The PaymentIntent: one wish to be paid, and the only moves it can make.
//!
//! ```text
//! requires_payment_method ──attach──► requires_confirmation
//!            ▲                                │ confirm
//!            │ declined                       ├─ approved ─► succeeded       (the end; refunds are the charge's)
//!            └────────────────────────────────┤
//!                                             └─ 3-D Secure ─► requires_action ─confirm─► …
//! all but succeeded and canceled ──cancel──► canceled                        (the end)
//! ```
//!
//! A decline is not an end: the same PaymentIntent is confirmed again with another method.

use chassis::money::Money;
use chrono::{DateTime, Utc};

use super::charge::Charge;
use super::id::{ChargeId, PaymentIntentId, random_alphanumerics};
use super::metadata::Metadata;
use super::payment_method::{Behaviour, Decline, PaymentMethod};
use super::refusal::Refusal;
use super::words::words;

/// One wish to be paid. It changes by its methods only, under the lock on its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentIntent {
    /// Its name.
    pub id: PaymentIntentId,
    /// How much is wanted.
    pub amount: Money,
    /// Where it stands.
    pub status: Status,
    /// When the money is to be taken.
    pub capture_method: CaptureMethod,
    /// What a browser proves itself with.
    pub client_secret: String,
    /// The client's words about it.
    pub description: Option<String>,
    /// Where a receipt would go; this gateway sends none.
    pub receipt_email: Option<String>,
    /// Where the customer comes back to.
    pub return_url: Option<String>,
    /// The client's notes.
    pub metadata: Metadata,
    /// Whether the client left the choice of methods to the gateway.
    pub automatic_payment_methods: bool,
    /// What will be charged.
    pub payment_method: Option<PaymentMethod>,
    /// The last attempt.
    pub latest_charge: Option<ChargeId>,
    /// Why the last attempt failed, if it did.
    pub last_decline: Option<Decline>,
    /// Why it was canceled.
    pub cancellation_reason: Option<CancellationReason>,
    /// When it was canceled.
    pub canceled_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// What a client asks for.
#[derive(Clone, Debug)]
pub struct NewPaymentIntent {
    /// See [`PaymentIntent`].
    pub amount: Money,
    /// See [`PaymentIntent`].
    pub capture_method: CaptureMethod,
    /// See [`PaymentIntent`].
    pub description: Option<String>,
    /// See [`PaymentIntent`].
    pub receipt_email: Option<String>,
    /// See [`PaymentIntent`].
    pub return_url: Option<String>,
    /// See [`PaymentIntent`].
    pub metadata: Metadata,
    /// See [`PaymentIntent`].
    pub automatic_payment_methods: bool,
    /// See [`PaymentIntent`].
    pub payment_method: Option<PaymentMethod>,
}

/// What came of a confirmation that was allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The method was charged, successfully or not.
    Charged(Charge),
    /// The customer has to act first.
    ActionNeeded,
}

words!(
    /// Where a PaymentIntent stands. (`processing` and `requires_capture` come with their methods.)
    Status {
        /// Nothing to charge yet, or the last one was declined.
        RequiresPaymentMethod = "requires_payment_method",
        /// There is a method; the client has to say go.
        RequiresConfirmation = "requires_confirmation",
        /// The customer has to prove who they are.
        RequiresAction = "requires_action",
        /// Paid. An end.
        Succeeded = "succeeded",
        /// Given up. An end.
        Canceled = "canceled",
    }
);

words!(
    /// When the money is to be taken. (`manual` comes with its own endpoint.)
    CaptureMethod {
        /// At once.
        Automatic = "automatic",
        /// At once, as far as anybody can see; Stripe's default.
        AutomaticAsync = "automatic_async",
    }
);

words!(
    /// Why a PaymentIntent is given up.
    CancellationReason {
        /// There is another one for the same thing.
        Duplicate = "duplicate",
        /// It looks like a crime.
        Fraudulent = "fraudulent",
        /// The customer changed their mind.
        RequestedByCustomer = "requested_by_customer",
        /// Nobody came back.
        Abandoned = "abandoned",
    }
);

impl Status {
    /// Whether nothing more can happen.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Succeeded | Self::Canceled)
    }
}

impl PaymentIntent {
    /// A new one, not yet confirmed.
    pub fn new(wish: NewPaymentIntent, now: DateTime<Utc>) -> Self {
        let id = PaymentIntentId::generate();
        let status = if wish.payment_method.is_some() {
            Status::RequiresConfirmation
        } else {
            Status::RequiresPaymentMethod
        };
        Self {
            client_secret: format!("{id}_secret_{}", random_alphanumerics()),
            id,
            amount: wish.amount,
            status,
            capture_method: wish.capture_method,
            description: wish.description,
            receipt_email: wish.receipt_email,
            return_url: wish.return_url,
            metadata: wish.metadata,
            automatic_payment_methods: wish.automatic_payment_methods,
            payment_method: wish.payment_method,
            latest_charge: None,
            last_decline: None,
            cancellation_reason: None,
            canceled_at: None,
            created_at: now,
        }
    }

    /// Names what will be charged.
    pub fn attach(&mut self, method: PaymentMethod) -> Result<(), Refusal> {
        if self.status.is_end() {
            return Err(self.refuse("update the payment_method of"));
        }
        self.payment_method = Some(method);
        self.status = Status::RequiresConfirmation;
        Ok(())
    }

    /// Charges `method`, or the one that is attached.
    pub fn confirm(
        &mut self,
        method: Option<PaymentMethod>,
        now: DateTime<Utc>,
    ) -> Result<Verdict, Refusal> {
        if self.status.is_end() {
            return Err(self.refuse("confirm"));
        }
        let Some(method) = method.or(self.payment_method) else {
            return Err(self.refuse_without_method());
        };
        match method.behaviour() {
            Behaviour::Authenticate => {
                self.payment_method = Some(method);
                self.status = Status::RequiresAction;
                Ok(Verdict::ActionNeeded)
            }
            Behaviour::Approve => {
                let charge = Charge::new(self, method, None, now);
                self.payment_method = Some(method);
                self.status = Status::Succeeded;
                self.last_decline = None;
                self.latest_charge = Some(charge.id.clone());
                Ok(Verdict::Charged(charge))
            }
            Behaviour::Decline(decline) => {
                let charge = Charge::new(self, method, Some(decline), now);
                // A method that was declined is forgotten: the next confirmation has to name one.
                self.payment_method = None;
                self.status = Status::RequiresPaymentMethod;
                self.last_decline = Some(decline);
                self.latest_charge = Some(charge.id.clone());
                Ok(Verdict::Charged(charge))
            }
        }
    }

    /// Gives it up.
    pub fn cancel(
        &mut self,
        reason: Option<CancellationReason>,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        if self.status.is_end() {
            return Err(self.refuse("cancel"));
        }
        self.status = Status::Canceled;
        self.cancellation_reason = reason;
        self.canceled_at = Some(now);
        Ok(())
    }

    fn refuse(&self, verb: &str) -> Refusal {
        let allowed: Vec<_> =
            Status::ALL.iter().filter(|status| !status.is_end()).map(|s| s.as_str()).collect();
        let message = format!(
            "You cannot {verb} this PaymentIntent because it has a status of {}. \
             Only a PaymentIntent with one of the following statuses may be changed so: {}.",
            self.status.as_str(),
            allowed.join(", ")
        );
        Refusal::UnexpectedState { intent: Box::new(self.clone()), message }
    }

    fn refuse_without_method(&self) -> Refusal {
        let message =
            "You cannot confirm this PaymentIntent because it's missing a payment method. \
                       Update it with a payment method first, or confirm it with one."
                .to_owned();
        Refusal::UnexpectedState { intent: Box::new(self.clone()), message }
    }
}

#[cfg(test)]
mod tests;
