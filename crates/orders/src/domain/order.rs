//! An order, and what can become known about it.

use chassis::money::Money;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{BookId, Intent, OrderState};

chassis::define_id!(
    /// Names an order.
    OrderId, "ord"
);

/// An order with all that its next step needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The identifier.
    pub id: OrderId,
    /// Whose it is.
    pub user_id: Uuid,
    /// Where it stands.
    pub state: OrderState,
    /// Counts what has happened to it; what was learnt from an older version is not written any more.
    pub version: i64,
    /// What is charged.
    pub total: Money,
    /// What is charged to.
    pub payment_method: String,
    /// Where the receipt goes.
    pub receipt_email: String,
    /// Why it was refused or declined.
    pub failure: Option<Value>,
    /// Whether its customer does not want it any more.
    pub cancel_requested: bool,
    /// The trace of the request that placed it.
    pub traceparent: Option<String>,
    /// When it was placed.
    pub created_at: DateTime<Utc>,
    /// When it is given up.
    pub deadline_at: DateTime<Utc>,
    /// How it is paid.
    pub payment: Payment,
}

/// The payment of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payment {
    /// The gateway's PaymentIntent.
    pub intent_id: Option<String>,
    /// Which try to charge a card this is, from 1; 0 before the first.
    pub confirm_attempt: i32,
    /// The charge of the last try that was declined.
    pub declined_charge_id: Option<String>,
    /// Where the customer has to go.
    pub redirect_url: Option<String>,
    /// What went back, or is about to, in minor units.
    pub refunded_amount: i64,
    /// When the money was taken.
    pub paid_at: Option<DateTime<Utc>>,
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
    /// The gateway's answer to our own request to charge: of this try and no other.
    Confirmed(Intent),
    /// The gateway refused to try this payment method at all.
    MethodRefused(String),
    /// The gateway was asked to charge, and did not give an answer that we can rely on.
    OutcomeUnknown,
    /// The gateway's view of the PaymentIntent when we looked; of which try, it does not say.
    IntentSeen(Intent),
    /// It is too late, or not wanted any more, and no PaymentIntent was ever confirmed.
    GivenUp,
    /// Its customer tries another card.
    AnotherCard(NextTry),
}

/// A try to pay with another card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextTry {
    /// Its number, from 2.
    pub attempt: i32,
    /// The client's name for it.
    pub idempotency_key: String,
    /// The card.
    pub payment_method: String,
}

/// Who brought a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The customer's own request.
    Request,
    /// A webhook of the gateway, or its list of events.
    Webhook,
    /// The worker that takes up what was left behind.
    Resume,
    /// A refund that has arrived.
    Refund,
}

impl Cause {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Webhook => "webhook",
            Self::Resume => "resume",
            Self::Refund => "refund",
        }
    }
}
