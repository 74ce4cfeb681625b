//! Successes on their way out.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;

use super::errors::{self, StripeError};
use super::params::Expand;
use crate::domain::charge::{Charge, State};
use crate::idempotency::{Answer, Outcome};
use crate::payments::Attempted;
use crate::wire::payment_intent::PaymentIntent;

/// An object, to be kept under the request's key.
pub fn of(object: &impl Serialize) -> Answer {
    // Structs of ours, made of text and numbers: serialising them cannot fail.
    let body = serde_json::to_string(object).unwrap_or_default();
    Answer { status: StatusCode::OK.as_u16(), body, charged: None }
}

/// What came of an attempt: the PaymentIntent, or the decline with the PaymentIntent in it.
pub fn of_attempt(attempted: &Attempted, expand: Expand) -> Answer {
    let charge = attempted.charge.as_ref();
    if let Some((charge, State::Failed(decline))) = charge.map(|charge| (charge, charge.state)) {
        return errors::declined(attempted, charge, decline);
    }
    let answer =
        of(&PaymentIntent::new(&attempted.intent, charge.filter(|_| expand.latest_charge)));
    Answer { charged: charge.map(Charge::outcome), ..answer }
}

/// An answer as HTTP, with the headers of a repetition if it is one.
pub fn respond(outcome: Outcome) -> Result<HttpResponse, StripeError> {
    let (answer, original) = match outcome {
        Outcome::Executed(answer) => (answer, None),
        Outcome::Replayed { answer, original } => (answer, Some(original)),
    };
    let status = StatusCode::from_u16(answer.status).map_err(StripeError::internal)?;
    let mut response = HttpResponse::build(status);
    response.content_type("application/json");
    if let Some(original) = original {
        let replayed = ("Idempotent-Replayed", "true");
        response.insert_header(replayed).insert_header(("Original-Request", original));
    }
    Ok(response.body(answer.body))
}
