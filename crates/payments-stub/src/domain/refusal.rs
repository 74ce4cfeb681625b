//! Why a request was not carried out, in the words of the business. Statuses are chosen in `routes/errors.rs`.

use super::id::{ChargeId, PaymentIntentId};
use super::payment_intent::PaymentIntent;

/// A parameter that cannot be accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadParameter {
    /// Stripe's code for this kind of fault, where it has one.
    pub code: Option<&'static str>,
    /// Which parameter, in brackets where it is nested: `metadata[order_id]`.
    pub param: String,
    /// For the developer at the other end. Never repeats a value that could be a card number.
    pub message: String,
}

impl BadParameter {
    /// A fault without a code of its own.
    pub fn new(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: None, param: param.into(), message: message.into() }
    }

    /// A required parameter that is not there.
    pub fn missing(param: &str) -> Self {
        Self::new(param, format!("Missing required param: {param}.")).code("parameter_missing")
    }

    /// A parameter that this endpoint does not have.
    pub fn unknown(param: &str) -> Self {
        Self::new(param, format!("Received unknown parameter: {param}")).code("parameter_unknown")
    }

    /// A parameter that names something that is not there.
    pub fn no_such(object: &str, param: &str, id: &str) -> Self {
        Self::new(param, format!("No such {object}: '{id}'")).code("resource_missing")
    }

    /// A card's number or its parts, where the name of a method belongs. The value is not repeated.
    pub fn raw_card(param: &str) -> Self {
        let message = "Sending credit card numbers directly to this API is refused. \
                       Use a test payment method such as pm_card_visa.";
        Self::new(param, message)
    }

    /// Adds Stripe's code.
    pub fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }
}

/// Everything that makes this service say no.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The path names something that is not there.
    #[error("No such {object}: '{id}'")]
    NotFound {
        /// What kind of thing.
        object: &'static str,
        /// What the path said.
        id: String,
    },
    /// A parameter cannot be accepted.
    #[error(transparent)]
    Parameter(#[from] BadParameter),
    /// The PaymentIntent cannot do this in the state it is in.
    #[error("{message}")]
    UnexpectedState {
        /// The PaymentIntent as it stands: the client learns the truth with the refusal.
        intent: Box<PaymentIntent>,
        /// What cannot be done, and why.
        message: String,
    },
    /// The whole charge was given back already.
    #[error("Charge {0} has already been refunded.")]
    AlreadyRefunded(ChargeId),
    /// There is no successful charge to give back.
    #[error("This PaymentIntent ({0}) does not have a successful charge to refund.")]
    NothingToRefund(PaymentIntentId),
    /// A failed charge took nothing.
    #[error("Charge {0} failed, so there is nothing to refund.")]
    ChargeFailed(ChargeId),
    /// Nothing of this charge was taken, or not yet.
    #[error(
        "Charge {0} has not been captured, so there is nothing to refund. Cancel its PaymentIntent instead."
    )]
    ChargeNotCaptured(ChargeId),
    /// The first request with this key still runs.
    #[error(
        "There is currently another in-progress request using this Idempotent Key (that probably means you submitted \
         twice, and the other request is still going through): {0}. Please try again later."
    )]
    KeyInUse(String),
    /// The key was first used with other parameters.
    #[error(
        "Keys for idempotent requests can only be used with the same parameters they were first used with. \
         Try using a key other than '{0}' if you meant to execute a different request."
    )]
    KeyWithOtherParameters(String),
    /// The key was first used for another endpoint.
    #[error(
        "Keys for idempotent requests can only be used for the same endpoint they were first used for \
         ('{this}' vs '{first}'). Try using a key other than '{key}' if you meant to execute a different request."
    )]
    KeyForOtherEndpoint {
        /// The key.
        key: String,
        /// The path of this request.
        this: String,
        /// The path of the first request.
        first: String,
    },
    /// As many webhook endpoints exist as are allowed.
    #[error("You have reached the maximum of {0} webhook endpoints.")]
    TooManyEndpoints(i64),
}

impl Refusal {
    /// Whether it comes from what the object is at this moment, and not from how the request was put. Then it is an
    /// answer like any other, and the key keeps it: the same request must not succeed later, unasked.
    pub fn is_answer(&self) -> bool {
        matches!(
            self,
            Self::UnexpectedState { .. }
                | Self::AlreadyRefunded(_)
                | Self::NothingToRefund(_)
                | Self::ChargeFailed(_)
                | Self::ChargeNotCaptured(_)
        )
    }

    /// The path names something that is not there.
    pub fn not_found(object: &'static str, id: &str) -> Self {
        // It is repeated in the answer, but not a page of it.
        Self::NotFound { object, id: id.chars().take(64).collect() }
    }
}
