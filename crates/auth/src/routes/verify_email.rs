//! Confirming an address, for people: the link in the mail leads here.

use actix_web::{HttpResponse, web};
use chassis::Problem;
use serde::Deserialize;
use utoipa::IntoParams;

use super::pages;
use super::verifications::TokenBody;
use crate::app::State;
use crate::sign_up::{self, ConfirmError};

/// The link's query. Mail programs and trackers like to append parameters of their own: they are ignored.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LinkQuery {
    /// The token.
    #[serde(default)]
    token: String,
}

/// Asks the person to press a button.
///
/// Following the link must not confirm anything: mail scanners and previews follow every link before a person sees it,
/// and would open accounts for addresses whose owners never wanted one. They do not press buttons.
#[utoipa::path(
    get, path = "/verify-email", tag = "accounts", operation_id = "show_confirmation",
    params(LinkQuery),
    responses((status = 200, description = "A page with a button", content_type = "text/html", body = String)),
)]
pub async fn ask(link: web::Query<LinkQuery>) -> HttpResponse {
    pages::ask_to_confirm(&link.token)
}

/// The button: confirms the address and opens the account.
#[utoipa::path(
    post, path = "/verify-email", tag = "accounts", operation_id = "confirm_address_by_form",
    request_body(content = TokenBody, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A page that says so", content_type = "text/html", body = String),
        (status = 410, description = "A page that says why not", content_type = "text/html", body = String),
    ),
)]
pub async fn confirm(
    state: web::Data<State>,
    form: web::Form<TokenBody>,
) -> Result<HttpResponse, Problem> {
    match sign_up::confirm(&state, &form.token).await {
        Ok(()) => Ok(pages::confirmed()),
        Err(ConfirmError::Spent) => Ok(pages::spent_link()),
        Err(error) => Err(error.into()),
    }
}
