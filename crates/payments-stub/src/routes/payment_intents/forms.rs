//! What clients may send about PaymentIntents, and what of it can be accepted.

use chassis::money::Money;
use iso_currency::Currency;
use serde::Deserialize;
use url::Url;
use utoipa::ToSchema;

use crate::domain::payment_intent::{CancellationReason, CaptureMethod, NewPaymentIntent};
use crate::domain::payment_method::PaymentMethod;
use crate::domain::refusal::BadParameter;
use crate::payments::Change;
use crate::routes::params::{MetadataParam, boolean, new_metadata, positive, required, text, word};

/// Stripe's own bound.
const LARGEST_AMOUNT: i64 = 99_999_999;
const LONGEST_DESCRIPTION: usize = 1000;
const LONGEST_EMAIL: usize = 512;
const LONGEST_URL: usize = 2048;

/// The parameters of a new PaymentIntent.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct CreateForm {
    /// In the minor unit of the currency. Required.
    #[schema(value_type = i64, minimum = 1, maximum = 99_999_999, example = 899, required = true)]
    amount: Option<String>,
    /// ISO 4217, in lower case. Required.
    #[schema(value_type = String, example = "eur", required = true)]
    currency: Option<String>,
    /// A test payment method.
    #[schema(example = "pm_card_visa")]
    payment_method: Option<String>,
    /// Charge it at once.
    #[schema(value_type = Option<bool>)]
    confirm: Option<String>,
    /// `automatic` or `automatic_async`.
    capture_method: Option<String>,
    /// Up to 50 notes: `metadata[order_id]=ord_1`.
    metadata: Option<MetadataParam>,
    /// Words about it.
    description: Option<String>,
    /// Where a receipt would go.
    receipt_email: Option<String>,
    /// Leave the choice of methods to the gateway: `automatic_payment_methods[enabled]=true`.
    automatic_payment_methods: Option<AutomaticPaymentMethodsForm>,
    /// Only `card`.
    #[serde(default)]
    payment_method_types: Vec<String>,
    /// Where the customer comes back to.
    return_url: Option<String>,
}

/// The choice of methods is the gateway's.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct AutomaticPaymentMethodsForm {
    /// Whether it is.
    #[schema(value_type = Option<bool>)]
    enabled: Option<String>,
    /// `always` or `never`; there are no redirects.
    allow_redirects: Option<String>,
}

/// What may be changed later.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct UpdateForm {
    /// Notes to set; an empty value forgets one, `metadata=` forgets all.
    metadata: Option<MetadataParam>,
    /// Words about it.
    description: Option<String>,
    /// What to charge.
    payment_method: Option<String>,
}

/// The parameters of a confirmation.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct ConfirmForm {
    /// What to charge, unless it is attached already.
    #[schema(example = "pm_card_visa")]
    payment_method: Option<String>,
    /// Where the customer comes back to; checked and not used.
    return_url: Option<String>,
}

/// The parameters of a cancellation.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct CancelForm {
    /// `duplicate`, `fraudulent`, `requested_by_customer` or `abandoned`.
    cancellation_reason: Option<String>,
}

impl CreateForm {
    /// What is wished for, and whether to confirm it at once.
    pub(super) fn parse(self) -> Result<(NewPaymentIntent, bool), BadParameter> {
        let amount =
            positive("amount", self.amount)?.ok_or_else(|| BadParameter::missing("amount"))?;
        if amount > LARGEST_AMOUNT {
            let message = format!("Amount must be no more than {LARGEST_AMOUNT}.");
            return Err(BadParameter::new("amount", message).code("amount_too_large"));
        }
        let currency = parse_currency(&required("currency", self.currency, 3)?)?;
        let automatic = self.automatic_payment_methods.unwrap_or_default().parse()?;
        if automatic && !self.payment_method_types.is_empty() {
            let message = "You may only specify one of these parameters: automatic_payment_methods, payment_method_types.";
            return Err(BadParameter::new("automatic_payment_methods", message));
        }
        if self.payment_method_types.iter().any(|kind| kind != "card") {
            return Err(BadParameter::new(
                "payment_method_types",
                "This gateway takes only `card`.",
            ));
        }
        let wish = NewPaymentIntent {
            amount: Money::new(amount, currency),
            capture_method: parse_capture_method(self.capture_method)?,
            description: text("description", self.description, LONGEST_DESCRIPTION)?,
            receipt_email: parse_email(self.receipt_email)?,
            return_url: parse_return_url(self.return_url)?,
            metadata: new_metadata(self.metadata)?,
            automatic_payment_methods: automatic,
            payment_method: parse_method(self.payment_method)?,
        };
        let confirm = boolean("confirm", self.confirm.as_deref())?.unwrap_or(false);
        Ok((wish, confirm))
    }
}

impl AutomaticPaymentMethodsForm {
    fn parse(self) -> Result<bool, BadParameter> {
        let redirects = self.allow_redirects.as_deref().unwrap_or_default();
        if !["", "always", "never"].contains(&redirects) {
            let name = "automatic_payment_methods[allow_redirects]";
            return Err(BadParameter::new(name, "Must be one of always or never."));
        }
        Ok(boolean("automatic_payment_methods[enabled]", self.enabled.as_deref())?.unwrap_or(false))
    }
}

impl UpdateForm {
    pub(super) fn parse(self) -> Result<Change, BadParameter> {
        Ok(Change {
            description: text("description", self.description, LONGEST_DESCRIPTION)?,
            metadata: self.metadata.map(MetadataParam::into_change),
            payment_method: parse_method(self.payment_method)?,
        })
    }
}

impl ConfirmForm {
    pub(super) fn parse(self) -> Result<Option<PaymentMethod>, BadParameter> {
        parse_return_url(self.return_url)?;
        parse_method(self.payment_method)
    }
}

impl CancelForm {
    pub(super) fn parse(self) -> Result<Option<CancellationReason>, BadParameter> {
        word("cancellation_reason", self.cancellation_reason, CancellationReason::find)
    }
}

/// Clients write currencies in lower case; the standard has them in upper case.
fn parse_currency(text: &str) -> Result<Currency, BadParameter> {
    let invalid = || {
        BadParameter::new(
            "currency",
            "Invalid currency: use a three-letter ISO 4217 code, such as eur.",
        )
    };
    Currency::from_code(&text.to_ascii_uppercase()).ok_or_else(invalid)
}

fn parse_capture_method(value: Option<String>) -> Result<CaptureMethod, BadParameter> {
    const NAME: &str = "capture_method";
    if value.as_deref() == Some("manual") {
        let message =
            "This gateway does not support manual capture yet: use automatic or automatic_async.";
        return Err(BadParameter::new(NAME, message));
    }
    Ok(word(NAME, value, CaptureMethod::find)?.unwrap_or(CaptureMethod::AutomaticAsync))
}

/// No mail is ever sent, so it is enough that it looks like an address.
fn parse_email(value: Option<String>) -> Result<Option<String>, BadParameter> {
    let email = text("receipt_email", value, LONGEST_EMAIL)?;
    let looks_right = |email: &String| {
        let parts = email.split_once('@');
        parts.is_some_and(|(user, host)| {
            !user.is_empty() && !host.is_empty() && !email.contains(char::is_whitespace)
        })
    };
    match email {
        Some(email) if !looks_right(&email) => {
            Err(BadParameter::new("receipt_email", "Invalid email address.").code("email_invalid"))
        }
        email => Ok(email),
    }
}

fn parse_return_url(value: Option<String>) -> Result<Option<String>, BadParameter> {
    let Some(value) = text("return_url", value, LONGEST_URL)? else { return Ok(None) };
    match Url::parse(&value) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Some(value)),
        _ => Err(BadParameter::new("return_url", "Not a valid URL.").code("url_invalid")),
    }
}

fn parse_method(value: Option<String>) -> Result<Option<PaymentMethod>, BadParameter> {
    let name = value.filter(|name| !name.is_empty());
    name.map(|name| PaymentMethod::parse(&name)).transpose()
}
