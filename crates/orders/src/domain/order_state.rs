//! Where an order can stand, and the graph of its ways.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use OrderState::{
    Cancelled, Confirming, Created, Declined, Expired, Paid, PaymentPending, PaymentUnknown,
    Refunded, Rejected, RequiresAction,
};

/// Where an order stands.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
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
    /// The card was declined, nothing was taken; another card may be tried until the deadline.
    Declined,
    /// The money was taken.
    Paid,
    /// All of the money went back.
    Refunded,
    /// There was not enough stock; nothing was charged.
    Rejected,
    /// It was not paid in time; the stock is free again.
    Expired,
    /// Its customer did not want it any more; nothing was taken, the stock is free again.
    Cancelled,
}

impl OrderState {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Created,
        PaymentPending,
        Confirming,
        RequiresAction,
        PaymentUnknown,
        Declined,
        Paid,
        Refunded,
        Rejected,
        Expired,
        Cancelled,
    ];

    /// The graph: every way that an order can go. The database holds the same list (`orders_check_edge`), and the
    /// picture in the README is drawn from it.
    pub const EDGES: [(Self, Self); 29] = [
        (Created, PaymentPending),
        (Created, Rejected),
        (Created, Expired),
        (Created, Cancelled),
        (PaymentPending, Confirming),
        (PaymentPending, Expired),
        (PaymentPending, Cancelled),
        (Confirming, Paid),
        (Confirming, Declined),
        (Confirming, RequiresAction),
        (Confirming, PaymentUnknown),
        (Confirming, Expired),
        (Confirming, Cancelled),
        (RequiresAction, Paid),
        (RequiresAction, Declined),
        (RequiresAction, PaymentUnknown),
        (RequiresAction, Expired),
        (RequiresAction, Cancelled),
        (PaymentUnknown, Paid),
        (PaymentUnknown, Declined),
        (PaymentUnknown, RequiresAction),
        (PaymentUnknown, Confirming),
        (PaymentUnknown, Expired),
        (PaymentUnknown, Cancelled),
        (Declined, Confirming),
        (Declined, Paid),
        (Declined, Expired),
        (Declined, Cancelled),
        (Paid, Refunded),
    ];

    /// As it is stored, and as clients read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Created => "created",
            PaymentPending => "payment_pending",
            Confirming => "confirming",
            RequiresAction => "requires_action",
            PaymentUnknown => "payment_unknown",
            Declined => "declined",
            Paid => "paid",
            Refunded => "refunded",
            Rejected => "rejected",
            Expired => "expired",
            Cancelled => "cancelled",
        }
    }

    /// Reads what [`Self::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether an order can go from here to `next`.
    pub fn may_become(self, next: Self) -> bool {
        Self::EDGES.contains(&(self, next))
    }

    /// Whether the checkout has nothing more to do.
    pub fn is_final(self) -> bool {
        matches!(self, Paid | Refunded | Rejected | Expired | Cancelled)
    }

    /// Whether the checkout goes on by itself; otherwise it is over, or waits for its customer.
    pub fn is_in_progress(self) -> bool {
        matches!(self, Created | PaymentPending | Confirming | PaymentUnknown)
    }

    /// Whether it is over and nothing was taken.
    pub fn ended_unpaid(self) -> bool {
        matches!(self, Rejected | Expired | Cancelled)
    }
}
