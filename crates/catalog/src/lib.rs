//! The catalog: books, prices, search, stock and its reservations.
//!
//! Reading order: `migrations/` → [`app`] (what there is) → [`routes`] (HTTP in, HTTP out) → [`domain`] (the rules)
//! → [`store`] (SQL) → [`cached`] (the fast read) → [`seed`] (the sample catalogue).
//!
//! The truth about stock is one row a book in PostgreSQL, and the database itself forbids a number below zero.
//! Redis only remembers what books look like; it may vanish at any time.

pub mod app;
pub mod cached;
pub mod config;
pub mod domain;
pub mod reserve;
pub mod routes;
pub mod seed;
pub mod store;
pub mod sweep;

use std::sync::Arc;

use chassis::boot::{Boot, Description, RunError};
use chassis::cache::Cache;
use chassis::db::Database;
use chassis::http::{Assembly, problem_shape};
use chassis::identity::{Keys, Verifier};

pub use config::Settings;

/// What the chassis needs to know to start this service.
pub const DESCRIPTION: Description =
    Description { name: "catalog", defaults: include_str!("../config/default.toml") };

/// Runs the service until it is told to stop.
pub async fn run(settings: Settings, boot: Boot) -> Result<(), RunError> {
    let database = Database::new(DESCRIPTION.name, &settings.database, &boot.metrics)
        .map_err(RunError::setting)?;
    let cache = Cache::new(&settings.cache, &boot.metrics).map_err(RunError::setting)?;
    let keys = Keys::remote(&settings.identity, &boot.metrics).map_err(RunError::setting)?;
    let verifier =
        Verifier::new(&settings.identity.issuer, DESCRIPTION.name, keys, boot.clock.clone());

    let (asked, pinged) = (database.clone(), cache.clone());
    boot.health.watch("postgresql", move || {
        let asked = asked.clone();
        async move { asked.ping().await }
    });
    boot.health.watch("redis", move || {
        let pinged = pinged.clone();
        async move { pinged.ping().await }
    });

    let state = app::State {
        database: database.clone(),
        cache,
        clock: boot.clock.clone(),
        settings: settings.clone(),
    };
    let sweeper = sweep::worker(state.clone());
    let startup = seed::prepare(database, settings.books.seed, boot.clock.clone());
    let assembly = Assembly {
        routes: Arc::new(move |config| app::configure(config, &state, &verifier)),
        openapi: app::openapi(),
        startup: Box::pin(startup),
        workers: vec![sweeper],
        error_shape: problem_shape,
        on_connect: None,
    };
    boot.serve(&settings.http, assembly).await
}
