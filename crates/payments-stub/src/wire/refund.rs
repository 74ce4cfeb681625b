//! `refund`.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::charge::{Refund as DomainRefund, RefundReason};

/// Money on its way back.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Refund {
    /// Its name.
    #[schema(example = "re_1Nispe2eZvKYlo2Cd31jOC")]
    pub id: String,
    /// Always `refund`.
    pub object: &'static str,
    /// How much, in the minor unit of the currency.
    #[schema(example = 899)]
    pub amount: i64,
    /// Always `null`: this gateway keeps no balance.
    pub balance_transaction: Option<String>,
    /// Of which charge.
    pub charge: String,
    /// When, in seconds since 1970.
    pub created: i64,
    /// ISO 4217, in lower case.
    #[schema(example = "eur")]
    pub currency: String,
    /// The client's notes.
    pub metadata: BTreeMap<String, String>,
    /// Of which PaymentIntent.
    pub payment_intent: String,
    /// Why.
    pub reason: Option<&'static str>,
    /// Always `null`.
    pub receipt_number: Option<String>,
    /// Always `succeeded`: test money travels fast.
    pub status: &'static str,
}

impl From<&DomainRefund> for Refund {
    fn from(refund: &DomainRefund) -> Self {
        Self {
            id: refund.id.to_string(),
            object: "refund",
            amount: refund.amount.amount(),
            balance_transaction: None,
            charge: refund.charge.to_string(),
            created: refund.created_at.timestamp(),
            currency: refund.amount.currency().code().to_lowercase(),
            metadata: refund.metadata.entries().clone(),
            payment_intent: refund.payment_intent.to_string(),
            reason: refund.reason.map(RefundReason::as_str),
            receipt_number: None,
            status: "succeeded",
        }
    }
}
