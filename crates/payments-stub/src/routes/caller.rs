//! Who is calling: a handler that takes a [`Caller`] answers only those who have the key, and do not call too often.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chassis::config::Secret;
use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::errors::StripeError;
use super::stamp::IDEMPOTENCY_KEY;
use crate::app::State;
use crate::domain::event::Origin;
use crate::domain::id::RequestId;
use crate::domain::idempotency::IdempotencyKey;

/// What a key is compared with: its digest, so that neither content nor length shows in the time that it takes.
#[derive(Clone)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// The digest of a key of the settings.
    pub fn new(key: &Secret) -> Self {
        Self(Sha256::digest(key.expose()).into())
    }

    /// Whether what somebody presents is the key.
    pub fn matches(&self, presented: &str) -> bool {
        let presented: [u8; 32] = Sha256::digest(presented).into();
        self.0.ct_eq(&presented).into()
    }
}

/// The key that clients need.
#[derive(Clone)]
pub struct ApiKey(KeyDigest);

impl ApiKey {
    /// The key of the settings.
    pub fn new(key: &Secret) -> Self {
        Self(KeyDigest::new(key))
    }
}

/// Whether a request will be taken for a caller's.
pub(crate) fn has_key(request: &HttpRequest) -> bool {
    authenticate(request).is_ok()
}

/// Somebody who has the key, and the request that they made.
#[derive(Clone, Debug)]
pub struct Caller {
    request: RequestId,
    key: Option<IdempotencyKey>,
}

impl Caller {
    /// This request, at this moment.
    pub fn origin(&self, at: DateTime<Utc>) -> Origin {
        Origin::new(self.request.clone(), self.key.clone(), at)
    }
}

impl FromRequest for Caller {
    type Error = StripeError;
    type Future = Ready<Result<Self, StripeError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(authenticate(request).and_then(|caller| admit(request).map(|()| caller)))
    }
}

fn admit(request: &HttpRequest) -> Result<(), StripeError> {
    let state = request.app_data::<web::Data<State>>();
    let state =
        state.ok_or_else(|| StripeError::internal(anyhow::anyhow!("the service has no state")))?;
    state.rate.admit()
}

fn authenticate(request: &HttpRequest) -> Result<Caller, StripeError> {
    let known = request.app_data::<web::Data<ApiKey>>();
    let known = known
        .ok_or_else(|| StripeError::internal(anyhow::anyhow!("the service has no API key")))?;
    let presented = presented_key(request).ok_or_else(StripeError::no_key)?;
    if ["sk_live_", "rk_live_", "pk_live_"].iter().any(|prefix| presented.starts_with(prefix)) {
        return Err(StripeError::live_key());
    }
    if !known.0.matches(&presented) {
        return Err(StripeError::wrong_key());
    }
    let id = request.extensions().get::<RequestId>().cloned().unwrap_or_else(RequestId::generate);
    Ok(Caller { request: id, key: idempotency_key(request)? })
}

/// The bearer token, or the user name of HTTP Basic authentication (`curl -u sk_test_…:`).
fn presented_key(request: &HttpRequest) -> Option<String> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = header.split_once(' ')?;
    let key = if scheme.eq_ignore_ascii_case("bearer") {
        credentials.trim().to_owned()
    } else if scheme.eq_ignore_ascii_case("basic") {
        let decoded = String::from_utf8(BASE64_STANDARD.decode(credentials.trim()).ok()?).ok()?;
        decoded.split_once(':').map_or(decoded.as_str(), |(user, _)| user).to_owned()
    } else {
        return None;
    };
    Some(key).filter(|key| !key.is_empty())
}

fn idempotency_key(request: &HttpRequest) -> Result<Option<IdempotencyKey>, StripeError> {
    let mut values = request.headers().get_all(IDEMPOTENCY_KEY);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(StripeError::unreadable("There is more than one Idempotency-Key header."));
    }
    // What is not text is refused like any other key that does not fit.
    Ok(Some(IdempotencyKey::parse(value.to_str().unwrap_or_default())?))
}
