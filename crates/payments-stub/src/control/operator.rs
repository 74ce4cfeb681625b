//! Who may use the control plane: a handler that takes an [`Operator`] answers only those who have its token.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use actix_web::{FromRequest, HttpRequest, web};
use chassis::problem;
use chassis::{Problem, config::Secret};

use crate::routes::caller::KeyDigest;

/// What a presented token is compared with.
#[derive(Clone)]
pub struct ControlToken(KeyDigest);

impl ControlToken {
    /// The token of the settings.
    pub fn new(token: &Secret) -> Self {
        Self(KeyDigest::new(token))
    }
}

/// Somebody who has the token.
#[derive(Clone, Copy, Debug)]
pub struct Operator;

impl FromRequest for Operator {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(authenticate(request))
    }
}

fn authenticate(request: &HttpRequest) -> Result<Operator, Problem> {
    let token = request.app_data::<web::Data<ControlToken>>();
    let token = token
        .ok_or_else(|| Problem::internal(anyhow::anyhow!("the control plane has no token")))?;
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let presented = header
        .and_then(|header| header.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, presented)| presented.trim());
    if presented.is_some_and(|presented| token.0.matches(presented)) {
        return Ok(Operator);
    }
    let challenge = HeaderValue::from_static("Bearer realm=\"control\"");
    Err(Problem::new(problem::UNAUTHENTICATED)
        .header(WWW_AUTHENTICATE, challenge)
        .detail("The control plane has a token of its own, the setting control.token; an API key does not open it."))
}
