//! The settings of orders; `config/default.toml` explains each.

use chassis::boot::ServiceSettings;
use chassis::config::Secret;
use chassis::identity::CredentialsSettings;
use chassis::{client, db, http, identity, mail, telemetry};
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
    /// Who signs access tokens.
    pub identity: identity::Settings,
    /// Who we are.
    pub credentials: CredentialsSettings,
    /// Where stock is held.
    pub catalog: client::Settings,
    /// Where money is moved.
    pub gateway: Gateway,
    /// What the gateway tells us by itself.
    pub webhook: Webhook,
    /// How patient we are.
    pub checkout: Checkout,
    /// Where receipts go.
    pub mail: mail::Settings,
}

/// `[gateway]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// The account's secret key.
    pub secret_key: Secret,
    /// Where it is.
    pub api: client::Settings,
}

/// `[webhook]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// What the gateway signs with.
    pub secret: Secret,
    /// How far its clock may be from ours.
    pub tolerance_seconds: i64,
}

/// `[checkout]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Checkout {
    /// How long a request waits for the outcome.
    pub wait_ms: u64,
    /// How long an order is worked on before another worker may take it over.
    pub lease_seconds: u32,
    /// How long an order may stay unpaid.
    pub deadline_seconds: u32,
    /// How often the workers look when nobody wakes them.
    pub poll_ms: u64,
}

impl ServiceSettings for Settings {
    fn http(&self) -> &http::Settings {
        &self.http
    }

    fn log(&self) -> &telemetry::Settings {
        &self.log
    }
}
