//! The page on which a bank asks the customer who they are (3-D Secure): two buttons in place of a bank's app.
//!
//! It is for browsers, so it needs no API key; the client secret in its address proves that the payment is theirs.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, LOCATION};
use actix_web::{HttpResponse, web};
use diesel_async::AsyncConnection as _;
use serde::Deserialize;
use subtle::ConstantTimeEq as _;
use url::Url;
use utoipa::{IntoParams, ToSchema};

use super::errors::StripeError;
use super::params::{Form, Query, required};
use crate::app::State;
use crate::domain::charge::Charge;
use crate::domain::event::Origin;
use crate::domain::id::{PaymentIntentId, RequestId};
use crate::domain::payment_intent::{PaymentIntent, Status};
use crate::domain::refusal::{BadParameter, Refusal};
use crate::failure::Failure;
use crate::wire::error::ErrorEnvelope;
use crate::{payments, store};

const LONGEST_SECRET: usize = 128;

/// The parameters of the page.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Of the PaymentIntent. Required.
    #[param(value_type = String)]
    client_secret: Option<String>,
}

/// What the page's form sends.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct OutcomeForm {
    /// Of the PaymentIntent. Required.
    #[schema(value_type = String, required = true)]
    client_secret: Option<String>,
    /// `complete` or `fail`.
    #[schema(value_type = String, required = true)]
    outcome: Option<String>,
}

/// Asks the customer who they are.
#[utoipa::path(get, path = "/3ds/{id}", tag = "customers", operation_id = "show_authentication",
    params(("id" = String, Path), PageQuery),
    responses((status = 200, description = "A page with two buttons", content_type = "text/html", body = String), (status = "4XX", body = ErrorEnvelope)))]
pub async fn show(
    id: web::Path<String>,
    query: Query<PageQuery>,
    state: web::Data<State>,
) -> Result<HttpResponse, StripeError> {
    let secret = required("client_secret", query.params.client_secret, LONGEST_SECRET)?;
    let intent = find(&state, &id, &secret).await?;
    Ok(page(&intent))
}

/// Takes the customer's answer, and sends them back to where they came from.
#[utoipa::path(post, path = "/3ds/{id}", tag = "customers", operation_id = "finish_authentication",
    params(("id" = String, Path)),
    request_body(content = OutcomeForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 303, description = "Back to `return_url`"), (status = 200, description = "There is no `return_url`", content_type = "text/html", body = String), (status = "4XX", body = ErrorEnvelope)))]
pub async fn finish(
    id: web::Path<String>,
    form: Form<OutcomeForm>,
    state: web::Data<State>,
) -> Result<HttpResponse, StripeError> {
    let (secret, passed) = form.params.parse()?;
    let intent = find(&state, &id, &secret).await?;
    if intent.status != Status::RequiresAction {
        // They pressed the button twice, or came back to an old page: what happened, happened.
        return Ok(go_back(&intent));
    }
    Ok(go_back(&authenticate(&state, &intent, passed).await?))
}

impl OutcomeForm {
    /// The client secret, and whether the customer has proved who they are.
    fn parse(self) -> Result<(String, bool), BadParameter> {
        let secret = required("client_secret", self.client_secret, LONGEST_SECRET)?;
        let outcome = required("outcome", self.outcome, 16)?;
        match outcome.as_str() {
            "complete" => Ok((secret, true)),
            "fail" => Ok((secret, false)),
            _ => Err(BadParameter::new("outcome", "Must be one of complete or fail.")),
        }
    }
}

/// The PaymentIntent as it is afterwards.
async fn authenticate(
    state: &State,
    intent: &PaymentIntent,
    passed: bool,
) -> Result<PaymentIntent, Failure> {
    let origin = Origin::new(RequestId::generate(), None, state.clock.now());
    let mut connection = state.database.get().await?;
    let answered = connection.transaction(async |tx| -> Result<_, Failure> {
        payments::authenticate(tx, &intent.id, passed, &origin).await
    });
    let attempted = match answered.await {
        // Pressed twice at the same moment.
        Err(Failure::Refused(Refusal::UnexpectedState { intent, .. })) => return Ok(*intent),
        answered => answered?,
    };
    state.meters.count_charge(attempted.charge.as_ref().map(Charge::outcome));
    state.wake.notify_one();
    Ok(attempted.intent)
}

/// A stranger who does not know the secret is told the same as one who invents an identifier.
async fn find(state: &State, id: &str, secret: &str) -> Result<PaymentIntent, StripeError> {
    let missing = || Refusal::not_found("payment_intent", id);
    let known = PaymentIntentId::parse(id).ok_or_else(missing)?;
    let mut connection = state.database.get().await?;
    let intent = store::payment_intents::find(&mut connection, &known).await?;
    let theirs =
        intent.filter(|intent| intent.client_secret.as_bytes().ct_eq(secret.as_bytes()).into());
    Ok(theirs.ok_or_else(missing)?)
}

/// Letters and digits of our own and an amount: nothing here was written by a stranger.
fn page(intent: &PaymentIntent) -> HttpResponse {
    let (amount, id, secret) = (intent.amount, &intent.id, &intent.client_secret);
    let content = if intent.status == Status::RequiresAction {
        format!(
            "<p>Your bank wants to know that it is you who pays <strong>{amount}</strong>.</p>\
             <form method=\"post\" action=\"/3ds/{id}\">\
             <input type=\"hidden\" name=\"client_secret\" value=\"{secret}\">\
             <button name=\"outcome\" value=\"complete\">Complete authentication</button> \
             <button name=\"outcome\" value=\"fail\">Fail authentication</button></form>"
        )
    } else {
        format!("<p>There is nothing to do here: the payment is {}.</p>", intent.status.as_str())
    };
    // Browsers hold the redirect after a form to `form-action` too.
    let back = intent.return_url.as_deref().and_then(|url| Url::parse(url).ok());
    let back = back.map(|url| url.origin().ascii_serialization()).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self' {back}; frame-ancestors 'none'"
    );
    HttpResponse::Ok()
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        .content_type("text/html; charset=utf-8")
        .body(format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>3-D Secure</title>\
             <meta name=\"viewport\" content=\"width=device-width\">\
             <style>body{{font:18px/1.5 system-ui;max-width:34rem;margin:12vh auto;padding:0 1rem}}\
             button{{font:inherit;padding:.5rem 1rem}}</style>\
             <h1>3-D Secure</h1>{content}<p><small>A test gateway. No real money moves.</small></p></html>"
        ))
}

/// To the address that the client gave, with what Stripe adds to it; without one, to the page.
fn go_back(intent: &PaymentIntent) -> HttpResponse {
    let Some(mut back) = intent.return_url.as_deref().and_then(|url| Url::parse(url).ok()) else {
        return page(intent);
    };
    let outcome = match intent.status {
        Status::Succeeded | Status::RequiresCapture => "succeeded",
        Status::Processing => "pending",
        _ => "failed",
    };
    back.query_pairs_mut()
        .append_pair("payment_intent", intent.id.as_str())
        .append_pair("payment_intent_client_secret", &intent.client_secret)
        .append_pair("redirect_status", outcome);
    HttpResponse::build(StatusCode::SEE_OTHER)
        .insert_header((LOCATION, String::from(back)))
        .finish()
}
