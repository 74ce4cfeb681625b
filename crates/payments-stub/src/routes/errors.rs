//! Failures in Stripe's shape. This is the only place where statuses are chosen.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use chassis::db::{DbError, is_transient};
use chassis::problem::ProblemType;

use super::stamp;
use crate::domain::charge::Charge;
use crate::domain::id::RequestId;
use crate::domain::payment_method::Decline;
use crate::domain::refusal::{BadParameter, Refusal};
use crate::failure::Failure;
use crate::idempotency::Answer;
use crate::payments::Attempted;
use crate::wire::error::{ErrorEnvelope, ErrorObject, doc_url, error_type};
use crate::wire::payment_intent::PaymentIntent;

const INVALID_REQUEST: &str = "invalid_request_error";
const IDEMPOTENCY: &str = "idempotency_error";
const API: &str = "api_error";
const SHOULD_RETRY: HeaderName = HeaderName::from_static("stripe-should-retry");

/// A failure on its way out: what the client reads, and what only the log does.
#[derive(Debug)]
pub struct StripeError {
    status: StatusCode,
    // Boxed, because every handler's `Result` carries its size.
    envelope: Box<ErrorEnvelope>,
    header: Option<(HeaderName, &'static str)>,
    cause: Option<anyhow::Error>,
}

impl StripeError {
    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        let object =
            ErrorObject { r#type: kind, message: message.into(), ..ErrorObject::default() };
        let envelope = Box::new(ErrorEnvelope { error: object });
        Self { status, envelope, header: None, cause: None }
    }

    fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, message)
    }

    fn code(mut self, code: &'static str) -> Self {
        self.envelope.error.code = Some(code);
        self.envelope.error.doc_url = Some(doc_url(code));
        self
    }

    /// No key.
    pub fn no_key() -> Self {
        Self::unauthenticated(
            "You did not provide an API key. Provide it in the Authorization header, as a bearer token \
             (Authorization: Bearer YOUR_SECRET_KEY) or as the user name of HTTP Basic authentication.",
        )
    }

    /// A key that is not ours. It is not repeated, not even a part of it.
    pub fn wrong_key() -> Self {
        Self::unauthenticated("Invalid API Key provided.")
    }

    /// A key to real money.
    pub fn live_key() -> Self {
        let message = "This is a test gateway and refuses live keys: a key that starts with sk_live_ moves real money \
                       and must never be sent here. Use a key that starts with sk_test_.";
        Self::unauthenticated(message).code("livemode_mismatch")
    }

    fn unauthenticated(message: &str) -> Self {
        let mut error = Self::new(StatusCode::UNAUTHORIZED, INVALID_REQUEST, message);
        error.header = Some((WWW_AUTHENTICATE, "Bearer realm=\"payments-stub\""));
        error
    }

    /// The body, the query or a header cannot be read at all.
    pub fn unreadable(message: &str) -> Self {
        Self::invalid(message)
    }

    /// The body is larger than the limit.
    pub fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, INVALID_REQUEST, "The request body is too large.")
    }

    /// More requests than the limit allows.
    pub fn too_many_requests() -> Self {
        let message = "Request rate limit exceeded. Send the request again later, with the same idempotency key.";
        let mut error =
            Self::new(StatusCode::TOO_MANY_REQUESTS, INVALID_REQUEST, message).code("rate_limit");
        // The bucket gets at least one a second.
        error.header = Some((RETRY_AFTER, "1"));
        error
    }

    /// An error that a test arranged, as this gateway would answer it.
    pub fn arranged(status: StatusCode) -> Self {
        let message = "A test arranged that this request fails.";
        match status {
            StatusCode::TOO_MANY_REQUESTS => Self::too_many_requests(),
            StatusCode::CONFLICT => Refusal::KeyInUse("as a test arranged".to_owned()).into(),
            status if status.is_server_error() => Self::new(status, API, message),
            status => Self::new(status, INVALID_REQUEST, message),
        }
    }

    /// The status and the body, to be kept under a key.
    pub fn into_answer(self) -> Answer {
        Answer { status: self.status.as_u16(), body: write(&self.envelope), charged: None }
    }

    /// A defect of ours.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        let message = "Something went wrong on our side. The request may be sent again with the same idempotency key.";
        let mut error = Self::new(StatusCode::INTERNAL_SERVER_ERROR, API, message);
        error.cause = Some(cause.into());
        error
    }

    fn unavailable(cause: impl Into<anyhow::Error>) -> Self {
        let message = "The gateway cannot answer at the moment. Send the request again with the same idempotency key.";
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, API, message);
        error.header = Some((RETRY_AFTER, "1"));
        error.cause = Some(cause.into());
        error
    }
}

/// The answer to an attempt that the bank declined. It is no [`StripeError`], because it is committed and kept: the
/// charge was really attempted.
pub fn declined(attempted: &Attempted, charge: &Charge, decline: Decline) -> Answer {
    let object = ErrorObject {
        r#type: error_type(decline),
        code: Some(decline.code()),
        message: decline.message().to_owned(),
        decline_code: decline.decline_code(),
        doc_url: Some(doc_url(decline.code())),
        charge: Some(charge.id.to_string()),
        payment_intent: Some(Box::new(PaymentIntent::new(&attempted.intent, None))),
        ..ErrorObject::default()
    };
    let charged = Some(charge.outcome());
    Answer {
        status: StatusCode::PAYMENT_REQUIRED.as_u16(),
        body: write(&ErrorEnvelope { error: object }),
        charged,
    }
}

/// How errors look that no handler made; the chassis calls it.
pub fn shape(kind: ProblemType) -> HttpResponse {
    let error = match kind.status {
        // As Stripe has it, a path with another method is another path.
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => StripeError::new(
            StatusCode::NOT_FOUND,
            INVALID_REQUEST,
            "Unrecognized request URL. See /docs for the list of endpoints.",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => StripeError::too_large(),
        StatusCode::TOO_MANY_REQUESTS => StripeError::too_many_requests(),
        status if status.is_server_error() => StripeError::new(status, API, kind.title),
        status => StripeError::new(status, INVALID_REQUEST, kind.title),
    };
    let mut response = error.error_response();
    // Some of these never pass the layer that stamps answers.
    stamp::set_request_id(response.headers_mut(), &RequestId::generate());
    response
}

impl From<Refusal> for StripeError {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            Refusal::NotFound { .. } => {
                Self::new(StatusCode::NOT_FOUND, INVALID_REQUEST, message).code("resource_missing")
            }
            Refusal::Parameter(fault) => fault.into(),
            Refusal::UnexpectedState { intent, .. } => {
                let mut error = Self::invalid(message).code("payment_intent_unexpected_state");
                error.envelope.error.payment_intent =
                    Some(Box::new(PaymentIntent::new(&intent, None)));
                error
            }
            Refusal::AlreadyRefunded(_) => Self::invalid(message).code("charge_already_refunded"),
            Refusal::NothingToRefund(_)
            | Refusal::ChargeFailed(_)
            | Refusal::ChargeNotCaptured(_)
            | Refusal::TooManyEndpoints(_) => Self::invalid(message),
            Refusal::KeyInUse(_) => Self::new(StatusCode::CONFLICT, INVALID_REQUEST, message)
                .code("idempotency_key_in_use"),
            Refusal::KeyWithOtherParameters(_) | Refusal::KeyForOtherEndpoint { .. } => {
                Self::new(StatusCode::BAD_REQUEST, IDEMPOTENCY, message)
            }
        }
    }
}

impl From<BadParameter> for StripeError {
    fn from(fault: BadParameter) -> Self {
        let mut error = Self::invalid(fault.message);
        if let Some(code) = fault.code {
            error = error.code(code);
        }
        error.envelope.error.param = Some(fault.param);
        error
    }
}

impl From<DbError> for StripeError {
    fn from(error: DbError) -> Self {
        let transient = match &error {
            DbError::Unavailable(_) => true,
            DbError::Statement(error) => is_transient(error),
            DbError::Setup(_) => false,
        };
        if transient { Self::unavailable(error) } else { Self::internal(error) }
    }
}

impl From<diesel::result::Error> for StripeError {
    fn from(error: diesel::result::Error) -> Self {
        DbError::from(error).into()
    }
}

impl From<Failure> for StripeError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => refusal.into(),
            Failure::Database(error) => error.into(),
        }
    }
}

impl std::fmt::Display for StripeError {
    /// For the log: the causes, when there are any.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.cause {
            Some(cause) => write!(formatter, "{cause:#}"),
            None => formatter.write_str(&self.envelope.error.message),
        }
    }
}

impl ResponseError for StripeError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status)
            .content_type("application/json")
            .body(write(&self.envelope));
        if let Some((name, value)) = &self.header {
            response.headers_mut().insert(name.clone(), HeaderValue::from_static(value));
        }
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            // Stripe's own clients obey this header, whatever they think of the status.
            response.headers_mut().insert(SHOULD_RETRY, HeaderValue::from_static("true"));
        }
        response
    }
}

/// Text and numbers: serialising them cannot fail.
fn write(envelope: &ErrorEnvelope) -> String {
    serde_json::to_string(envelope).unwrap_or_default()
}
