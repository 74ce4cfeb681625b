//! How what is arranged meets a request: the middleware around everything under `/v1`.
//!
//! ```text
//! arrived ─► barrier `arrived` ─► fault `before` ─► handler: … commit ─► barrier `after_effect` ─► …
//!         ─► barrier `before_answer` ─► fault `after_effect` ─► written
//! ```
//!
//! With the control plane off, it is not there. Only requests with the API key are concerned: strangers are refused as
//! ever, use up no fault and wait at no barrier. A client that goes while its request is held before the handler takes
//! the request with it: the handler does not run.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, web};
use url::form_urlencoded;

use super::barriers::Point;
use super::connection::Connection;
use super::damage;
use super::faults::{Action, When};
use super::matching::Facts;
use super::plan::{Plan, Wait};
use super::{Control, Interest};
use crate::app::State;
use crate::domain::id::{PaymentIntentId, RequestId};
use crate::routes::caller;
use crate::routes::errors::StripeError;
use crate::routes::params::unreadable_body;
use crate::store;

/// Lets happen to a request what is arranged for it.
pub async fn strike(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let state = request.app_data::<web::Data<State>>();
    let Some(control) = state.and_then(|state| state.control.clone()) else {
        return next.call(request).await.map(ServiceResponse::map_into_boxed_body);
    };
    let plan = match arrange(&control, &mut request).await {
        Ok(Some(plan)) => Arc::new(plan),
        Ok(None) => return next.call(request).await.map(ServiceResponse::map_into_boxed_body),
        Err(error) => return Ok(request.error_response(error)),
    };
    let id = request.extensions().get::<RequestId>().cloned();
    // The layer of idempotency finds the plan by the request's name.
    let _registered = id.map(|id| control.register(id, Arc::clone(&plan)));
    carry_out(&plan, request, next).await
}

async fn carry_out(
    plan: &Plan,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if plan.hold(Point::Arrived).await == Wait::ClientGone {
        return Ok(request.into_response(damage::cut()));
    }
    let answer = match plan.strike(When::Before) {
        Some(strike) if strike.action == Action::Delay => {
            damage::log(strike);
            if plan.pause(strike.delay).await == Wait::ClientGone {
                return Ok(request.into_response(damage::cut()));
            }
            next.call(request).await?.map_into_boxed_body()
        }
        Some(strike) => {
            request.into_response(damage::inflict(strike, plan, damage::nothing()).await)
        }
        None => next.call(request).await?.map_into_boxed_body(),
    };
    plan.hold(Point::BeforeAnswer).await;
    let Some(strike) = plan.strike(When::AfterEffect) else { return Ok(answer) };
    let (request, answer) = answer.into_parts();
    Ok(ServiceResponse::new(request, damage::inflict(strike, plan, answer).await))
}

/// What awaits a request. Its body and its PaymentIntent are read only if somebody asked for their metadata.
async fn arrange(
    control: &Control,
    request: &mut ServiceRequest,
) -> Result<Option<Plan>, StripeError> {
    let (method, path) = (request.method().clone(), request.path().to_owned());
    let interest = control.interest(&method, &path);
    if interest == Interest::None || !caller::has_key(request.request()) {
        return Ok(None);
    }
    let metadata = match interest {
        Interest::Metadata => read_metadata(request, &path).await?,
        Interest::None | Interest::Path => Vec::new(),
    };
    // Taken out of the request: the router wants it for itself.
    let connection = request.request().conn_data::<Connection>().cloned();
    Ok(control.arrange(&Facts { method, path, metadata }, connection))
}

/// The notes in the request's parameters, and those of the PaymentIntent that its path or its parameters name.
async fn read_metadata(
    request: &mut ServiceRequest,
    path: &str,
) -> Result<Vec<BTreeMap<String, String>>, StripeError> {
    let body = request.extract::<web::Bytes>().await;
    let body = body.map_err(|error| unreadable_body(&error))?;
    let query = request.query_string().as_bytes();
    let parameters = [query, &body].map(|part| form_urlencoded::parse(part).into_owned());
    let parameters: Vec<(String, String)> = parameters.into_iter().flatten().collect();
    // The handler reads it once more.
    request.set_payload(Payload::from(body));
    let notes = parameters.iter().filter_map(|(name, value)| {
        let key = name.strip_prefix("metadata[")?.strip_suffix(']')?;
        Some((key.to_owned(), value.clone()))
    });
    let mut metadata = vec![notes.collect()];
    let named = parameters.iter().find(|(name, _)| name == "payment_intent");
    let named = named.map(|(_, value)| value.as_str());
    if let Some(id) = path.split('/').chain(named).find_map(PaymentIntentId::parse)
        && let Some(state) = request.app_data::<web::Data<State>>()
    {
        let mut connection = state.database.get().await?;
        let intent = store::payment_intents::find(&mut connection, &id).await?;
        metadata.extend(intent.map(|intent| intent.metadata.entries().clone()));
    }
    Ok(metadata)
}
