//! Who is calling: access tokens (RFC 9068), verified against the published keys of the service that signs them.
//!
//! A handler says who may call it by its arguments: [`Customer`], [`Admin`] or [`Service`]. Without one it is public.
//! The verifier accepts a fixed list of algorithms and only keys from the configured set; whatever a token says about
//! where its own key can be found (`jku`, `x5u`, `jwk`) is ignored (RFC 8725 §3.10).

mod credentials;
mod keys;

use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use actix_web::{FromRequest, HttpRequest, web};
use chrono::{DateTime, Utc};
use futures_util::future::{FutureExt as _, LocalBoxFuture};
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

use crate::Problem;
use crate::clock::Clock;
use crate::problem;

pub use credentials::{ClientCredentials, CredentialsSettings};
pub use keys::{KeySource, Keys, KeysUnavailable};

/// Who signs the tokens that this service accepts.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What `iss` must be.
    pub issuer: String,
    /// Where the issuer publishes its keys.
    pub jwks_url: Url,
}

/// Clocks differ a little between machines.
const LEEWAY_SECONDS: i64 = 30;

/// What a token says, after it was verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who signed it.
    pub iss: String,
    /// Which services it is for.
    pub aud: Vec<String>,
    /// Who it is about: a person's identifier, or a service's name.
    pub sub: String,
    /// When it ends, in seconds since 1970.
    pub exp: i64,
    /// When it was made.
    pub iat: i64,
    /// Names this token.
    pub jti: Uuid,
    /// The client that asked for it; for a service, the service itself.
    pub client_id: String,
    /// The session that it belongs to; absent for services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<Uuid>,
    /// When the person last proved who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// What it allows, separated by spaces.
    #[serde(default)]
    pub scope: String,
    /// What the person is: `customer`, `admin`.
    #[serde(default)]
    pub roles: Vec<String>,
}

/// Why a token was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// There is none, or not in the form `Authorization: Bearer <token>`.
    #[error("no bearer token")]
    Missing,
    /// It is not valid; the reason is for the log.
    #[error("{0}")]
    Invalid(String),
    /// The keys to judge it by cannot be had at the moment.
    #[error(transparent)]
    Keys(#[from] KeysUnavailable),
}

/// Verifies access tokens; clones share the cached keys.
#[derive(Clone)]
pub struct Verifier {
    issuer: Arc<str>,
    audience: &'static str,
    keys: Keys,
    clock: Clock,
}

impl Verifier {
    /// A verifier of tokens for the service `audience`.
    pub fn new(issuer: &str, audience: &'static str, keys: Keys, clock: Clock) -> Self {
        Self { issuer: issuer.into(), audience, keys, clock }
    }

    /// Checks form, algorithm, key, signature, type, issuer, audience and times.
    pub async fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        let invalid = |reason: &str| TokenError::Invalid(reason.to_owned());
        let header =
            decode_header(token).map_err(|error| TokenError::Invalid(error.to_string()))?;
        if header.typ.as_deref() != Some("at+jwt") {
            return Err(invalid("not an access token"));
        }
        if !matches!(header.alg, Algorithm::ES256 | Algorithm::EdDSA) {
            return Err(invalid("algorithm not accepted"));
        }
        let kid = header.kid.as_deref().ok_or_else(|| invalid("no key id"))?;
        let key =
            self.keys.find(kid, self.clock.now()).await?.ok_or_else(|| invalid("unknown key"))?;
        let mut validation = Validation::new(key.algorithm);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Times are checked below, against our own clock.
        validation.validate_exp = false;
        let claims = decode::<Claims>(token, &key.key, &validation)
            .map_err(|error| TokenError::Invalid(error.to_string()))?
            .claims;
        check_times(&claims, self.clock.now())?;
        Ok(claims)
    }
}

fn check_times(claims: &Claims, now: DateTime<Utc>) -> Result<(), TokenError> {
    let now = now.timestamp();
    if claims.exp.saturating_add(LEEWAY_SECONDS) <= now {
        return Err(TokenError::Invalid("expired".to_owned()));
    }
    if claims.iat > now.saturating_add(LEEWAY_SECONDS) {
        return Err(TokenError::Invalid("made in the future".to_owned()));
    }
    Ok(())
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        // RFC 6750 §3: no error code when there was no token at all.
        let challenge = match &error {
            TokenError::Missing => "Bearer",
            TokenError::Invalid(_) => "Bearer error=\"invalid_token\"",
            TokenError::Keys(_) => {
                return Self::new(problem::UNAVAILABLE).retry_after(1).caused_by(error);
            }
        };
        Self::new(problem::UNAUTHENTICATED)
            .header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
            .caused_by(error)
    }
}

/// Any signed-in person.
#[derive(Clone, Debug)]
pub struct Customer {
    /// Who it is: the only thing about a person that crosses services.
    pub id: Uuid,
    /// The session that the token belongs to.
    pub session: Uuid,
    /// Whether the person is an administrator too.
    pub is_admin: bool,
}

/// A signed-in person who runs the shop.
#[derive(Clone, Debug)]
pub struct Admin(pub Customer);

/// Another service, with its own identity.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name.
    pub name: String,
    scopes: Vec<String>,
}

impl Service {
    /// Refuses a service that was not given this scope.
    pub fn require(&self, scope: &str) -> Result<(), Problem> {
        if self.scopes.iter().any(|granted| granted == scope) {
            return Ok(());
        }
        let challenge = HeaderValue::from_static("Bearer error=\"insufficient_scope\"");
        Err(Problem::new(problem::FORBIDDEN)
            .header(WWW_AUTHENTICATE, challenge)
            .detail(format!("needs scope {scope}")))
    }
}

impl TryFrom<Claims> for Customer {
    type Error = Problem;

    fn try_from(claims: Claims) -> Result<Self, Problem> {
        let forbidden = || Problem::new(problem::FORBIDDEN).detail("needs a person's token");
        let session = claims.sid.ok_or_else(forbidden)?;
        let id = claims.sub.parse::<Uuid>().ok().ok_or_else(forbidden)?;
        Ok(Self { id, session, is_admin: claims.roles.iter().any(|role| role == "admin") })
    }
}

impl TryFrom<Claims> for Admin {
    type Error = Problem;

    fn try_from(claims: Claims) -> Result<Self, Problem> {
        let customer = Customer::try_from(claims)?;
        if !customer.is_admin {
            return Err(Problem::new(problem::FORBIDDEN).detail("needs an administrator"));
        }
        Ok(Self(customer))
    }
}

impl TryFrom<Claims> for Service {
    type Error = Problem;

    fn try_from(claims: Claims) -> Result<Self, Problem> {
        // A person's token has a session; a service's token is about its own client.
        if claims.sid.is_some() || claims.sub != claims.client_id {
            return Err(Problem::new(problem::FORBIDDEN).detail("needs a service's token"));
        }
        Ok(Self {
            name: claims.sub,
            scopes: claims.scope.split_whitespace().map(str::to_owned).collect(),
        })
    }
}

/// Verifies the bearer token of a request, with the [`Verifier`] that the service put into its application data.
async fn claims(request: HttpRequest) -> Result<Claims, Problem> {
    let verifier = request.app_data::<web::Data<Verifier>>();
    let verifier = verifier
        .ok_or_else(|| Problem::internal(anyhow::anyhow!("the service has no token verifier")))?;
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.split_once(' '));
    let token = token
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    Ok(verifier.verify(token.ok_or(TokenError::Missing)?).await?)
}

macro_rules! extractor {
    ($name:ident) => {
        impl FromRequest for $name {
            type Error = Problem;
            type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                let request = request.clone();
                async move { claims(request).await.and_then(Self::try_from) }.boxed_local()
            }
        }
    };
}
extractor!(Customer);
extractor!(Admin);
extractor!(Service);
