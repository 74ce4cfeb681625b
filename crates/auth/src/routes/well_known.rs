//! What other services need to know of us.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use chassis::Problem;
use chassis::problem;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::State;
use crate::keyring;

/// Everybody may keep these answers for five minutes: a new key is announced for longer than that before it signs.
const PUBLIC: (actix_web::http::header::HeaderName, &str) = (CACHE_CONTROL, "public, max-age=300");

/// The keys that access tokens are verified with (a JWK set, RFC 7517).
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "tokens", operation_id = "list_keys",
    responses((status = 200, description = "A JWK set", body = serde_json::Value)),
)]
pub async fn keys(state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let unavailable =
        |cause: anyhow::Error| Problem::new(problem::UNAVAILABLE).retry_after(1).caused_by(cause);
    let keys = keyring::published(&state.database).await.map_err(unavailable)?;
    Ok(HttpResponse::Ok().insert_header(PUBLIC).json(keys))
}

/// What this authorization server is and can do (RFC 8414).
#[derive(Serialize, ToSchema)]
pub struct Metadata {
    /// The `iss` of access tokens.
    issuer: String,
    /// Where tokens are given.
    token_endpoint: String,
    /// Where the keys are.
    jwks_uri: String,
    /// What tokens are given for.
    grant_types_supported: [&'static str; 2],
    /// How clients prove who they are; people's clients do not.
    token_endpoint_auth_methods_supported: [&'static str; 2],
    /// There is no authorization endpoint, hence no response types.
    response_types_supported: [&'static str; 0],
    /// A page for people.
    service_documentation: String,
}

/// What this authorization server is and can do (RFC 8414).
#[utoipa::path(
    get, path = "/.well-known/oauth-authorization-server", tag = "tokens", operation_id = "read_metadata",
    responses((status = 200, description = "Metadata", body = Metadata)),
)]
pub async fn metadata(state: web::Data<State>) -> HttpResponse {
    let settings = &state.settings.tokens;
    let metadata = Metadata {
        issuer: settings.issuer.clone(),
        token_endpoint: settings.link("/v1/tokens"),
        jwks_uri: settings.link("/.well-known/jwks.json"),
        grant_types_supported: ["refresh_token", "client_credentials"],
        token_endpoint_auth_methods_supported: ["client_secret_basic", "none"],
        response_types_supported: [],
        service_documentation: settings.link("/docs/"),
    };
    HttpResponse::Ok().insert_header(PUBLIC).json(metadata)
}
