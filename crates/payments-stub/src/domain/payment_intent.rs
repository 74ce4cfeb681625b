//! The PaymentIntent: one wish to be paid, and the only moves it can make.
//!
//! ```text
//! requires_payment_method ──attach──► requires_confirmation
//!            ▲                                │ confirm
//!            │ declined                       ├─ approved ───────► succeeded   (the end; refunds are the charge's)
//!            │                                ├─ capture by hand ► requires_capture ─capture─► succeeded
//!            │                                ├─ 3-D Secure ─────► requires_action ─the customer─► as if confirmed
//!            └────────────────────────────────┴─ a slow bank ────► processing ─settles─► succeeded
//! requires_payment_method, requires_confirmation, requires_action, requires_capture ──cancel──► canceled  (the end)
//! ```
//!
//! A decline is not an end: the same PaymentIntent is confirmed again with another method. The moves are in
//! `moves.rs`; each says in one value what must be written down with it.

mod moves;

use chassis::money::Money;
use chrono::{DateTime, Utc};

use super::id::{ChargeId, PaymentIntentId, random_alphanumerics};
use super::metadata::Metadata;
use super::payment_method::{Decline, Kind, PaymentMethod};
use super::refusal::{BadParameter, Refusal};
use super::words::words;

pub use moves::{Confirmation, Moved, Terms};

/// One wish to be paid. It changes by its methods only, under the lock on its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentIntent {
    /// Its name.
    pub id: PaymentIntentId,
    /// How much is wanted.
    pub amount: Money,
    /// How much was taken, in minor units.
    pub amount_received: i64,
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
    /// What kinds of methods it takes.
    pub payment_method_types: Vec<Kind>,
    /// What will be charged.
    pub payment_method: Option<PaymentMethod>,
    /// Where the customer has to go, in `requires_action`.
    pub action_url: Option<String>,
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
    pub payment_method_types: Vec<Kind>,
    /// See [`PaymentIntent`].
    pub payment_method: Option<PaymentMethod>,
}

words!(
    /// Where a PaymentIntent stands.
    Status {
        /// Nothing to charge yet, or the last one was declined.
        RequiresPaymentMethod = "requires_payment_method",
        /// There is a method; the client has to say go.
        RequiresConfirmation = "requires_confirmation",
        /// The customer has to prove who they are.
        RequiresAction = "requires_action",
        /// The bank takes its time.
        Processing = "processing",
        /// The money is held; the client has to take it.
        RequiresCapture = "requires_capture",
        /// Paid. An end.
        Succeeded = "succeeded",
        /// Given up. An end.
        Canceled = "canceled",
    }
);

words!(
    /// When the money is to be taken.
    CaptureMethod {
        /// At once.
        Automatic = "automatic",
        /// At once, as far as anybody can see; Stripe's default.
        AutomaticAsync = "automatic_async",
        /// When the client says so; until then it is held.
        Manual = "manual",
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
        /// The gateway gave it up: what was held was not captured in time. No client can say this.
        Automatic = "automatic",
    }
);

impl Status {
    /// Where a PaymentIntent can still be confirmed, and given another method.
    pub const OPEN: &[Self] =
        &[Self::RequiresPaymentMethod, Self::RequiresConfirmation, Self::RequiresAction];
    /// Where it can still be given up. While a bank takes its time, nobody can.
    pub const CANCELABLE: &[Self] = &[
        Self::RequiresPaymentMethod,
        Self::RequiresConfirmation,
        Self::RequiresAction,
        Self::RequiresCapture,
    ];

    /// Whether nothing more can happen.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Succeeded | Self::Canceled)
    }
}

impl PaymentIntent {
    /// A new one, not yet confirmed.
    pub fn new(wish: NewPaymentIntent, now: DateTime<Utc>) -> Result<Self, Refusal> {
        let id = PaymentIntentId::generate();
        let mut intent = Self {
            client_secret: format!("{id}_secret_{}", random_alphanumerics()),
            id,
            amount: wish.amount,
            amount_received: 0,
            status: Status::RequiresPaymentMethod,
            capture_method: wish.capture_method,
            description: wish.description,
            receipt_email: wish.receipt_email,
            return_url: wish.return_url,
            metadata: wish.metadata,
            automatic_payment_methods: wish.automatic_payment_methods,
            payment_method_types: wish.payment_method_types,
            payment_method: None,
            action_url: None,
            latest_charge: None,
            last_decline: None,
            cancellation_reason: None,
            canceled_at: None,
            created_at: now,
        };
        if let Some(method) = wish.payment_method {
            intent.attach(method)?;
        }
        Ok(intent)
    }

    /// Names what will be charged.
    pub fn attach(&mut self, method: PaymentMethod) -> Result<(), Refusal> {
        self.allow("update the payment_method of", Status::OPEN)?;
        self.check_method(method)?;
        self.payment_method = Some(method);
        self.action_url = None;
        self.status = Status::RequiresConfirmation;
        Ok(())
    }

    /// How much is held and can be captured, in minor units.
    pub fn amount_capturable(&self) -> i64 {
        if self.status == Status::RequiresCapture { self.amount.amount() } else { 0 }
    }

    fn check_method(&self, method: PaymentMethod) -> Result<(), BadParameter> {
        const PARAM: &str = "payment_method";
        let kind = method.kind();
        if !self.payment_method_types.contains(&kind) {
            let message = format!(
                "The PaymentMethod provided ({}) is not allowed for this PaymentIntent. \
                 Its payment_method_types do not include it.",
                kind.as_str()
            );
            return Err(BadParameter::new(PARAM, message));
        }
        if kind == Kind::UsBankAccount && self.capture_method == CaptureMethod::Manual {
            let message =
                "A bank account cannot be held, so it does not go with capture_method=manual.";
            return Err(BadParameter::new(PARAM, message));
        }
        Ok(())
    }

    /// Refuses a move from a state that does not allow it.
    fn allow(&self, verb: &str, from: &[Status]) -> Result<(), Refusal> {
        if from.contains(&self.status) {
            return Ok(());
        }
        let allowed: Vec<_> = from.iter().map(|status| status.as_str()).collect();
        let message = format!(
            "You cannot {verb} this PaymentIntent because it has a status of {}. \
             Only a PaymentIntent with one of the following statuses may be changed so: {}.",
            self.status.as_str(),
            allowed.join(", ")
        );
        Err(Refusal::UnexpectedState { intent: Box::new(self.clone()), message })
    }

    fn refuse_without_method(&self) -> Refusal {
        let message = "You cannot confirm this PaymentIntent because it's missing a payment method. \
                       Update it with a payment method first, or confirm it with one.";
        Refusal::UnexpectedState { intent: Box::new(self.clone()), message: message.to_owned() }
    }
}

#[cfg(test)]
mod tests;
