//! Limits on the whole of a request: how many run at once, and how long one may take.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::middleware::Next;
use actix_web::{Error, web};

use super::observe::Shared;
use crate::problem;

/// Refuses at once what is over the limit, instead of letting it queue until everybody times out;
/// gives up on what takes too long.
pub(super) async fn limit(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(shared) = request.app_data::<web::Data<Shared>>().cloned() else {
        return next.call(request).await.map(ServiceResponse::map_into_boxed_body);
    };
    let Ok(_permit) = shared.in_flight.try_acquire() else {
        shared.metrics.count_shed();
        let mut response = shared.error(problem::OVERLOADED);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        return Ok(request.into_response(response));
    };
    match tokio::time::timeout(shared.request_timeout, next.call(request)).await {
        Ok(answer) => answer.map(ServiceResponse::map_into_boxed_body),
        Err(_elapsed) => {
            let mut response = shared.error(problem::TIMEOUT);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            Err(InternalError::from_response("the request took too long", response).into())
        }
    }
}
