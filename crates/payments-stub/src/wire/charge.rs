//! `charge`.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::charge::{Charge as DomainCharge, State};
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
    /// How much was given back; for what was held and released, all of it.
    pub amount_refunded: i64,
    /// Always empty: no card, no address.
    pub billing_details: BillingDetails,
    /// Whether the money was taken, and is not only held.
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
    /// Whether the bank said yes.
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
    /// `succeeded`, `pending` or `failed`.
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
    /// `approved_by_network`, `declined_by_network`, or `not_sent_to_network` while a slow bank is silent.
    pub network_status: &'static str,
    /// The decline, if it was one.
    pub reason: Option<&'static str>,
    /// For the seller's eyes.
    pub seller_message: &'static str,
    /// `authorized`, `issuer_declined` or `pending`.
    pub r#type: &'static str,
}

impl Outcome {
    fn of(state: State) -> Self {
        let (network_status, reason, seller_message, r#type) = match state {
            State::Failed(decline) => (
                "declined_by_network",
                decline.decline_code(),
                "The bank declined the payment.",
                "issuer_declined",
            ),
            State::Pending { .. } => {
                ("not_sent_to_network", None, "The bank has not answered yet.", "pending")
            }
            _ => ("approved_by_network", None, "Payment complete.", "authorized"),
        };
        Self { network_status, reason, seller_message, r#type }
    }
}

impl From<&DomainCharge> for Charge {
    fn from(charge: &DomainCharge) -> Self {
        let amount = charge.amount.amount();
        let (status, decline) = match charge.state {
            State::Pending { .. } => ("pending", None),
            State::Failed(decline) => ("failed", Some(decline)),
            State::Authorized | State::Captured(_) | State::Released => ("succeeded", None),
        };
        let released = charge.state == State::Released;
        Self {
            id: charge.id.to_string(),
            object: "charge",
            amount,
            amount_captured: charge.captured(),
            amount_refunded: if released { amount } else { charge.amount_refunded },
            billing_details: BillingDetails::default(),
            captured: charge.captured() > 0,
            created: charge.created_at.timestamp(),
            currency: charge.amount.currency().code().to_lowercase(),
            customer: None,
            description: charge.description.clone(),
            disputed: false,
            failure_code: decline.map(Decline::code),
            failure_message: decline.map(Decline::message),
            livemode: false,
            metadata: charge.metadata.entries().clone(),
            outcome: Outcome::of(charge.state),
            paid: status == "succeeded",
            payment_intent: charge.payment_intent.to_string(),
            payment_method: charge.payment_method.name(),
            receipt_email: charge.receipt_email.clone(),
            receipt_url: None,
            refunded: released || charge.is_refunded(),
            status,
        }
    }
}
