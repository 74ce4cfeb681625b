//! Confirming an address, for programs.

use actix_web::{HttpResponse, web};
use chassis::Problem;
use chassis::problem::ProblemDocument;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::State;
use crate::sign_up;

/// The token of a link, as JSON or as a form.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenBody {
    /// The token.
    #[schema(min_length = 43, max_length = 43)]
    pub(super) token: String,
}

/// Confirms an address and opens the account. A token works once, for 60 minutes, if no newer one was asked for.
#[utoipa::path(
    post, path = "/v1/email-verifications", tag = "accounts", operation_id = "confirm_address",
    request_body = TokenBody,
    responses(
        (status = 204, description = "The account is open"),
        (status = 410, description = "Used, replaced or expired", body = ProblemDocument,
            content_type = "application/problem+json"),
    ),
)]
pub async fn confirm(
    state: web::Data<State>,
    body: web::Json<TokenBody>,
) -> Result<HttpResponse, Problem> {
    sign_up::confirm(&state, &body.token).await?;
    Ok(HttpResponse::NoContent().finish())
}
