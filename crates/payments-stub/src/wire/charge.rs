//! `charge`.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::charge::{Charge as DomainCharge, Outcome as DomainOutcome};
use crate::domain::payment_method::Decline;

/// One attempt to take money.
#[expect(clippy::struct_excessive_bools, reason = "the shape is Stripe's")]
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Charge {
    /// Its name.
    #[schema(example = "ch_3MtwBwLkdIwHu7ix28a3tq")]
    pub id: String,
    /// Always `charge`.
    pub object: &'static str,
    /// How much, in the minor unit of the currency.
    #[schema(example = 899)]
    pub amount: i64,
    /// How much was taken.
    pub amount_captured: i64,
    /// How much was given back.
    pub amount_refunded: i64,
    /// Always empty: no card, no address.
    pub billing_details: BillingDetails,
    /// Whether the money was taken.
    pub captured: bool,
    /// When, in seconds since 1970.
    pub created: i64,
    /// ISO 4217, in lower case.
    #[schema(example = "eur")]
    pub currency: String,
    /// Always `null`.
    pub customer: Option<String>,
    /// As on the PaymentIntent.
    pub description: Option<String>,
    /// Always `false`.
    pub disputed: bool,
    /// Why it failed.
    pub failure_code: Option<&'static str>,
    /// Why it failed, in words.
    pub failure_message: Option<&'static str>,
    /// Always `false`.
    pub livemode: bool,
    /// As on the PaymentIntent at that moment.
    pub metadata: BTreeMap<String, String>,
    /// What the bank said.
    pub outcome: Outcome,
    /// Whether the money was taken.
    pub paid: bool,
    /// Whose attempt it is.
    pub payment_intent: String,
    /// What was charged.
    pub payment_method: &'static str,
    /// As on the PaymentIntent.
    pub receipt_email: Option<String>,
    /// Always `null`: this gateway has no receipts.
    pub receipt_url: Option<String>,
    /// Whether all of it was given back.
    pub refunded: bool,
    /// `succeeded` or `failed`.
    #[schema(example = "succeeded")]
    pub status: &'static str,
}

/// Who pays; this gateway does not ask.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct BillingDetails {
    /// Always `null`.
    pub address: Option<String>,
    /// Always `null`.
    pub email: Option<String>,
    /// Always `null`.
    pub name: Option<String>,
    /// Always `null`.
    pub phone: Option<String>,
}

/// What the bank said.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Outcome {
    /// `approved_by_network` or `declined_by_network`.
    pub network_status: &'static str,
    /// The decline, if it was one.
    pub reason: Option<&'static str>,
    /// For the seller's eyes.
    pub seller_message: &'static str,
    /// `authorized` or `issuer_declined`.
    pub r#type: &'static str,
}

impl From<&DomainCharge> for Charge {
    fn from(charge: &DomainCharge) -> Self {
        let amount = charge.amount.amount();
        let (succeeded, decline) = match charge.outcome {
            DomainOutcome::Succeeded => (true, None),
            DomainOutcome::Failed(decline) => (false, Some(decline)),
        };
        Self {
            id: charge.id.to_string(),
            object: "charge",
            amount,
            amount_captured: if succeeded { amount } else { 0 },
            amount_refunded: charge.amount_refunded,
            billing_details: BillingDetails::default(),
            captured: succeeded,
            created: charge.created_at.timestamp(),
            currency: charge.amount.currency().code().to_lowercase(),
            customer: None,
            description: charge.description.clone(),
            disputed: false,
            failure_code: decline.map(Decline::code),
            failure_message: decline.map(Decline::message),
            livemode: false,
            metadata: charge.metadata.entries().clone(),
            outcome: Outcome {
                network_status: if succeeded {
                    "approved_by_network"
                } else {
                    "declined_by_network"
                },
                reason: decline.map(Decline::decline_code),
                seller_message: if succeeded {
                    "Payment complete."
                } else {
                    "The bank declined the payment."
                },
                r#type: if succeeded { "authorized" } else { "issuer_declined" },
            },
            paid: succeeded,
            payment_intent: charge.payment_intent.to_string(),
            payment_method: charge.payment_method.name(),
            receipt_email: charge.receipt_email.clone(),
            receipt_url: None,
            refunded: succeeded && charge.is_refunded(),
            status: if succeeded { "succeeded" } else { "failed" },
        }
    }
}
