//! Orders: how a wish to buy becomes a paid order, exactly once.
//!
//! Reading order: `migrations/` → [`domain::order_state`] (the graph) → [`domain::decision`] (the one decision) →
//! [`checkout`] (the story) → [`transition`] (the only way an order changes) → [`place`] (the first step) →
//! [`changes`] and [`refunding`] (what may be wanted later) → [`workers`] (what goes on when a request has died) →
//! [`reconcile`] → [`watching`] → [`clients`] → [`routes`].

pub mod app;
pub mod changes;
pub mod checkout;
pub mod clients;
pub mod config;
pub mod domain;
pub mod place;
pub mod planted;
pub mod receipt;
pub mod reconcile;
pub mod refunding;
pub mod routes;
pub mod signature;
pub mod store;
pub mod transition;
pub mod watching;
pub mod workers;

use std::sync::Arc;

use chassis::boot::{Boot, Description, RunError};
use chassis::db::Database;
use chassis::http::{Assembly, problem_shape};
use chassis::identity::{ClientCredentials, Keys, Verifier};
use chassis::mail::Mailer;
use chassis::outbox;

pub use config::Settings;

/// What the chassis needs to know to start this service.
pub const DESCRIPTION: Description = Description { name: "orders", defaults: DEFAULTS };

#[cfg(not(feature = "planted-bugs"))]
const DEFAULTS: &str = include_str!("../config/default.toml");
/// A setting exists when its default does, and this one only in test builds.
#[cfg(feature = "planted-bugs")]
const DEFAULTS: &str =
    concat!(include_str!("../config/default.toml"), "\n[planted]\nbug = \"none\"\n");

/// Runs the service until it is told to stop.
pub async fn run(settings: Settings, boot: Boot) -> Result<(), RunError> {
    let state = state(&settings, &boot)?;
    let keys = Keys::remote(&settings.identity, &boot.metrics).map_err(RunError::setting)?;
    let verifier =
        Verifier::new(&settings.identity.issuer, DESCRIPTION.name, keys, boot.clock.clone());
    let database = state.database.clone();
    boot.health.watch("postgresql", move || {
        let database = database.clone();
        async move { database.ping().await }
    });
    let database = state.database.clone();
    let startup = async move { database.migrate([outbox::MIGRATIONS, store::MIGRATIONS]).await };
    let workers = workers::all(&state);
    let assembly = Assembly {
        routes: Arc::new(move |config| app::configure(config, &state, &verifier)),
        openapi: app::openapi(),
        startup: Box::pin(startup),
        workers,
        error_shape: problem_shape,
        on_connect: None,
    };
    boot.serve(&settings.http, assembly).await
}

fn state(settings: &Settings, boot: &Boot) -> Result<app::State, RunError> {
    let metrics = &boot.metrics;
    let credentials = ClientCredentials::new(&settings.credentials, metrics, boot.clock.clone());
    let credentials = credentials.map_err(RunError::setting)?;
    Ok(app::State {
        database: Database::new(DESCRIPTION.name, &settings.database, metrics)
            .map_err(RunError::setting)?,
        catalog: clients::catalog::Catalog::new(&settings.catalog, credentials, metrics)
            .map_err(RunError::setting)?,
        gateway: clients::gateway::Gateway::new(&settings.gateway, settings.planted, metrics)
            .map_err(RunError::setting)?,
        mailer: Mailer::new(&settings.mail)?,
        clock: boot.clock.clone(),
        metrics: metrics.clone(),
        counters: app::Counters::new(metrics).map_err(RunError::setting)?,
        outbox_wake: Arc::default(),
        stock_wake: Arc::default(),
        inbox_wake: Arc::default(),
        refund_wake: Arc::default(),
        moves: watching::Moves::default(),
        audience: watching::Audience::new(&settings.stream),
        shutdown: boot.shutdown.clone(),
        settings: settings.clone(),
    })
}
