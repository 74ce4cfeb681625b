//! The settings of auth; `config/default.toml` explains each.

use std::collections::BTreeMap;

use chassis::boot::ServiceSettings;
use chassis::config::Secret;
use chassis::{db, http, mail, outbox, telemetry};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::domain::Lifetimes;

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
    /// Where mail goes.
    pub mail: mail::Settings,
    /// How mail that is promised is sent.
    pub outbox: outbox::Settings,
    /// What tokens say and how long they last.
    pub tokens: Tokens,
    /// What protects the signing keys.
    pub keys: Keys,
    /// What hashing passwords may cost.
    pub passwords: Passwords,
    /// Services that get tokens for themselves, by name.
    pub clients: BTreeMap<String, Client>,
}

/// `[tokens]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    /// The `iss` of every access token.
    pub issuer: String,
    /// How people and services reach us.
    pub public_url: Url,
    /// Which services an access token is for, separated by spaces.
    pub audiences: String,
    /// How long an access token is good for.
    pub access_seconds: u32,
    /// How long a session may go unused.
    pub refresh_idle_days: u16,
    /// How long a session may last.
    pub refresh_absolute_days: u16,
}

impl Tokens {
    /// The address of one of our own pages: from configuration, never from a request.
    pub fn link(&self, path_and_query: &str) -> String {
        format!("{}{path_and_query}", self.public_url.as_str().trim_end_matches('/'))
    }

    /// How long sessions last.
    pub fn lifetimes(&self) -> Lifetimes {
        Lifetimes {
            idle: TimeDelta::days(self.refresh_idle_days.into()),
            absolute: TimeDelta::days(self.refresh_absolute_days.into()),
        }
    }
}

/// `[keys]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// Seals the signing keys.
    pub master_key: Secret,
}

/// `[passwords]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Passwords {
    /// How many are hashed at once.
    pub concurrent_hashes: usize,
    /// How many may wait.
    pub max_waiting: usize,
}

/// One of `[clients]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// What the client proves itself with.
    pub secret: Secret,
    /// What it may ask for, separated by spaces.
    pub scope: String,
}

impl ServiceSettings for Settings {
    fn http(&self) -> &http::Settings {
        &self.http
    }

    fn log(&self) -> &telemetry::Settings {
        &self.log
    }
}
