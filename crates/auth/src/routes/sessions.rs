//! Signing in and out.

use actix_web::{HttpResponse, web};
use chassis::Problem;
use chassis::identity::Customer;
use chassis::problem::ProblemDocument;
use serde::Deserialize;
use utoipa::ToSchema;

use super::tokens::TokenAnswer;
use crate::app::State;
use crate::{sign_in, store};

/// Who wants to sign in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInBody {
    /// The address.
    #[schema(example = "reader@example.com")]
    email: String,
    /// The password.
    #[schema(example = "i would prefer not to")]
    password: String,
}

/// Signs in: opens a session, and gives an access token and a refresh token for it.
#[utoipa::path(
    post, path = "/v1/sessions", tag = "sessions", operation_id = "sign_in",
    request_body = SignInBody,
    responses(
        (status = 201, description = "Signed in", body = TokenAnswer),
        (status = 401, description = "The address and the password do not belong together", body = ProblemDocument,
            content_type = "application/problem+json"),
        (status = 503, description = "Too many passwords wait to be hashed", body = ProblemDocument,
            content_type = "application/problem+json"),
    ),
)]
pub async fn sign_in(
    state: web::Data<State>,
    body: web::Json<SignInBody>,
) -> Result<HttpResponse, Problem> {
    let grant = sign_in::sign_in(&state, &body.email, &body.password).await?;
    Ok(HttpResponse::Created().json(TokenAnswer::from(grant)))
}

/// Signs out: ends the session of the access token, and with it its refresh tokens. To do it twice is to do it once.
#[utoipa::path(
    delete, path = "/v1/sessions/current", tag = "sessions", operation_id = "sign_out",
    security(("access_token" = [])),
    responses(
        (status = 204, description = "Signed out"),
        (status = 401, description = "No valid access token", body = ProblemDocument,
            content_type = "application/problem+json"),
    ),
)]
pub async fn sign_out(
    state: web::Data<State>,
    customer: Customer,
) -> Result<HttpResponse, Problem> {
    let mut connection = state.database.get().await?;
    store::sessions::end(&mut connection, customer.session, state.clock.now()).await?;
    Ok(HttpResponse::NoContent().finish())
}
