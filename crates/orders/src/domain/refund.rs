//! Money that goes back.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::OrderId;

chassis::define_id!(
    /// Names a refund.
    RefundId, "ref"
);

/// Where a refund stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// It is promised; the gateway is being asked.
    Pending,
    /// The money is on its way to the customer.
    Succeeded,
    /// The gateway refused: a person has to look at it.
    Failed,
}

impl RefundState {
    /// As it is stored, and as clients read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }

    /// Reads what [`Self::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Succeeded, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// Why money goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundReason {
    /// The customer wants it.
    #[default]
    RequestedByCustomer,
    /// It was paid twice, in the customer's eyes.
    Duplicate,
    /// Somebody else paid with the customer's card.
    Fraudulent,
    /// The order had been cancelled when the money came. The shop's own.
    Cancelled,
    /// The stock was gone when the money came. The shop's own.
    OutOfStock,
    /// The order was over when the money came. The shop's own.
    LatePayment,
}

impl RefundReason {
    const ALL: [Self; 6] = [
        Self::RequestedByCustomer,
        Self::Duplicate,
        Self::Fraudulent,
        Self::Cancelled,
        Self::OutOfStock,
        Self::LatePayment,
    ];

    /// As it is stored, and as clients read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RequestedByCustomer => "requested_by_customer",
            Self::Duplicate => "duplicate",
            Self::Fraudulent => "fraudulent",
            Self::Cancelled => "cancelled",
            Self::OutOfStock => "out_of_stock",
            Self::LatePayment => "late_payment",
        }
    }

    /// Reads what [`Self::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }

    /// Whether somebody may give this reason; the others are the shop's own.
    pub fn can_be_given(self) -> bool {
        matches!(self, Self::RequestedByCustomer | Self::Duplicate | Self::Fraudulent)
    }

    /// The gateway's word for it, where it has one.
    pub fn at_gateway(self) -> Option<&'static str> {
        self.can_be_given().then(|| self.as_str())
    }
}

/// One refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// The identifier.
    pub id: RefundId,
    /// Of which order.
    pub order_id: OrderId,
    /// How much, in minor units of the order's currency.
    pub amount: i64,
    /// Why.
    pub reason: RefundReason,
    /// Where it stands.
    pub state: RefundState,
    /// Who asked; nobody when the shop had to.
    pub requested_by: Option<Uuid>,
    /// When.
    pub created_at: DateTime<Utc>,
    /// How often a worker has taken it up. A refusal or a pause is written only by the last of them; that it was made
    /// is true whoever has learnt it.
    pub attempts: i32,
}

/// Why an order's money does not go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRefundable {
    /// Nothing was taken.
    #[error("the order is not paid")]
    NotPaid,
    /// Less is left than was asked for.
    #[error("{left} minor units are left to refund")]
    MoreThanLeft {
        /// How much, in minor units.
        left: i64,
    },
    /// Some of it went back so often already.
    #[error("some of it went back too often already")]
    TooMany,
    /// Customers may ask for so many days; administrators always.
    #[error("orders are refunded for {days} days")]
    TooLate {
        /// How many.
        days: u32,
    },
}
