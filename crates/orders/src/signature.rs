//! The gateway's signature on its webhooks: `Stripe-Signature: t=<unix seconds>,v1=<hex>[,v1=<hex>]`.
//!
//! `v1` is HMAC-SHA256 over `<t>.<the exact bytes of the body>` with the whole secret, prefix included. Two `v1`s stand
//! there while a secret is being replaced. (<https://docs.stripe.com/webhooks#verify-manually>)

use chassis::config::Secret;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Why a webhook is not believed. All are answered alike; the difference is for our own metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forged {
    /// No header, or one that has no `t`, two of them, or no `v1`.
    Header,
    /// Too old or too new: a recording that is played again, or a clock that is wrong.
    Time,
    /// Not signed with our secret over these bytes.
    Signature,
}

/// Checks the signature of `body`.
pub fn verify(
    header: Option<&str>,
    body: &[u8],
    secret: &Secret,
    now: i64,
    tolerance_seconds: i64,
) -> Result<(), Forged> {
    let (time, signatures) = header.and_then(parse).ok_or(Forged::Header)?;
    // Both ways: a time in the future would otherwise make a signature that can be replayed until then.
    if now.saturating_sub(time).saturating_abs() > tolerance_seconds {
        return Err(Forged::Time);
    }
    let mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes());
    // HMAC takes keys of any length.
    let mut mac = mac.ok().ok_or(Forged::Signature)?;
    mac.update(format!("{time}.").as_bytes());
    mac.update(body);
    // `verify_slice` compares in constant time.
    let is_ours = |signature: &Vec<u8>| mac.clone().verify_slice(signature).is_ok();
    if signatures.iter().any(is_ours) { Ok(()) } else { Err(Forged::Signature) }
}

fn parse(header: &str) -> Option<(i64, Vec<Vec<u8>>)> {
    let (mut time, mut signatures) = (None, Vec::new());
    for part in header.split(',') {
        match part.trim().split_once('=')? {
            ("t", _) if time.is_some() => return None,
            ("t", value) => time = Some(value.parse().ok()?),
            ("v1", value) => signatures.push(hex::decode(value).ok()?),
            // Older schemes, such as v0, prove nothing.
            _ => {}
        }
    }
    Some((time?, signatures)).filter(|(_, signatures)| !signatures.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"id":"evt_1"}"#;
    const NOW: i64 = 1_800_000_000;

    fn sign(secret: &str, time: i64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{time}.").as_bytes());
        mac.update(body);
        hex::encode(mac.finalize().into_bytes())
    }

    fn check(header: &str, body: &[u8]) -> Result<(), Forged> {
        verify(Some(header), body, &Secret::new("whsec_right"), NOW, 300)
    }

    #[test]
    fn the_gateways_signature_is_accepted_also_beside_another() {
        let good = sign("whsec_right", NOW, BODY);
        let other = sign("whsec_old", NOW, BODY);
        assert_eq!(check(&format!("t={NOW},v1={good}"), BODY), Ok(()));
        assert_eq!(check(&format!("t={NOW},v1={other},v1={good}"), BODY), Ok(()));
    }

    #[test]
    fn the_tolerance_ends_on_both_sides() {
        for (age, expected) in
            [(300, Ok(())), (-300, Ok(())), (301, Err(Forged::Time)), (-301, Err(Forged::Time))]
        {
            let time = NOW - age;
            let header = format!("t={time},v1={}", sign("whsec_right", time, BODY));
            assert_eq!(check(&header, BODY), expected, "{age}");
        }
    }

    #[test]
    fn everything_else_is_forged() {
        let good = sign("whsec_right", NOW, BODY);
        let wrong = sign("whsec_wrong", NOW, BODY);
        for (header, expected) in [
            (format!("t={NOW},v1={wrong}"), Forged::Signature),
            (format!("t={NOW},v0={good}"), Forged::Header),
            (format!("v1={good}"), Forged::Header),
            (format!("t={NOW}"), Forged::Header),
            (format!("t={NOW},t={NOW},v1={good}"), Forged::Header),
            (format!("t={NOW},v1=nonsense"), Forged::Header),
            (format!("t={},v1={good}", NOW - 1), Forged::Signature),
            (String::new(), Forged::Header),
        ] {
            assert_eq!(check(&header, BODY), Err(expected), "{header}");
        }
        assert_eq!(
            check(&format!("t={NOW},v1={good}"), br#"{"id":"evt_2"}"#),
            Err(Forged::Signature)
        );
        assert_eq!(verify(None, BODY, &Secret::new("whsec_right"), NOW, 300), Err(Forged::Header));
    }
}
