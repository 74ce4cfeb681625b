//! The settings of the catalog; `config/default.toml` explains each.

use chassis::boot::ServiceSettings;
use chassis::{cache, db, http, identity, telemetry};
use serde::{Deserialize, Serialize};

/// The whole tree.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Addresses and limits.
    pub http: http::Settings,
    /// How to log.
    pub log: telemetry::Settings,
    /// The truth.
    pub database: db::Settings,
    /// What makes reads fast.
    pub cache: cache::Settings,
    /// Who signs access tokens.
    pub identity: identity::Settings,
    /// Reading books.
    pub books: Books,
    /// Holding stock.
    pub reservations: Reservations,
}

/// `[books]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Books {
    /// How long a cached book may be served.
    pub cache_seconds: u64,
    /// Whether to put the sample catalogue into an empty database.
    pub seed: bool,
}

/// `[reservations]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Reservations {
    /// How long stock is held.
    pub lifetime_seconds: u32,
    /// How often expired reservations are looked for.
    pub sweep_seconds: u64,
}

impl ServiceSettings for Settings {
    fn http(&self) -> &http::Settings {
        &self.http
    }

    fn log(&self) -> &telemetry::Settings {
        &self.log
    }
}
