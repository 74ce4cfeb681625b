//! What the master key is for: sealing signing keys, and deriving the successors of refresh tokens.
//!
//! Each purpose has a key of its own, derived from the master key (HKDF, RFC 5869), so that nothing that is learnt
//! about one helps against the other.

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{hkdf, hmac};
use chassis::config::Secret;

use crate::domain::OpaqueToken;

/// The derived keys; clones share them.
#[derive(Clone)]
pub struct Vault {
    sealing: Arc<RandomizedNonceKey>,
    successors: hmac::Key,
}

/// `keys.master_key` cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "setting `keys.master_key`: must be 64 hexadecimal digits, such as `openssl rand -hex 32` prints"
)]
pub struct InvalidMasterKey;

/// A sealed value was not sealed by this vault, or not under this name.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot be opened: `keys.master_key` is not the key that it was sealed with, or somebody has changed it"
)]
pub struct NotOpened;

impl Vault {
    /// Derives the keys.
    pub fn new(master_key: &Secret) -> Result<Self, InvalidMasterKey> {
        let master = hex::decode(master_key.expose())
            .ok()
            .filter(|key| key.len() == 32)
            .ok_or(InvalidMasterKey)?;
        Self::derive(&master).map_err(|Unspecified| InvalidMasterKey)
    }

    fn derive(master: &[u8]) -> Result<Self, Unspecified> {
        let master = hkdf::Salt::none(hkdf::HKDF_SHA256).extract(master);
        let mut sealing = [0; 32];
        master.expand(&[b"signing keys"], hkdf::HKDF_SHA256)?.fill(&mut sealing)?;
        let sealing = RandomizedNonceKey::new(&AES_256_GCM, &sealing)?;
        let successors =
            master.expand(&[b"refresh tokens"], hkdf::HKDF_SHA256.hmac_algorithm())?.into();
        Ok(Self { sealing: Arc::new(sealing), successors })
    }

    /// Encrypts `plain` so that it can be opened only under the same `name`: nonce, ciphertext, tag.
    pub fn seal(&self, name: &str, plain: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let mut ciphertext = plain.to_vec();
        let nonce = self.sealing.seal_in_place_append_tag(Aad::from(name), &mut ciphertext)?;
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut ciphertext);
        Ok(sealed)
    }

    /// Decrypts what [`Self::seal`] made.
    pub fn open(&self, name: &str, sealed: &[u8]) -> Result<Vec<u8>, NotOpened> {
        let (nonce, ciphertext) = sealed.split_at_checked(NONCE_LEN).ok_or(NotOpened)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|Unspecified| NotOpened)?;
        let mut ciphertext = ciphertext.to_vec();
        let plain = self.sealing.open_in_place(nonce, Aad::from(name), &mut ciphertext);
        plain.map(|plain| plain.to_vec()).map_err(|Unspecified| NotOpened)
    }

    /// The one token that may follow `token`.
    ///
    /// It is computed, not drawn: a client that has lost our answer gets the very same successor again, although we
    /// keep nothing of it but a hash. Without our key nobody can compute it, not even from the token before it.
    pub fn successor(&self, token: &OpaqueToken) -> OpaqueToken {
        let mut bytes = [0; 32];
        for (to, from) in
            bytes.iter_mut().zip(hmac::sign(&self.successors, token.as_bytes()).as_ref())
        {
            *to = *from;
        }
        OpaqueToken::from_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(digit: &str) -> Vault {
        Vault::new(&Secret::new(digit.repeat(64))).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_under_its_own_name_and_key_alone() {
        let sealed = vault("1").seal("name", b"secret").unwrap();
        assert_eq!(vault("1").open("name", &sealed).unwrap(), b"secret");
        assert!(vault("1").open("other name", &sealed).is_err());
        assert!(vault("2").open("name", &sealed).is_err());
        assert!(vault("1").open("name", &sealed[1..]).is_err());
        assert!(vault("1").open("name", b"short").is_err());
    }

    #[test]
    fn sealing_twice_makes_two_ciphertexts() {
        assert_ne!(
            vault("1").seal("name", b"secret").unwrap(),
            vault("1").seal("name", b"secret").unwrap()
        );
    }

    #[test]
    fn a_successor_is_the_same_every_time_and_needs_the_key() {
        let token = OpaqueToken::from_bytes([7; 32]);
        assert_eq!(vault("1").successor(&token), vault("1").successor(&token));
        assert_ne!(vault("1").successor(&token), vault("2").successor(&token));
        assert_ne!(vault("1").successor(&token), token);
    }

    #[test]
    fn a_master_key_that_is_too_short_or_not_hexadecimal_is_refused() {
        for key in ["0".repeat(63), "0".repeat(62), "0".repeat(66), "x".repeat(64)] {
            assert!(Vault::new(&Secret::new(key)).is_err());
        }
    }
}
