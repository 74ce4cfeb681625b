//! Errors, and the card error that a PaymentIntent remembers.

use serde::Serialize;
use utoipa::ToSchema;

use super::payment_intent::PaymentIntent;
use crate::domain::id::ChargeId;
use crate::domain::payment_method::Decline;

/// What every error looks like.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorEnvelope {
    /// The error.
    pub error: ErrorObject,
}

/// What went wrong. Clients choose what to do by `type` and `code`, and show `message` to a developer.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct ErrorObject {
    /// `api_error`, `card_error`, `idempotency_error` or `invalid_request_error`.
    #[schema(example = "invalid_request_error")]
    pub r#type: &'static str,
    /// Which one, in a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "parameter_missing")]
    pub code: Option<&'static str>,
    /// What happened, in a sentence.
    pub message: String,
    /// Which parameter is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "amount")]
    pub param: Option<String>,
    /// What the bank said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decline_code: Option<&'static str>,
    /// Where Stripe explains the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doc_url: Option<String>,
    /// The charge that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charge: Option<String>,
    /// The PaymentIntent as it stands now. After a declined `confirm=true` this is the only place where its name is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_intent: Option<Box<PaymentIntent>>,
}

/// Why a charge failed, as a PaymentIntent remembers it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CardError {
    /// `card_error`, or `invalid_request_error` when no card's bank was asked.
    pub r#type: &'static str,
    /// Stripe's code.
    #[schema(example = "card_declined")]
    pub code: &'static str,
    /// What a card's bank said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "insufficient_funds")]
    pub decline_code: Option<&'static str>,
    /// What one may show to the customer.
    pub message: &'static str,
    /// Where Stripe explains the code.
    pub doc_url: String,
    /// The charge that failed, if there was one.
    pub charge: Option<String>,
}

impl CardError {
    /// The shape of `decline`.
    pub fn new(decline: Decline, charge: Option<&ChargeId>) -> Self {
        Self {
            r#type: error_type(decline),
            code: decline.code(),
            decline_code: decline.decline_code(),
            message: decline.message(),
            doc_url: doc_url(decline.code()),
            charge: charge
                .filter(|_| decline != Decline::AuthenticationFailed)
                .map(ToString::to_string),
        }
    }
}

/// Stripe's `type` of a decline.
pub fn error_type(decline: Decline) -> &'static str {
    if decline.decline_code().is_some() { "card_error" } else { "invalid_request_error" }
}

/// Where Stripe explains a code.
pub fn doc_url(code: &str) -> String {
    format!("https://docs.stripe.com/error-codes#{}", code.replace('_', "-"))
}
