//! The issuer's published keys (a JWK set, RFC 7517), cached.
//!
//! A key id that is not in the set makes us ask again, because keys rotate; but at most once every 30 seconds,
//! because anybody can invent key ids. When the issuer does not answer, the keys that we have go on being good:
//! people who are signed in stay signed in while it is down.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use jsonwebtoken::jwk::{Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use tokio::sync::RwLock;

use super::Settings;
use crate::client::{self, Client, ClientSetupError};
use crate::metrics::Metrics;

const LIFETIME: TimeDelta = TimeDelta::minutes(10);
const BETWEEN_REFETCHES: TimeDelta = TimeDelta::seconds(30);
const AFTER_FAILURE: TimeDelta = TimeDelta::seconds(1);

/// Where a JWK set comes from: another service, or, in the issuer itself, its own database.
pub type KeySource = Arc<dyn Fn() -> BoxFuture<'static, anyhow::Result<JwkSet>> + Send + Sync>;

/// No key can be had: the set was never fetched and the issuer does not answer.
#[derive(Debug, thiserror::Error)]
#[error("the issuer's keys cannot be had: {0:#}")]
pub struct KeysUnavailable(anyhow::Error);

/// A cached JWK set; clones share it.
#[derive(Clone)]
pub struct Keys {
    source: KeySource,
    cached: Arc<RwLock<Option<Cached>>>,
}

struct Cached {
    keys: Vec<(String, Key)>,
    fetched: DateTime<Utc>,
    next_try: DateTime<Utc>,
}

/// One key, and the one algorithm that it may be used with.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) key: DecodingKey,
    pub(super) algorithm: Algorithm,
}

impl Keys {
    /// Keys from any source.
    pub fn new(source: KeySource) -> Self {
        Self { source, cached: Arc::default() }
    }

    /// Keys that the issuer publishes at `settings.jwks_url`.
    pub fn remote(settings: &Settings, metrics: &Metrics) -> Result<Self, ClientSetupError> {
        let settings = client::Settings {
            base_url: settings.jwks_url.clone(),
            connect_timeout_ms: 1000,
            timeout_ms: 2000,
            retries: 1,
        };
        let client = Client::new("auth", &settings, metrics)?;
        Ok(Self::new(Arc::new(move || {
            let client = client.clone();
            Box::pin(async move { Ok(client.get("").send().await?.json()?) })
        })))
    }

    /// The key named `kid`, fetching the set when it is missing, old, or does not have it.
    pub(super) async fn find(
        &self,
        kid: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Key>, KeysUnavailable> {
        if let Known::Answer(key) = known(self.cached.read().await.as_ref(), kid, now) {
            return Ok(key);
        }
        // One task fetches; the others wait for the lock and find its result.
        let mut slot = self.cached.write().await;
        if let Known::Answer(key) = known(slot.as_ref(), kid, now) {
            return Ok(key);
        }
        match (self.source)().await {
            Ok(set) => {
                let keys = set.keys.iter().filter_map(usable).collect();
                let cached =
                    slot.insert(Cached { keys, fetched: now, next_try: now + BETWEEN_REFETCHES });
                Ok(cached.find(kid))
            }
            Err(error) => match slot.as_mut() {
                Some(cached) => {
                    tracing::warn!(
                        cause = format!("{error:#}"),
                        "the issuer's keys could not be refreshed"
                    );
                    cached.next_try = now + AFTER_FAILURE;
                    Ok(cached.find(kid))
                }
                None => Err(KeysUnavailable(error)),
            },
        }
    }
}

/// What the cached set says about a key id.
enum Known {
    /// This, and there is no need to ask the issuer.
    Answer(Option<Key>),
    /// Nothing reliable.
    AskIssuer,
}

fn known(cached: Option<&Cached>, kid: &str, now: DateTime<Utc>) -> Known {
    let Some(cached) = cached else { return Known::AskIssuer };
    let found = cached.find(kid);
    let is_fresh = now < cached.fetched + LIFETIME && found.is_some();
    if is_fresh || now < cached.next_try { Known::Answer(found) } else { Known::AskIssuer }
}

impl Cached {
    fn find(&self, kid: &str) -> Option<Key> {
        self.keys.iter().find(|(id, _)| id == kid).map(|(_, key)| key.clone())
    }
}

/// A key that signs, with an algorithm that we accept; any other key in the set is none of our business.
fn usable(jwk: &Jwk) -> Option<(String, Key)> {
    if jwk.common.public_key_use.as_ref().is_some_and(|usage| *usage != PublicKeyUse::Signature) {
        return None;
    }
    let algorithm = match jwk.common.key_algorithm? {
        KeyAlgorithm::ES256 => Algorithm::ES256,
        KeyAlgorithm::EdDSA => Algorithm::EdDSA,
        _ => return None,
    };
    let key = DecodingKey::from_jwk(jwk).ok()?;
    Some((jwk.common.key_id.clone()?, Key { key, algorithm }))
}
