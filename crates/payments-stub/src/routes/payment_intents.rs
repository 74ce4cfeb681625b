//! PaymentIntents.

mod forms;

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use futures_util::FutureExt as _;

use super::answer;
use super::caller::Caller;
use super::errors::StripeError;
use super::lists::{self, ListQuery};
use super::params::{Form, Nothing, Query};
use crate::app::State;
use crate::domain::id::PaymentIntentId;
use crate::domain::refusal::Refusal;
use crate::idempotency::{Answer, once};
use crate::wire::error::ErrorEnvelope;
use crate::wire::list::List;
use crate::wire::payment_intent::PaymentIntent;
use crate::{payments, store};

pub use forms::{
    AutomaticPaymentMethodsForm, CancelForm, CaptureForm, ConfirmForm, CreateForm, UpdateForm,
};

const PATH: &str = "/v1/payment_intents";

/// Makes a PaymentIntent; with `confirm=true`, charges it at once.
#[utoipa::path(post, path = "/v1/payment_intents", tag = "payment_intents", operation_id = "create_payment_intent",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat.")),
    request_body(content = CreateForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = PaymentIntent), (status = 402, body = ErrorEnvelope), (status = "4XX", body = ErrorEnvelope)),
    security(("secret_key" = [])))]
pub async fn create(
    caller: Caller,
    form: Form<CreateForm>,
    state: web::Data<State>,
) -> Result<HttpResponse, StripeError> {
    let origin = caller.origin(state.clock.now());
    let request = form.request(origin.clone());
    let expand = form.expand;
    let (wish, confirm) = form.params.parse()?;
    let terms = Arc::clone(&state.terms);
    let effect = once(&state, request, move |tx| {
        async move {
            let attempted = payments::create(tx, wish, confirm, &terms, &origin).await?;
            Ok(answer::of_attempt(&attempted, expand))
        }
        .boxed()
    });
    answer::respond(effect.await?)
}

/// All PaymentIntents, newest first.
#[utoipa::path(get, path = "/v1/payment_intents", tag = "payment_intents", operation_id = "list_payment_intents", params(ListQuery),
    responses((status = 200, body = List<PaymentIntent>), (status = "4XX", body = ErrorEnvelope)),
    security(("secret_key" = [])))]
pub async fn list(
    _: Caller,
    query: Query<ListQuery>,
    state: web::Data<State>,
) -> Result<HttpResponse, StripeError> {
    let listing = query.params.parse()?;
    let mut connection = state.database.get().await?;
    let rows = store::payment_intents::list(&mut connection, &listing).await?;
    let shown = rows.as_deref().filter(|_| query.expand.latest_charge).unwrap_or_default();
    let charges = store::charges::latest_of(&mut connection, shown).await?;
    lists::answer((PATH, "payment_intent"), &listing, rows, |intent| {
        let latest =
            charges.iter().find(|charge| Some(&charge.id) == intent.latest_charge.as_ref());
        PaymentIntent::new(intent, latest)
    })
}

/// One PaymentIntent; with `expand[]=latest_charge`, its last charge in it.
#[utoipa::path(get, path = "/v1/payment_intents/{id}", tag = "payment_intents", operation_id = "read_payment_intent",
    params(("id" = String, Path), ("expand[]" = Option<Vec<String>>, Query, description = "`latest_charge`")),
    responses((status = 200, body = PaymentIntent), (status = "4XX", body = ErrorEnvelope)),
    security(("secret_key" = [])))]
pub async fn read(
    _: Caller,
    id: web::Path<String>,
    query: Query<Nothing>,
    state: web::Data<State>,
) -> Result<HttpResponse, StripeError> {
    let id = parse_id(&id)?;
    let mut connection = state.database.get().await?;
    let intent = store::payment_intents::find(&mut connection, &id)
        .await?
        .ok_or_else(|| missing(id.as_str()))?;
    let charge = match &intent.latest_charge {
        Some(charge) if query.expand.latest_charge => {
            store::charges::find(&mut connection, charge).await?
        }
        _ => None,
    };
    Ok(HttpResponse::Ok().json(PaymentIntent::new(&intent, charge.as_ref())))
}

/// Changes the notes, the description or the method of a PaymentIntent.
#[utoipa::path(post, path = "/v1/payment_intents/{id}", tag = "payment_intents", operation_id = "update_payment_intent",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat.")),
    request_body(content = UpdateForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = PaymentIntent), (status = "4XX", body = ErrorEnvelope)),
    security(("secret_key" = [])))]
pub async fn update(
    caller: Caller,
    id: web::Path<String>,
    form: Form<UpdateForm>,
    state: web::Data<State>,
) -> Result<HttpResponse, StripeError> {
    let id = parse_id(&id)?;
    let request = form.request(caller.origin(state.clock.now()));
    let change = form.params.parse()?;
    let effect = once(&state, request, move |tx| {
        async move {
            Ok(answer::of(&PaymentIntent::new(&payments::update(tx, &id, change).await?, None)))
        }
        .boxed()
    });
    answer::respond(effect.await?)
}

/// Confirms a PaymentIntent: takes the money.
#[utoipa::path(post, path = "/v1/payment_intents/{id}/confirm", tag = "payment_intents", operation_id = "confirm_payment_intent",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat.")),
    request_body(content = ConfirmForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = PaymentIntent), (status = 402, body = ErrorEnvelope), (status = "4XX", body = ErrorEnvelope)),
    security(("secret_key" = [])))]
pub async fn confirm(
    caller: Caller,
    id: web::Path<String>,
    form: Form<ConfirmForm>,
    state: web::Data<State>,
) -> Result<HttpResponse, StripeError> {
    let id = parse_id(&id)?;
    let origin = caller.origin(state.clock.now());
    let request = form.request(origin.clone());
    let expand = form.expand;
    let (confirmation, terms) = (form.params.parse()?, Arc::clone(&state.terms));
    let effect = once(&state, request, move |tx| {
        async move {
            let attempted = payments::confirm(tx, &id, confirmation, &terms, &origin).await?;
            Ok(answer::of_attempt(&attempted, expand))
        }
        .boxed()
    });
    answer::respond(effect.await?)
}

/// Takes what is held: all of it, or a part.
#[utoipa::path(post, path = "/v1/payment_intents/{id}/capture", tag = "payment_intents", operation_id = "capture_payment_intent",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat.")),
    request_body(content = CaptureForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = PaymentIntent), (status = "4XX", body = ErrorEnvelope)),
    security(("secret_key" = [])))]
pub async fn capture(
    caller: Caller,
    id: web::Path<String>,
    form: Form<CaptureForm>,
    state: web::Data<State>,
) -> Result<HttpResponse, StripeError> {
    let id = parse_id(&id)?;
    let origin = caller.origin(state.clock.now());
    let request = form.request(origin.clone());
    let expand = form.expand;
    let amount = form.params.parse()?;
    let effect = once(&state, request, move |tx| {
        async move {
            let captured = payments::capture(tx, &id, amount, &origin).await?;
            // The attempt was counted when the money was held.
            Ok(Answer { charged: None, ..answer::of_attempt(&captured, expand) })
        }
        .boxed()
    });
    answer::respond(effect.await?)
}

/// Gives a PaymentIntent up.
#[utoipa::path(post, path = "/v1/payment_intents/{id}/cancel", tag = "payment_intents", operation_id = "cancel_payment_intent",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat.")),
    request_body(content = CancelForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = PaymentIntent), (status = "4XX", body = ErrorEnvelope)),
    security(("secret_key" = [])))]
pub async fn cancel(
    caller: Caller,
    id: web::Path<String>,
    form: Form<CancelForm>,
    state: web::Data<State>,
) -> Result<HttpResponse, StripeError> {
    let id = parse_id(&id)?;
    let origin = caller.origin(state.clock.now());
    let request = form.request(origin.clone());
    let reason = form.params.parse()?;
    let effect = once(&state, request, move |tx| {
        async move {
            Ok(answer::of(&PaymentIntent::new(
                &payments::cancel(tx, &id, reason, &origin).await?,
                None,
            )))
        }
        .boxed()
    });
    answer::respond(effect.await?)
}

fn parse_id(text: &str) -> Result<PaymentIntentId, StripeError> {
    PaymentIntentId::parse(text).ok_or_else(|| missing(text))
}

fn missing(id: &str) -> StripeError {
    Refusal::not_found("payment_intent", id).into()
}
