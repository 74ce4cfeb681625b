//! What auth offers: the state that handlers share, and the only route table.

use std::sync::Arc;

use actix_web::web;
use chassis::clock::Clock;
use chassis::db::Database;
use chassis::identity::Verifier;
use chassis::metrics::Metrics;
use tokio::sync::Notify;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::Settings;
use crate::domain::Clients;
use crate::keyring::Keyring;
use crate::passwords::Hasher;
use crate::routes::{account, accounts, sessions, tokens, verifications, verify_email, well_known};
use crate::vault::Vault;

/// What every handler can reach.
#[derive(Clone)]
pub struct State {
    /// The truth.
    pub database: Database,
    /// Time.
    pub clock: Clock,
    /// Measurements.
    pub metrics: Metrics,
    /// Hashes passwords, within limits.
    pub hasher: Hasher,
    /// Services that get tokens for themselves.
    pub clients: Clients,
    /// Signs access tokens.
    pub keyring: Keyring,
    /// Derives refresh tokens.
    pub vault: Vault,
    /// To be notified when a mail was promised.
    pub mail_waits: Arc<Notify>,
    /// The settings in force.
    pub settings: Arc<Settings>,
}

/// All routes, nothing else.
pub fn configure(config: &mut web::ServiceConfig, state: &State, verifier: &Verifier) {
    config
        .app_data(web::Data::new(state.clone()))
        .app_data(web::Data::new(verifier.clone()))
        .service(web::resource("/v1/accounts").post(accounts::sign_up))
        .service(web::resource("/v1/email-verifications").post(verifications::confirm))
        .service(web::resource("/verify-email").get(verify_email::ask).post(verify_email::confirm))
        .service(web::resource("/v1/sessions").post(sessions::sign_in))
        .service(web::resource("/v1/sessions/current").delete(sessions::sign_out))
        .service(web::resource("/v1/tokens").post(tokens::issue))
        .service(web::resource("/v1/account").get(account::read))
        .service(web::resource("/.well-known/jwks.json").get(well_known::keys))
        .service(
            web::resource("/.well-known/oauth-authorization-server").get(well_known::metadata),
        );
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Backbone auth",
        description = "Accounts, credentials, sessions and tokens.",
        license(name = "MIT OR Apache-2.0")
    ),
    paths(
        accounts::sign_up,
        verifications::confirm,
        verify_email::ask,
        verify_email::confirm,
        sessions::sign_in,
        sessions::sign_out,
        tokens::issue,
        account::read,
        well_known::keys,
        well_known::metadata,
    ),
    modifiers(&ClientAuthentication),
    tags(
        (name = "accounts", description = "Signing up"),
        (name = "sessions", description = "Signing in and out"),
        (name = "tokens", description = "For programs: OAuth 2.0"),
    )
)]
struct Documentation;

/// How services authenticate at the token endpoint.
struct ClientAuthentication;

/// The name under which operations refer to it.
const CLIENT: &str = "client";

impl Modify for ClientAuthentication {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Basic).build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme(CLIENT, SecurityScheme::Http(scheme));
    }
}

/// The OpenAPI document, generated from the handlers' own annotations.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Documentation::openapi()
}
