//! A service's own identity: the client credentials grant (RFC 6749 §4.4), with the token kept until it nears its end.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::client::{self, CallError, Client, ClientSetupError};
use crate::clock::Clock;
use crate::config::Secret;
use crate::metrics::Metrics;

/// Who this service is to the issuer.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialsSettings {
    /// The name that the issuer knows.
    pub client_id: String,
    /// The secret that the issuer knows.
    pub client_secret: Secret,
    /// What to ask for, separated by spaces.
    pub scope: String,
    /// How to reach the issuer.
    pub issuer: client::Settings,
}

/// Gets access tokens for this service and keeps them; clones share them.
#[derive(Clone)]
pub struct ClientCredentials {
    client: Client,
    settings: Arc<CredentialsSettings>,
    clock: Clock,
    current: Arc<Mutex<Option<Current>>>,
}

struct Current {
    token: Secret,
    renew_at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    expires_in: i64,
}

impl ClientCredentials {
    /// Nothing is asked for yet.
    pub fn new(
        settings: &CredentialsSettings,
        metrics: &Metrics,
        clock: Clock,
    ) -> Result<Self, ClientSetupError> {
        let client = Client::new("auth", &settings.issuer, metrics)?;
        Ok(Self { client, settings: Arc::new(settings.clone()), clock, current: Arc::default() })
    }

    /// A token that is good for at least a fifth of its lifetime.
    pub async fn token(&self) -> Result<Secret, CallError> {
        // Holding the lock while asking makes simultaneous callers share one answer.
        let mut current = self.current.lock().await;
        let now = self.clock.now();
        if let Some(current) = current.as_ref().filter(|current| now < current.renew_at) {
            return Ok(current.token.clone());
        }
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("scope", &self.settings.scope)
            .finish();
        let call = self.client.post("/v1/tokens").form(form);
        let answer = call
            .basic(&self.settings.client_id, self.settings.client_secret.expose())
            .send()
            .await?;
        let answer: TokenAnswer =
            answer.json().map_err(|error| CallError::unreadable("auth", error))?;
        let token = Secret::new(answer.access_token);
        let renew_at = now + TimeDelta::seconds(answer.expires_in) * 4 / 5;
        *current = Some(Current { token: token.clone(), renew_at });
        Ok(token)
    }
}
