//! Signing up.

use actix_web::{HttpResponse, web};
use chassis::Problem;
use chassis::problem::ProblemDocument;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::State;
use crate::domain::SignUp;
use crate::sign_up;

/// Who wants an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignUpBody {
    /// A mail address.
    #[schema(example = "reader@example.com", max_length = 254)]
    email: String,
    /// A password of 15 to 256 characters, whichever they are.
    #[schema(example = "i would prefer not to", min_length = 15, max_length = 256)]
    password: String,
}

/// The answer to every sign-up.
#[derive(Serialize, ToSchema)]
pub struct SignUpAnswer {
    /// What happens next.
    #[schema(example = "a mail is on its way to this address")]
    message: &'static str,
}

/// Signs up: a mail goes to the address, and the link in it opens the account.
///
/// The answer is the same whether or not the address has an account; only the mail differs.
#[utoipa::path(
    post, path = "/v1/accounts", tag = "accounts", operation_id = "sign_up",
    request_body = SignUpBody,
    responses(
        (status = 202, description = "A mail is on its way", body = SignUpAnswer),
        (status = 422, description = "Not an address, or not a good password", body = ProblemDocument,
            content_type = "application/problem+json"),
        (status = 503, description = "Too many passwords wait to be hashed", body = ProblemDocument,
            content_type = "application/problem+json"),
    ),
)]
pub async fn sign_up(
    state: web::Data<State>,
    body: web::Json<SignUpBody>,
) -> Result<HttpResponse, Problem> {
    let wanted = SignUp::parse(&body.email, &body.password)?;
    sign_up::begin(&state, &wanted).await?;
    Ok(HttpResponse::Accepted()
        .json(SignUpAnswer { message: "a mail is on its way to this address" }))
}
