//! A PaymentIntent, as far as we care: what the gateway says about one payment, at one moment.

use serde::Deserialize;

/// The gateway's view of a payment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Intent {
    /// `pi_…`
    pub id: String,
    /// Where it stands.
    pub status: IntentStatus,
    /// What it is for, in minor units.
    pub amount: i64,
    /// What was really taken, in minor units.
    pub amount_received: i64,
    /// Lower-case ISO 4217 code.
    pub currency: String,
    /// The last charge, successful or not.
    #[serde(default)]
    pub latest_charge: Option<String>,
    /// Why the last charge failed.
    #[serde(default)]
    pub last_payment_error: Option<PaymentError>,
    /// What the customer has to do.
    #[serde(default)]
    pub next_action: Option<NextAction>,
}

impl Intent {
    /// The page of the bank that the customer has to visit.
    pub fn redirect_url(&self) -> Option<&str> {
        self.next_action.as_ref()?.redirect_to_url.as_ref().map(|page| page.url.as_str())
    }
}

/// What the customer has to do before the bank pays.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct NextAction {
    /// Visit this page.
    #[serde(default)]
    pub redirect_to_url: Option<Redirect>,
}

/// A page of the bank.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Redirect {
    /// Its address.
    pub url: String,
}

/// The gateway's states of a PaymentIntent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentStatus {
    /// Nothing was taken: no card yet, or the last one was declined.
    RequiresPaymentMethod,
    /// Nothing was taken: waiting to be confirmed.
    RequiresConfirmation,
    /// The customer has to do something at the bank.
    RequiresAction,
    /// The money is set aside, not taken.
    RequiresCapture,
    /// The outcome is not known yet.
    Processing,
    /// The money was taken.
    Succeeded,
    /// Nothing was taken, and nothing will be.
    Canceled,
    /// A state that the gateway has invented since.
    #[serde(other)]
    Other,
}

/// Why a charge failed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PaymentError {
    /// Such as `card_declined`.
    #[serde(default)]
    pub code: Option<String>,
    /// Such as `insufficient_funds`.
    #[serde(default)]
    pub decline_code: Option<String>,
}

impl PaymentError {
    /// The most particular word for it.
    pub fn reason(&self) -> &str {
        self.decline_code.as_deref().or(self.code.as_deref()).unwrap_or("declined")
    }
}
