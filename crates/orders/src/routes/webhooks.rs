//! What the payment gateway tells us by itself: stored first, thanked for second, applied afterwards.

use actix_web::{HttpRequest, HttpResponse, web};
use chassis::Problem;
use chassis::problem::{self, ProblemDocument};
use serde_json::json;

use super::problems;
use crate::app::State;
use crate::clients::gateway::Event;
use crate::planted::Bug;
use crate::signature::{self, Forged};
use crate::store::inbox::{self, NewEvent};

/// Takes an event of the gateway. A 2xx means that it is stored, and will be applied however often we crash.
#[utoipa::path(post, path = "/v1/webhooks/gateway", tag = "webhooks",
    params(("Stripe-Signature" = String, Header, description = "t=<unix seconds>,v1=<HMAC-SHA256>")),
    request_body(content = Object, description = "An event; the signature covers its exact bytes"), responses(
    (status = 200, description = "It is stored, or it is none of our business"),
    (status = 400, description = "It is not from the gateway", body = ProblemDocument),
    (status = 422, description = "It is not an event", body = ProblemDocument),
))]
pub async fn receive(
    state: web::Data<State>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    check_signature(&state, &request, &body)?;
    let event: Event = serde_json::from_slice(&body)
        .map_err(|error| Problem::new(problem::INVALID_REQUEST).error("", error.to_string()))?;
    let Some(new) = NewEvent::of_interest(&event) else {
        state.counters.webhook("ignored");
        return Ok(HttpResponse::Ok().json(json!({ "received": true })));
    };
    if state.settings.planted.has(Bug::EarlyAcknowledgement) {
        tokio::spawn(async move { store(&state, &new).await.is_ok() });
        return Ok(HttpResponse::Ok().json(json!({ "received": true })));
    }
    let outcome = if store(&state, &new).await? { "stored" } else { "known" };
    state.counters.webhook(outcome);
    Ok(HttpResponse::Ok().json(json!({ "received": true })))
}

/// Answers whether it is new.
async fn store(state: &State, new: &NewEvent) -> Result<bool, Problem> {
    let mut connection = state.database.get().await?;
    let is_new = inbox::store(&mut connection, new, state.clock.now()).await?;
    state.inbox_wake.notify_one();
    Ok(is_new)
}

fn check_signature(state: &State, request: &HttpRequest, body: &[u8]) -> Result<(), Problem> {
    let settings = &state.settings.webhook;
    let header = request.headers().get("stripe-signature").and_then(|value| value.to_str().ok());
    let now = state.clock.now().timestamp();
    signature::verify(header, body, &settings.secret, now, settings.tolerance_seconds).map_err(
        |forged| {
            state.counters.webhook(match forged {
                Forged::Header => "forged_header",
                Forged::Time => "forged_time",
                Forged::Signature => "forged_signature",
            });
            // Which check failed is none of a forger's business.
            problems::invalid_signature()
        },
    )
}
