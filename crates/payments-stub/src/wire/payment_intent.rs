//! `payment_intent`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::charge::Charge;
use super::error::CardError;
use crate::domain::charge::Charge as DomainCharge;
use crate::domain::payment_intent::{CancellationReason, PaymentIntent as DomainIntent};
use crate::domain::payment_method::PaymentMethod;

/// One wish to be paid.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PaymentIntent {
    /// Its name.
    #[schema(example = "pi_3MtwBwLkdIwHu7ix28a3tq")]
    pub id: String,
    /// Always `payment_intent`.
    pub object: &'static str,
    /// How much, in the minor unit of the currency.
    #[schema(example = 899)]
    pub amount: i64,
    /// What is held and can be captured.
    pub amount_capturable: i64,
    /// What was taken.
    pub amount_received: i64,
    /// Set when the gateway chooses the methods.
    pub automatic_payment_methods: Option<AutomaticPaymentMethods>,
    /// When it was canceled, in seconds since 1970.
    pub canceled_at: Option<i64>,
    /// Why it was canceled.
    pub cancellation_reason: Option<&'static str>,
    /// `automatic`, `automatic_async` or `manual`.
    pub capture_method: &'static str,
    /// What a browser proves itself with.
    pub client_secret: String,
    /// Always `automatic`.
    pub confirmation_method: &'static str,
    /// When it was made, in seconds since 1970.
    pub created: i64,
    /// ISO 4217, in lower case.
    #[schema(example = "eur")]
    pub currency: String,
    /// Always `null`: this gateway keeps no customers.
    pub customer: Option<String>,
    /// The client's words about it.
    pub description: Option<String>,
    /// Why the last attempt failed, if it did.
    pub last_payment_error: Option<CardError>,
    /// The last attempt: its name, or itself when `expand[]=latest_charge` was asked for.
    pub latest_charge: Option<Expandable>,
    /// Always `false`.
    pub livemode: bool,
    /// The client's notes.
    pub metadata: BTreeMap<String, String>,
    /// What the customer has to do, in `requires_action`.
    #[schema(value_type = Option<Object>)]
    pub next_action: Option<Value>,
    /// What will be, or was, charged.
    #[schema(example = "pm_card_visa")]
    pub payment_method: Option<&'static str>,
    /// What kinds of methods it takes: `card`, `us_bank_account`.
    pub payment_method_types: Vec<&'static str>,
    /// Where a receipt would go.
    pub receipt_email: Option<String>,
    /// Always `null`.
    pub setup_future_usage: Option<String>,
    /// Where it stands.
    #[schema(example = "succeeded")]
    pub status: &'static str,
}

/// An object, or only its name.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Expandable {
    /// Its name.
    Id(String),
    /// Itself.
    Object(Box<Charge>),
}

/// The gateway chooses the methods.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AutomaticPaymentMethods {
    /// Always `true`.
    pub enabled: bool,
    /// Always `always`.
    pub allow_redirects: &'static str,
}

impl PaymentIntent {
    /// The shape of `intent`, with its last charge in it when that was asked for.
    pub fn new(intent: &DomainIntent, expanded: Option<&DomainCharge>) -> Self {
        let latest_charge = match (expanded, &intent.latest_charge) {
            (Some(charge), _) => Some(Expandable::Object(Box::new(Charge::from(charge)))),
            (None, id) => id.as_ref().map(|id| Expandable::Id(id.to_string())),
        };
        Self {
            id: intent.id.to_string(),
            object: "payment_intent",
            amount: intent.amount.amount(),
            amount_capturable: intent.amount_capturable(),
            amount_received: intent.amount_received,
            automatic_payment_methods: intent
                .automatic_payment_methods
                .then_some(AutomaticPaymentMethods { enabled: true, allow_redirects: "always" }),
            canceled_at: intent.canceled_at.map(|at| at.timestamp()),
            cancellation_reason: intent.cancellation_reason.map(CancellationReason::as_str),
            capture_method: intent.capture_method.as_str(),
            client_secret: intent.client_secret.clone(),
            confirmation_method: "automatic",
            created: intent.created_at.timestamp(),
            currency: intent.amount.currency().code().to_lowercase(),
            customer: None,
            description: intent.description.clone(),
            last_payment_error: intent
                .last_decline
                .map(|decline| CardError::new(decline, intent.latest_charge.as_ref())),
            latest_charge,
            livemode: false,
            metadata: intent.metadata.entries().clone(),
            next_action: next_action(intent),
            payment_method: intent.payment_method.map(PaymentMethod::name),
            payment_method_types: intent
                .payment_method_types
                .iter()
                .map(|kind| kind.as_str())
                .collect(),
            receipt_email: intent.receipt_email.clone(),
            setup_future_usage: None,
            status: intent.status.as_str(),
        }
    }
}

/// Where the customer has to go: with a way back, or in a window that the client's page opens.
fn next_action(intent: &DomainIntent) -> Option<Value> {
    let url = intent.action_url.as_ref()?;
    Some(match &intent.return_url {
        Some(back) => json!({
            "type": "redirect_to_url",
            "redirect_to_url": {"url": url, "return_url": back},
        }),
        None => json!({
            "type": "use_stripe_sdk",
            "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": url},
        }),
    })
}
