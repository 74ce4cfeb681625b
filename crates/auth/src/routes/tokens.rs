//! The token endpoint of OAuth 2.0 (RFC 6749 §3.2), for two grant types.

use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chassis::Problem;
use chassis::config::Secret;
use chassis::problem::ProblemDocument;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problems::TokenProblem;
use crate::app::State;
use crate::refresh;
use crate::tokens::{self, Grant};

/// The parameters. Unlike in our other bodies, unknown ones are ignored: RFC 6749 §3.2 asks for it.
#[derive(Deserialize, ToSchema)]
pub struct TokenForm {
    /// `refresh_token` or `client_credentials`.
    #[schema(example = "refresh_token")]
    grant_type: Option<String>,
    /// The refresh token, for `refresh_token`.
    refresh_token: Option<String>,
    /// What to ask for, separated by spaces, for `client_credentials`; everything that the client may have when absent.
    scope: Option<String>,
}

/// Tokens (RFC 6749 §5.1).
#[derive(Serialize, ToSchema)]
pub struct TokenAnswer {
    /// Goes into `Authorization: Bearer …`.
    access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// How long the access token is good for, in seconds.
    #[schema(example = 600)]
    expires_in: u32,
    /// Exchanges once for the next pair; for people only.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// What the access token allows; for services only.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

impl From<Grant> for TokenAnswer {
    fn from(grant: Grant) -> Self {
        Self {
            access_token: grant.access_token,
            token_type: "Bearer",
            expires_in: grant.expires_in,
            refresh_token: grant.refresh_token.map(|token| token.expose()),
            scope: grant.scope,
        }
    }
}

/// Gives tokens: to people for a refresh token, which then is used up; to services for their name and secret.
///
/// Failures are problem documents with the member `error` of RFC 6749 §5.2.
#[utoipa::path(
    post, path = "/v1/tokens", tag = "tokens", operation_id = "issue_tokens",
    security((), ("client" = [])),
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Tokens", body = TokenAnswer),
        (status = 400, description = "`invalid_request`, `invalid_grant`, `invalid_scope` or `unsupported_grant_type`",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 401, description = "`invalid_client`", body = ProblemDocument,
            content_type = "application/problem+json"),
    ),
)]
pub async fn issue(
    state: web::Data<State>,
    request: HttpRequest,
    form: Result<web::Form<TokenForm>, actix_web::Error>,
) -> Result<HttpResponse, Problem> {
    let form = form.map_err(TokenProblem::Unreadable)?;
    let grant = match given(form.grant_type.as_ref()) {
        Some("refresh_token") => grant_refresh(&state, &form).await?,
        Some("client_credentials") => grant_client(&state, &request, &form)?,
        Some(_) => return Err(TokenProblem::UnsupportedGrantType.into()),
        None => return Err(TokenProblem::Missing("grant_type").into()),
    };
    Ok(HttpResponse::Ok().json(TokenAnswer::from(grant)))
}

async fn grant_refresh(state: &State, form: &TokenForm) -> Result<Grant, TokenProblem> {
    let token = given(form.refresh_token.as_ref()).ok_or(TokenProblem::Missing("refresh_token"))?;
    refresh::refresh(state, token).await.map_err(TokenProblem::Refresh)
}

fn grant_client(
    state: &State,
    request: &HttpRequest,
    form: &TokenForm,
) -> Result<Grant, TokenProblem> {
    let (name, secret) = basic_credentials(request).ok_or(TokenProblem::InvalidClient)?;
    let client =
        state.clients.authenticate(&name, secret.expose()).ok_or(TokenProblem::InvalidClient)?;
    let scope = client.grant(given(form.scope.as_ref())).ok_or(TokenProblem::InvalidScope)?;
    tokens::for_service(state, client.name, scope, state.clock.now()).map_err(TokenProblem::Sign)
}

/// A parameter without a value is one that was not sent (RFC 6749 §3.2).
fn given(parameter: Option<&String>) -> Option<&str> {
    parameter.map(String::as_str).filter(|value| !value.is_empty())
}

/// `Authorization: Basic …` (RFC 7617).
fn basic_credentials(request: &HttpRequest) -> Option<(String, Secret)> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let credentials = String::from_utf8(BASE64_STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (name, secret) = credentials.split_once(':')?;
    Some((name.to_owned(), Secret::new(secret)))
}
