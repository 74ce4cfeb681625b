//! The settings of orders; `config/default.toml` explains each.

use chassis::boot::ServiceSettings;
use chassis::config::Secret;
use chassis::identity::CredentialsSettings;
use chassis::{client, db, http, identity, mail, outbox, telemetry};
use serde::{Deserialize, Serialize};

use crate::planted::Planted;

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
    /// How long money can go back.
    pub refunds: Refunds,
    /// Pages that show an order live.
    pub stream: Stream,
    /// How promises to the outside are kept.
    pub outbox: outbox::Settings,
    /// Where receipts go.
    pub mail: mail::Settings,
    /// The bug of a test build.
    #[serde(default)]
    pub planted: Planted,
}

/// `[gateway]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// The account's secret key.
    pub secret_key: Secret,
    /// Where customers come back to from their bank; the order's identifier is added.
    pub return_url: String,
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
    /// How long a request waits for the outcome when it does not say.
    pub wait_ms: u64,
    /// The longest that a request may prefer to wait.
    pub longest_wait_ms: u64,
    /// How many orders one customer may have that are not decided.
    pub most_open_orders: i64,
    /// How long an order is worked on before another worker may take it over.
    pub lease_seconds: u32,
    /// How long an order may stay unpaid.
    pub deadline_seconds: u32,
    /// How often the workers look when nobody wakes them.
    pub poll_ms: u64,
    /// The longest pause between two looks at something that does not move.
    pub longest_pause_ms: u32,
    /// How often the gateway's list of events is read.
    pub reconcile_seconds: u64,
}

/// `[refunds]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Refunds {
    /// For how many days customers may ask.
    pub window_days: u32,
}

/// `[stream]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// How many may be open at once.
    pub most: usize,
    /// How many of them one customer may have.
    pub most_per_customer: usize,
    /// How long one may be open.
    pub lifetime_seconds: u64,
}

impl ServiceSettings for Settings {
    fn http(&self) -> &http::Settings {
        &self.http
    }

    fn log(&self) -> &telemetry::Settings {
        &self.log
    }
}
