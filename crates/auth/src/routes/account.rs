//! The account of whoever asks.

use actix_web::web;
use chassis::Problem;
use chassis::identity::Customer;
use chassis::problem::ProblemDocument;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::problems::session_over;
use crate::app::State;
use crate::domain::Profile;
use crate::store;

/// An account, as its owner sees it.
#[derive(Serialize, ToSchema)]
pub struct AccountAnswer {
    /// Who it is, in every service.
    id: Uuid,
    /// The address.
    #[schema(example = "reader@example.com")]
    email: String,
    /// When the address was proved.
    email_verified_at: DateTime<Utc>,
    /// When the account was opened.
    created_at: DateTime<Utc>,
    /// `customer`, `admin`.
    #[schema(example = json!(["customer"]))]
    roles: Vec<String>,
}

impl From<Profile> for AccountAnswer {
    fn from(profile: Profile) -> Self {
        Self {
            id: profile.id,
            email: profile.email.as_str().to_owned(),
            email_verified_at: profile.email_verified_at,
            created_at: profile.created_at,
            roles: profile.roles,
        }
    }
}

/// Reads the account of whoever is signed in.
#[utoipa::path(
    get, path = "/v1/account", tag = "accounts", operation_id = "read_account",
    security(("access_token" = [])),
    responses(
        (status = 200, description = "The account", body = AccountAnswer),
        (status = 401, description = "No valid access token, or its session is over", body = ProblemDocument,
            content_type = "application/problem+json"),
    ),
)]
pub async fn read(
    state: web::Data<State>,
    customer: Customer,
) -> Result<web::Json<AccountAnswer>, Problem> {
    let mut connection = state.database.get().await?;
    let ids = (customer.id, customer.session);
    let profile = store::accounts::find_signed_in(&mut connection, ids, state.clock.now()).await?;
    let profile = profile.ok_or_else(session_over)?;
    Ok(web::Json(profile.into()))
}
