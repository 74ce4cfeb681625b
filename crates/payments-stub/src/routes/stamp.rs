//! The headers of every answer under `/v1`: which request it belongs to, and what of the request was understood.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _};

use crate::domain::id::RequestId;

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
/// What makes a POST safe to repeat.
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const STRIPE_VERSION: HeaderName = HeaderName::from_static("stripe-version");

/// A header is repeated only up to this length.
const LONGEST_ECHO: usize = 255;

/// Names the request, and repeats its key and its version in the answer.
pub async fn stamp(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let id = RequestId::generate();
    request.extensions_mut().insert(id.clone());
    let echoes = [IDEMPOTENCY_KEY, STRIPE_VERSION].map(|name| {
        let value =
            request.headers().get(&name).filter(|value| value.len() <= LONGEST_ECHO).cloned();
        (name, value)
    });
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    set_request_id(headers, &id);
    for (name, value) in echoes {
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
    Ok(response)
}

/// Writes `Request-Id`.
pub(super) fn set_request_id(headers: &mut HeaderMap, id: &RequestId) {
    // Letters, digits and an underscore: always a header value.
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        headers.insert(REQUEST_ID, value);
    }
}
