//! The settings of the gateway; `config/default.toml` explains each.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::str::FromStr;

use chassis::boot::{RunError, ServiceSettings};
use chassis::config::{Secret, optional_secret};
use chassis::{db, http, telemetry};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::domain::endpoint::ReceiverUrl;
use crate::domain::payment_intent::Terms;

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
    /// Who may call.
    pub api: Api,
    /// Telling receivers what happened.
    pub webhooks: Webhooks,
    /// Answering the same request with the same answer.
    pub idempotency: Idempotency,
    /// Failing on command.
    pub control: Control,
}

/// `[api]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// What clients authenticate with.
    pub secret_key: Secret,
    /// Where customers reach this gateway.
    pub public_url: String,
    /// How long a slow bank takes.
    pub settle_seconds: u32,
    /// How many requests a second they may make in the long run.
    pub requests_per_second: NonZeroU32,
    /// How many they may make at once.
    pub burst: NonZeroU32,
}

impl Api {
    /// What the domain has to know of it.
    pub fn terms(&self) -> Terms {
        Terms {
            public_url: self.public_url.trim_end_matches('/').to_owned(),
            settle_after: TimeDelta::seconds(i64::from(self.settle_seconds)),
        }
    }
}

/// `[webhooks]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    /// One receiver that exists from the start; empty: none.
    pub url: String,
    /// What its deliveries are signed with.
    #[serde(deserialize_with = "optional_secret")]
    pub secret: Option<Secret>,
    /// How long a receiver may take to answer.
    pub timeout_ms: u64,
    /// The pauses before each further attempt.
    pub retry_seconds: RetrySchedule,
    /// How often to look for due deliveries.
    pub poll_ms: u64,
    /// How many receivers may be served at once.
    pub parallel: usize,
}

/// `[idempotency]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Idempotency {
    /// How long the answer to a key is kept.
    pub retention_hours: u32,
    /// How often old keys and old events are looked for.
    pub prune_seconds: u64,
}

/// `[control]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// Where tests connect; empty: the control plane is off.
    pub listen: String,
    /// What they authenticate with.
    #[serde(deserialize_with = "optional_secret")]
    pub token: Option<Secret>,
}

/// Shorter ones can be guessed.
const SHORTEST_TOKEN: usize = 16;

impl Control {
    /// The address and the token, if the control plane is to be on.
    pub fn door(&self) -> Result<Option<(SocketAddr, Secret)>, RunError> {
        if self.listen.is_empty() {
            return Ok(None);
        }
        let refuse = |message: &str| RunError::Setting(message.to_owned());
        let address = self.listen.parse().map_err(|_not_an_address| {
            refuse("setting `control.listen` must be an address such as 127.0.0.1:8094")
        })?;
        let token = self.token.clone();
        let token = token.filter(|token| token.expose().len() >= SHORTEST_TOKEN).ok_or_else(|| {
            refuse("setting `control.token` must have at least 16 characters when `control.listen` is set")
        })?;
        if token.expose().starts_with("sk_") {
            return Err(refuse(
                "setting `control.token` must not be an API key: it opens more than one",
            ));
        }
        Ok(Some((address, token)))
    }
}

impl ServiceSettings for Settings {
    fn http(&self) -> &http::Settings {
        &self.http
    }

    fn log(&self) -> &telemetry::Settings {
        &self.log
    }
}

impl Settings {
    /// Refuses what makes no sense: a key of the other mode, a receiver without a secret, nobody to deliver.
    pub fn check(&self) -> Result<(), RunError> {
        let refuse = |message: &str| Err(RunError::Setting(message.to_owned()));
        if !self.api.secret_key.expose().starts_with("sk_test_") {
            return refuse(
                "setting `api.secret_key` must start with sk_test_: this gateway moves no real money",
            );
        }
        if !matches!(url::Url::parse(&self.api.public_url), Ok(url) if url.has_host()) {
            return refuse(
                "setting `api.public_url` must be an address such as http://localhost:8084",
            );
        }
        let positive = [
            ("webhooks.parallel", self.webhooks.parallel == 0),
            ("webhooks.timeout_ms", self.webhooks.timeout_ms == 0),
            // A worker that never pauses would ask the database without end.
            ("webhooks.poll_ms", self.webhooks.poll_ms == 0),
            ("idempotency.prune_seconds", self.idempotency.prune_seconds == 0),
        ];
        if let Some((name, _)) = positive.into_iter().find(|(_, is_zero)| *is_zero) {
            return refuse(&format!("setting `{name}` must be at least 1"));
        }
        self.control.door().map(drop)?;
        self.webhooks.receiver().map(drop)
    }
}

impl Webhooks {
    /// The receiver that the settings name, if they name one.
    pub fn receiver(&self) -> Result<Option<(ReceiverUrl, Secret)>, RunError> {
        if self.url.is_empty() {
            return Ok(None);
        }
        let url = ReceiverUrl::parse(&self.url).map_err(|fault| {
            RunError::Setting(format!("setting `webhooks.url`: {}", fault.message))
        })?;
        let secret = self.secret.clone();
        let secret = secret
            .ok_or_else(|| RunError::Setting("setting `webhooks.secret` must be set".to_owned()))?;
        Ok(Some((url, secret)))
    }
}

/// The pauses between attempts.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct RetrySchedule(Vec<f64>);

/// A year: what is longer is a mistake, and would overflow a date one day.
const LONGEST_PAUSE_SECONDS: f64 = 366.0 * 86_400.0;

impl RetrySchedule {
    /// The pause after the given attempt (the first is 1) has failed; `None` when it was the last.
    pub fn pause_after(&self, attempt: i32) -> Option<TimeDelta> {
        let index = usize::try_from(attempt).ok()?.checked_sub(1)?;
        let seconds = self.0.get(index).copied()?;
        std::time::Duration::try_from_secs_f64(seconds)
            .ok()
            .and_then(|pause| TimeDelta::from_std(pause).ok())
    }
}

impl FromStr for RetrySchedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pauses = text.split(',').filter(|pause| !pause.trim().is_empty()).map(|pause| {
            let seconds = pause.trim().parse::<f64>().ok();
            seconds
                .filter(|seconds| (0.0..=LONGEST_PAUSE_SECONDS).contains(seconds))
                .ok_or_else(|| format!("`{}` is not a number of seconds", pause.trim()))
        });
        pauses.collect::<Result<_, _>>().map(Self)
    }
}

impl TryFrom<String> for RetrySchedule {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<RetrySchedule> for String {
    fn from(schedule: RetrySchedule) -> Self {
        schedule.0.iter().map(f64::to_string).collect::<Vec<_>>().join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_ends() {
        let schedule: RetrySchedule = "0.2, 5,300".parse().unwrap();
        assert_eq!(schedule.pause_after(1), Some(TimeDelta::milliseconds(200)));
        assert_eq!(schedule.pause_after(3), Some(TimeDelta::minutes(5)));
        assert_eq!(schedule.pause_after(4), None);
        assert_eq!(schedule.pause_after(0), None);
        assert_eq!(String::from(schedule), "0.2,5,300");
    }

    #[test]
    fn an_empty_schedule_is_one_attempt() {
        assert_eq!("".parse::<RetrySchedule>().unwrap().pause_after(1), None);
    }

    #[test]
    fn nonsense_is_named() {
        for bad in ["soon", "-1", "1e300", "NaN", "inf"] {
            let error = format!("5,{bad}").parse::<RetrySchedule>().unwrap_err();
            assert!(error.contains(bad), "{error}");
        }
    }
}
