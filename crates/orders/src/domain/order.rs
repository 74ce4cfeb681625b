//! An order, its states, and the one function that decides where it goes from what became known.
//!
//! ```text
//! created ──► payment_pending ──► confirming ──► paid
//!    │               │              │  ▲ │ ├───► declined
//!    ├──► rejected   │              │  │ │ └───► requires_action ──► paid, declined, payment_unknown, expired
//!    └───────────────┴──► expired ◄─┤  │ ▼
//!                                   └─ payment_unknown ──► paid, declined, requires_action, expired
//! ```
//!
//! The request, the webhook, the resume worker and the expiry all bring *facts* to [`Order::decide`].
//! A fact that comes late or twice decides nothing, so nobody needs to know who else is working on the order.

use chassis::money::Money;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{BookId, Intent, IntentStatus};

chassis::define_id!(
    /// Names an order.
    OrderId, "ord"
);

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// It exists; its stock is being reserved.
    Created,
    /// Its stock is reserved; the payment is being prepared.
    PaymentPending,
    /// The gateway is being asked for the money.
    Confirming,
    /// The customer has to do something at the bank.
    RequiresAction,
    /// The gateway was asked, and we do not know what came of it: it will be asked again.
    PaymentUnknown,
    /// The money was taken.
    Paid,
    /// The card was declined; the stock is free again.
    Declined,
    /// There was not enough stock; nothing was charged.
    Rejected,
    /// It was not paid in time; the stock is free again.
    Expired,
}

impl OrderState {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Created,
        Self::PaymentPending,
        Self::Confirming,
        Self::RequiresAction,
        Self::PaymentUnknown,
        Self::Paid,
        Self::Declined,
        Self::Rejected,
        Self::Expired,
    ];

    /// As it is stored, and as clients read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::PaymentPending => "payment_pending",
            Self::Confirming => "confirming",
            Self::RequiresAction => "requires_action",
            Self::PaymentUnknown => "payment_unknown",
            Self::Paid => "paid",
            Self::Declined => "declined",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }

    /// Reads what [`Self::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether nothing will change any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Paid | Self::Declined | Self::Rejected | Self::Expired)
    }
}

/// An order with all that its next step needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The identifier.
    pub id: OrderId,
    /// Whose it is.
    pub user_id: Uuid,
    /// Where it stands.
    pub state: OrderState,
    /// What is charged.
    pub total: Money,
    /// What is charged to.
    pub payment_method: String,
    /// Where the receipt goes.
    pub receipt_email: String,
    /// Why it was refused or declined.
    pub failure: Option<Value>,
    /// The gateway's PaymentIntent.
    pub intent_id: Option<String>,
    /// Which try to charge a card this is, from 1.
    pub confirm_attempt: i32,
    /// When it was placed.
    pub created_at: DateTime<Utc>,
    /// When it is given up.
    pub deadline_at: DateTime<Utc>,
    /// What was bought.
    pub lines: Vec<OrderLine>,
}

/// One line, at the price of the moment when the order was placed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OrderLine {
    /// The book.
    pub book_id: BookId,
    /// Its title then.
    pub title: String,
    /// How many copies.
    pub quantity: i32,
    /// What one copy cost.
    pub unit_price: Money,
}

/// Something that became known about an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The catalog holds the stock.
    StockHeld,
    /// The catalog refused: `shortages` says of which books there are not enough.
    StockRefused(Value),
    /// The gateway has made the PaymentIntent of this identifier; nothing is charged yet.
    IntentCreated(String),
    /// The gateway was asked to charge, and did not give an answer that we can rely on.
    OutcomeUnknown,
    /// The gateway refused to try this payment method at all.
    MethodRefused(String),
    /// The gateway's own view of the PaymentIntent, now.
    IntentSeen(Intent),
    /// The deadline has passed, and no PaymentIntent exists that could still be paid.
    GivenUp,
}

/// Who brought a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The customer's own request.
    Request,
    /// A webhook of the gateway.
    Webhook,
    /// The worker that takes up what was left behind.
    Resume,
}

impl Cause {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Webhook => "webhook",
            Self::Resume => "resume",
        }
    }
}

/// Where an order goes, and what is noted on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing changes: the fact is old, or says what is known.
    Stay,
    /// To this state.
    Go(OrderState),
    /// To this state, with the reason for the customer.
    Fail(OrderState, Value),
    /// The fact contradicts the order: nobody may act on it but a person.
    Alarm(String),
}

impl Order {
    /// The one decision. It looks only at where the order is *now* and at the fact, so it can be asked by anybody.
    pub fn decide(&self, fact: &Fact) -> Step {
        use OrderState::{
            Confirming, Created, Declined, Expired, PaymentPending, PaymentUnknown, Rejected,
        };
        match (self.state, fact) {
            (Created, Fact::StockHeld) => Step::Go(PaymentPending),
            (Created, Fact::StockRefused(shortages)) => Step::Fail(Rejected, shortages.clone()),
            (PaymentPending, Fact::IntentCreated(_)) => Step::Go(Confirming),
            (Confirming, Fact::OutcomeUnknown) => Step::Go(PaymentUnknown),
            (Confirming, Fact::MethodRefused(code)) => {
                Step::Fail(Declined, serde_json::json!({ "decline_code": code }))
            }
            (Created | PaymentPending, Fact::GivenUp) => Step::Go(Expired),
            (_, Fact::IntentSeen(intent)) => self.decide_by_intent(intent),
            _ => Step::Stay,
        }
    }

    fn decide_by_intent(&self, intent: &Intent) -> Step {
        use OrderState::{Confirming, Declined, Expired, Paid, PaymentUnknown, RequiresAction};
        if self.intent_id.as_deref() != Some(intent.id.as_str()) {
            return Step::Alarm(format!("PaymentIntent {} is not this order's", intent.id));
        }
        if intent.amount != self.total.amount()
            || !intent.currency.eq_ignore_ascii_case(self.total.currency().code())
        {
            return Step::Alarm(format!("PaymentIntent {} is for another amount", intent.id));
        }
        let waits = matches!(self.state, Confirming | RequiresAction | PaymentUnknown);
        match (intent.status, self.state) {
            (IntentStatus::Succeeded, Paid) => Step::Stay,
            (IntentStatus::Succeeded, _) if intent.amount_received != intent.amount => {
                Step::Alarm(format!("PaymentIntent {} took another amount", intent.id))
            }
            (IntentStatus::Succeeded, _) if waits && intent.latest_charge.is_some() => {
                Step::Go(Paid)
            }
            // Money for an order that we have given up or told the customer is declined.
            (IntentStatus::Succeeded, _) => {
                Step::Alarm(format!("PaymentIntent {} is paid, the order is not", intent.id))
            }
            (IntentStatus::Canceled, _) if waits => Step::Go(Expired),
            (IntentStatus::RequiresAction, Confirming | PaymentUnknown) => Step::Go(RequiresAction),
            (
                IntentStatus::Processing | IntentStatus::Other | IntentStatus::RequiresCapture,
                Confirming,
            ) => Step::Go(PaymentUnknown),
            // Only an error that the gateway reports is a decline; its absence means that it never tried.
            (IntentStatus::RequiresPaymentMethod, _) if waits => match &intent.last_payment_error {
                Some(error) => {
                    Step::Fail(Declined, serde_json::json!({ "decline_code": error.reason() }))
                }
                None if self.state == PaymentUnknown => Step::Go(Confirming),
                None => Step::Stay,
            },
            (IntentStatus::RequiresConfirmation, PaymentUnknown) => Step::Go(Confirming),
            _ => Step::Stay,
        }
    }
}

#[cfg(test)]
mod tests;
