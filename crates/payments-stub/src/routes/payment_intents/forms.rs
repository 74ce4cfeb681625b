//! What clients may send about PaymentIntents, and what of it can be accepted.

use chassis::money::Money;
use iso_currency::Currency;
use serde::Deserialize;
use url::Url;
use utoipa::ToSchema;

use crate::domain::payment_intent::{
    CancellationReason, CaptureMethod, Confirmation, NewPaymentIntent,
};
use crate::domain::payment_method::{Kind, PaymentMethod};
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
    /// `automatic`, `automatic_async` or `manual`.
    capture_method: Option<String>,
    /// Up to 50 notes: `metadata[order_id]=ord_1`.
    metadata: Option<MetadataParam>,
    /// Words about it.
    description: Option<String>,
    /// Where a receipt would go.
    receipt_email: Option<String>,
    /// Leave the choice of methods to the gateway: `automatic_payment_methods[enabled]=true`.
    automatic_payment_methods: Option<AutomaticPaymentMethodsForm>,
    /// `card`, `us_bank_account`.
    #[serde(default)]
    payment_method_types: Vec<String>,
    /// Where the customer comes back to.
    return_url: Option<String>,
    /// With `confirm=true`: the customer is not there, so nobody can be asked for anything.
    #[schema(value_type = Option<bool>)]
    off_session: Option<String>,
}

/// The choice of methods is the gateway's.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct AutomaticPaymentMethodsForm {
    /// Whether it is.
    #[schema(value_type = Option<bool>)]
    enabled: Option<String>,
    /// `always` or `never`; no method here sends the customer away before it is confirmed, so it changes nothing.
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
    /// Where the customer comes back to.
    return_url: Option<String>,
    /// The customer is not there, so nobody can be asked for anything.
    #[schema(value_type = Option<bool>)]
    off_session: Option<String>,
}

/// The parameters of a capture.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct CaptureForm {
    /// In the minor unit of the currency; all that is held when absent. The rest goes back to the customer.
    #[schema(value_type = Option<i64>, minimum = 1)]
    amount_to_capture: Option<String>,
}

/// The parameters of a cancellation.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct CancelForm {
    /// `duplicate`, `fraudulent`, `requested_by_customer` or `abandoned`.
    cancellation_reason: Option<String>,
}

impl CreateForm {
    /// What is wished for, and how to confirm it at once if that is wished, too.
    pub(super) fn parse(self) -> Result<(NewPaymentIntent, Option<Confirmation>), BadParameter> {
        let amount =
            positive("amount", self.amount)?.ok_or_else(|| BadParameter::missing("amount"))?;
        if amount > LARGEST_AMOUNT {
            let message = format!("Amount must be no more than {LARGEST_AMOUNT}.");
            return Err(BadParameter::new("amount", message).code("amount_too_large"));
        }
        let currency = parse_currency(&required("currency", self.currency, 3)?)?;
        let automatic = self.automatic_payment_methods.unwrap_or_default().parse()?;
        let wish = NewPaymentIntent {
            amount: Money::new(amount, currency),
            capture_method: word("capture_method", self.capture_method, CaptureMethod::find)?
                .unwrap_or(CaptureMethod::AutomaticAsync),
            description: text("description", self.description, LONGEST_DESCRIPTION)?,
            receipt_email: parse_email(self.receipt_email)?,
            return_url: parse_return_url(self.return_url)?,
            metadata: new_metadata(self.metadata)?,
            automatic_payment_methods: automatic,
            payment_method_types: parse_types(&self.payment_method_types, automatic)?,
            payment_method: parse_method(self.payment_method)?,
        };
        let confirm = boolean("confirm", self.confirm.as_deref())?.unwrap_or(false);
        let off_session = boolean("off_session", self.off_session.as_deref())?;
        if off_session.is_some() && !confirm {
            let message = "The parameter `off_session` can only be used with `confirm=true`.";
            return Err(BadParameter::new("off_session", message));
        }
        if confirm && wish.payment_method.is_none() {
            // Refused here, where nothing was made yet: an answer must not name what does not exist.
            return Err(BadParameter::missing("payment_method"));
        }
        let off_session = off_session.unwrap_or(false);
        Ok((wish, confirm.then(|| Confirmation { off_session, ..Confirmation::default() })))
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
    pub(super) fn parse(self) -> Result<Confirmation, BadParameter> {
        Ok(Confirmation {
            method: parse_method(self.payment_method)?,
            return_url: parse_return_url(self.return_url)?,
            off_session: boolean("off_session", self.off_session.as_deref())?.unwrap_or(false),
        })
    }
}

impl CaptureForm {
    pub(super) fn parse(self) -> Result<Option<i64>, BadParameter> {
        positive("amount_to_capture", self.amount_to_capture)
    }
}

impl CancelForm {
    pub(super) fn parse(self) -> Result<Option<CancellationReason>, BadParameter> {
        let by_clients = |word: &str| {
            CancellationReason::find(word).filter(|reason| *reason != CancellationReason::Automatic)
        };
        word("cancellation_reason", self.cancellation_reason, by_clients)
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

/// The kinds that a client names, or all of them when it leaves the choice to the gateway.
fn parse_types(names: &[String], automatic: bool) -> Result<Vec<Kind>, BadParameter> {
    const NAME: &str = "payment_method_types";
    if names.is_empty() {
        return Ok(Kind::ALL.to_vec());
    }
    if automatic {
        let message = "You may only specify one of these parameters: automatic_payment_methods, payment_method_types.";
        return Err(BadParameter::new("automatic_payment_methods", message));
    }
    let unknown = || BadParameter::new(NAME, "This gateway takes only card and us_bank_account.");
    let mut kinds = Vec::new();
    for name in names {
        let kind = Kind::find(name).ok_or_else(unknown)?;
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    Ok(kinds)
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
