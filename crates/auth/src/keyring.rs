//! The keys that sign access tokens: made once, sealed, shared by all replicas through the database.

use std::sync::{Arc, OnceLock};

use anyhow::Context as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use chassis::db::Database;
use chassis::identity::{Claims, KeySource};
use chrono::{DateTime, Utc};
use diesel_async::AsyncConnection as _;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};

use crate::store;
use crate::store::keys::NewKey;
use crate::vault::Vault;

/// The `typ` of an access token (RFC 9068): no other kind of JWT can be mistaken for one.
const ACCESS_TOKEN_TYPE: &str = "at+jwt";

/// Signs access tokens; clones share the key.
#[derive(Clone)]
pub struct Keyring {
    vault: Vault,
    signer: Arc<OnceLock<Signer>>,
}

struct Signer {
    kid: String,
    key: EncodingKey,
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The service listens already, but its start has not got to the key.
    #[error("the signing key is not there yet")]
    NotReady,
    /// The key does not sign.
    #[error("the signing key does not sign: {0}")]
    Broken(#[from] jsonwebtoken::errors::Error),
}

impl Keyring {
    /// A keyring without a key: see [`Self::load`].
    pub fn new(vault: Vault) -> Self {
        Self { vault, signer: Arc::default() }
    }

    /// Takes the signing key out of the database; makes one when there is none.
    ///
    /// Replicas that start together take turns: the first makes a key, the others find it.
    pub async fn load(&self, database: &Database, now: DateTime<Utc>) -> anyhow::Result<()> {
        let mut connection = database.get_patiently().await;
        let signer = connection.transaction(async |tx| -> anyhow::Result<Signer> {
            store::keys::take_turn(tx).await?;
            if let Some((kid, sealed)) = store::keys::find_signing(tx).await? {
                let private = self
                    .vault
                    .open(&kid, &sealed)
                    .with_context(|| format!("the signing key {kid}"))?;
                return Ok(Signer { kid, key: EncodingKey::from_ec_der(&private) });
            }
            let (new, signer) = generate(&self.vault)?;
            store::keys::insert_signing(tx, &new, now).await?;
            tracing::info!(kid = signer.kid, "a signing key was made");
            Ok(signer)
        });
        // It is empty: the start runs once.
        let _ = self.signer.set(signer.await?);
        Ok(())
    }

    /// Makes an access token.
    pub fn sign(&self, claims: &Claims) -> Result<String, SignError> {
        let signer = self.signer.get().ok_or(SignError::NotReady)?;
        let header = Header {
            typ: Some(ACCESS_TOKEN_TYPE.to_owned()),
            kid: Some(signer.kid.clone()),
            ..Header::new(Algorithm::ES256)
        };
        Ok(jsonwebtoken::encode(&header, claims, &signer.key)?)
    }
}

fn generate(vault: &Vault) -> anyhow::Result<(NewKey, Signer)> {
    let private =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map_err(anyhow::Error::msg)?;
    let key = EncodingKey::from_ec_der(private.as_ref());
    let mut public_jwk = Jwk::from_encoding_key(&key, Algorithm::ES256)?;
    let kid = public_jwk.thumbprint(ThumbprintHash::SHA256)?;
    public_jwk.common.key_id = Some(kid.clone());
    public_jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    let sealed_private = vault.seal(&kid, private.as_ref()).map_err(anyhow::Error::msg)?;
    let public_jwk = serde_json::to_value(public_jwk)?;
    Ok((NewKey { kid: kid.clone(), public_jwk, sealed_private }, Signer { kid, key }))
}

/// The published keys, straight from the table: what other services fetch, and what our own verifier reads.
pub async fn published(database: &Database) -> anyhow::Result<JwkSet> {
    let mut connection = database.get().await?;
    let keys = store::keys::list_public(&mut connection).await?;
    Ok(JwkSet { keys: keys.into_iter().map(serde_json::from_value).collect::<Result<_, _>>()? })
}

/// [`published`], as our own verifier wants it.
pub fn source(database: Database) -> KeySource {
    Arc::new(move || {
        let database = database.clone();
        Box::pin(async move { published(&database).await })
    })
}
