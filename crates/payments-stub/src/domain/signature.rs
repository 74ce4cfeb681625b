//! The signature on a webhook: `t=<seconds>,v1=<HMAC-SHA256 of "<t>.<body>">`.
//!
//! The key is the whole secret, `whsec_` included. The time is signed with the body, so that a receiver can refuse an
//! old delivery that somebody recorded; each attempt is signed anew, so that an honest late one is not refused.

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The value of the header `Stripe-Signature` for `body` sent at `at`: one signature for each secret that is in force.
/// While a secret is changed there are two, and a receiver accepts whichever it knows.
pub fn sign(secrets: &[&str], at: DateTime<Utc>, body: &[u8]) -> String {
    let seconds = at.timestamp();
    secrets.iter().fold(format!("t={seconds}"), |header, secret| {
        let digest = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map(|mac| {
            let signed = mac.chain_update(format!("{seconds}.")).chain_update(body);
            hex::encode(signed.finalize().into_bytes())
        });
        // HMAC takes keys of any length, so there is always a digest.
        format!("{header},v1={}", digest.unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with OpenSSL: `printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac whsec_test`.
    #[test]
    fn it_is_the_signature_that_others_compute() {
        let at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        assert_eq!(
            sign(&["whsec_test"], at, br#"{"a":1}"#),
            "t=1700000000,v1=38877139021993b830af32feea6e18a8da83eb2f6e49ee50bd9e4cf4ca4d3789"
        );
    }
}
