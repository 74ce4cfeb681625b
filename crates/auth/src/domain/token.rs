//! Opaque tokens: 256 random bits that mean nothing until they are looked up.
//!
//! Whoever holds one may use it, so we keep only its SHA-256. Look-ups compare hashes: what the time of a comparison
//! could give away is something about a hash, from which nothing leads back to a token.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::error::Unspecified;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// A token as its holder has it. Printing it shows a mask.
#[derive(Clone, PartialEq, Eq)]
pub struct OpaqueToken([u8; 32]);

/// What we keep of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl OpaqueToken {
    /// A new one, from the system's source of randomness.
    pub fn generate() -> Result<Self, Unspecified> {
        let mut bytes = [0; 32];
        aws_lc_rs::rand::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// A token made of given bytes: see [`crate::vault::Vault::successor`].
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads what [`Self::expose`] wrote; anything else was never a token of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The token itself, for its holder.
    pub fn expose(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The bytes, to derive another token from.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What is kept of it.
    pub fn hash(&self) -> TokenHash {
        let mut hash = [0; 32];
        // SHA-256 has 32 bytes, so all of both are copied.
        for (to, from) in hash.iter_mut().zip(digest(&SHA256, &self.0).as_ref()) {
            *to = *from;
        }
        TokenHash(hash)
    }
}

impl fmt::Debug for OpaqueToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("OpaqueToken(***)")
    }
}

impl TokenHash {
    /// As it is stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_nothing_else_does() {
        let token = OpaqueToken::generate().unwrap();
        assert_eq!(OpaqueToken::parse(&token.expose()), Some(token.clone()));
        for text in [
            "",
            "abc",
            &token.expose()[1..],
            &format!("{}A", token.expose()),
            &format!("{}=", token.expose()),
        ] {
            assert_eq!(OpaqueToken::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_hash_is_sha_256_of_the_bytes() {
        let hash = OpaqueToken::from_bytes([0; 32]).hash();
        assert_eq!(
            hex::encode(hash.as_bytes()),
            "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"
        );
    }

    #[test]
    fn printing_masks() {
        assert_eq!(format!("{:?}", OpaqueToken::from_bytes([7; 32])), "OpaqueToken(***)");
    }
}
