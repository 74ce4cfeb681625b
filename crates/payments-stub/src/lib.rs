//! The third party: a payment gateway in the shape of Stripe's API, so that the shop can be built, broken and tested
//! against the failures of a real one without anybody's money.
//!
//! Reading order: `migrations/` (what can never happen) → [`app`] (what there is) → [`routes`] (HTTP in, HTTP out)
//! → [`idempotency`] (once, however often it is asked for) → [`payments`] (taking money and giving it back)
//! → [`domain`] (the rules) → [`store`] (SQL) → [`events`] and [`webhooks`] (telling what happened)
//! → [`settle`] (what happens without a request)
//! → [`control`] (failing on command; leave it for last).
//!
//! Every effect is one transaction: the charge, the event, its deliveries and the saved answer are true together or
//! not at all.

pub mod app;
pub mod config;
pub mod control;
pub mod domain;
pub mod events;
pub mod failure;
pub mod idempotency;
pub mod meters;
pub mod payments;
pub mod prune;
pub mod routes;
pub mod settle;
pub mod store;
pub mod webhooks;
pub mod wire;

use std::sync::Arc;

use chassis::boot::{Boot, Description, RunError};
use chassis::config::Secret;
use chassis::db::Database;
use chassis::http::Assembly;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use tokio::sync::Notify;

use app::State;
use control::app::ControlPlane;
use domain::endpoint::{Endpoint, NewEndpoint, ReceiverUrl};
use domain::metadata::Metadata;
use meters::Meters;
use routes::caller::ApiKey;
use routes::errors;
use routes::rate::RateLimit;

pub use config::Settings;

/// What the chassis needs to know to start this service.
pub const DESCRIPTION: Description =
    Description { name: "payments-stub", defaults: include_str!("../config/default.toml") };

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// Runs the service until it is told to stop.
pub async fn run(settings: Settings, boot: Boot) -> Result<(), RunError> {
    settings.check()?;
    // First, so that a taken port is an error before anything else has started.
    let plane = ControlPlane::bind(&settings.control, &boot.shutdown)?;
    let database = Database::new(DESCRIPTION.name, &settings.database, &boot.metrics)
        .map_err(|error| RunError::Setting(error.to_string()))?;
    let asked = database.clone();
    boot.health.watch("postgresql", move || {
        let asked = asked.clone();
        async move { asked.ping().await }
    });
    let state = State {
        database,
        clock: boot.clock.clone(),
        terms: Arc::new(settings.api.terms()),
        meters: Meters::new(&boot.metrics)?,
        wake: Arc::new(Notify::new()),
        rate: RateLimit::new(&settings.api),
        control: plane.as_ref().map(ControlPlane::control),
    };
    let mut workers = webhooks::workers(&state, &settings.webhooks)?;
    workers.push(prune::worker(state.clone(), &settings.idempotency));
    workers.push(settle::worker(state.clone()));
    let startup = prepare(state.clone(), settings.webhooks.receiver()?);
    let key = ApiKey::new(&settings.api.secret_key);
    let assembly = Assembly {
        routes: {
            let state = state.clone();
            Arc::new(move |config| app::configure(config, &state, &key))
        },
        openapi: app::openapi(),
        startup: Box::pin(startup),
        workers,
        error_shape: errors::shape,
        on_connect: None,
    };
    match plane {
        Some(plane) => plane.serve(&state, boot, &settings.http, assembly).await,
        None => boot.serve(&settings.http, assembly).await,
    }
}

/// Brings the schema up to date, and makes the receiver of the settings an endpoint like any other.
async fn prepare(state: State, receiver: Option<(ReceiverUrl, Secret)>) -> anyhow::Result<()> {
    state.database.migrate([MIGRATIONS]).await?;
    let mut connection = state.database.get_patiently().await;
    let Some((url, secret)) = receiver else {
        return Ok(store::endpoints::delete_configured(&mut connection).await?);
    };
    let wish = NewEndpoint {
        url,
        enabled_events: vec!["*".to_owned()],
        description: Some("from the settings".to_owned()),
        metadata: Metadata::default(),
    };
    let endpoint = Endpoint { secret, configured: true, ..Endpoint::new(wish, state.clock.now()) };
    Ok(store::endpoints::put_configured(&mut connection, &endpoint).await?)
}
