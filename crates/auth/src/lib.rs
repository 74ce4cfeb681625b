//! Auth: accounts, credentials, sessions and tokens.
//!
//! Reading order: `migrations/` → [`app`] (what there is) → [`routes`] (HTTP in, HTTP out) → [`domain`] (the rules)
//! → the stories [`sign_up`], [`sign_in`], [`refresh`] → [`store`] (SQL) → [`passwords`] (hashing), [`tokens`],
//! [`keyring`] and [`vault`] (signing) → [`delivery`] and [`sweep`] (beside the requests).
//!
//! What must always hold:
//! - an account is a proven address;
//! - a session has at most one refresh token that works, and ends as soon as two parties have used the same;
//! - nothing in the database is enough to sign in, to refresh, to confirm an address or to sign a token;
//! - whether an address has an account is told to nobody but its owner.

pub mod app;
pub mod config;
pub mod delivery;
pub mod domain;
pub mod keyring;
pub mod passwords;
pub mod refresh;
pub mod routes;
pub mod sign_in;
pub mod sign_up;
pub mod store;
pub mod sweep;
pub mod tokens;
pub mod vault;

use std::sync::Arc;

use chassis::boot::{Boot, Description, RunError};
use chassis::db::Database;
use chassis::http::{Assembly, problem_shape};
use chassis::identity::{Keys, Verifier};
use chassis::mail::Mailer;
use chassis::outbox;

pub use config::Settings;

/// What the chassis needs to know to start this service.
pub const DESCRIPTION: Description =
    Description { name: "auth", defaults: include_str!("../config/default.toml") };

/// Runs the service until it is told to stop.
pub async fn run(settings: Settings, boot: Boot) -> Result<(), RunError> {
    let state = state(&settings, &boot)?;
    let mailer = Mailer::new(&settings.mail)?;
    let keys = Keys::new(keyring::source(state.database.clone()));
    let verifier =
        Verifier::new(&settings.tokens.issuer, DESCRIPTION.name, keys, boot.clock.clone());

    let asked = state.database.clone();
    boot.health.watch("postgresql", move || {
        let asked = asked.clone();
        async move { asked.ping().await }
    });

    let assembly = Assembly {
        startup: Box::pin(prepare(state.clone())),
        workers: vec![delivery::worker(&state, mailer), sweep::worker(state.clone())],
        openapi: app::openapi(),
        error_shape: problem_shape,
        on_connect: None,
        routes: Arc::new(move |config| app::configure(config, &state, &verifier)),
    };
    boot.serve(&settings.http, assembly).await
}

/// Puts together what handlers share; every setting that makes no sense is an error here, not at the first request.
fn state(settings: &Settings, boot: &Boot) -> Result<app::State, RunError> {
    let setting = |error: &dyn std::fmt::Display| RunError::Setting(error.to_string());
    let vault = vault::Vault::new(&settings.keys.master_key).map_err(|error| setting(&error))?;
    Ok(app::State {
        database: Database::new(DESCRIPTION.name, &settings.database, &boot.metrics)
            .map_err(|e| setting(&e))?,
        clock: boot.clock.clone(),
        metrics: boot.metrics.clone(),
        hasher: passwords::Hasher::new(&settings.passwords).map_err(|error| setting(&error))?,
        clients: domain::Clients::new(&settings.clients).map_err(|error| setting(&error))?,
        keyring: keyring::Keyring::new(vault.clone()),
        vault,
        mail_waits: Arc::default(),
        settings: Arc::new(settings.clone()),
    })
}

/// What happens before the service is ready: the schema is brought up to date, and there is a key to sign with.
async fn prepare(state: app::State) -> anyhow::Result<()> {
    state.database.migrate([outbox::MIGRATIONS, store::MIGRATIONS]).await?;
    state.keyring.load(&state.database, state.clock.now()).await
}
