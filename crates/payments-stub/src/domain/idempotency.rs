//! What makes two requests the same one: their key, their endpoint and their parameters.

use sha2::{Digest as _, Sha256};

use super::refusal::BadParameter;

const LONGEST: usize = 255;

/// The value of the header `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// A key that fits. An empty one is refused rather than ignored: it is a defect that would charge twice.
    pub fn parse(text: &str) -> Result<Self, BadParameter> {
        if (1..=LONGEST).contains(&text.len())
            && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        {
            return Ok(Self(text.to_owned()));
        }
        let message =
            format!("Idempotency-Key must have 1 to {LONGEST} printable ASCII characters.");
        Err(BadParameter::new("Idempotency-Key", message))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number of the database lock that stands for this key. Two keys that shared a number
    /// would only ask one of two simultaneous clients to try again.
    pub fn lock_number(&self) -> i64 {
        let digest =
            Sha256::new().chain_update(b"idempotency key:").chain_update(&self.0).finalize();
        digest.iter().take(8).fold(0, |number, byte| (number << 8) | i64::from(*byte))
    }
}

/// SHA-256 of a request's parameters, in an order that does not depend on how the client wrote them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// The fingerprint of decoded parameters.
    pub fn of(mut parameters: Vec<(String, String)>) -> Self {
        // By name alone: the order of `expand[]=a&expand[]=b` is part of its meaning.
        parameters.sort_by(|(left, _), (right, _)| left.cmp(right));
        let mut hasher = Sha256::new();
        for (name, value) in &parameters {
            // Lengths keep `a=bc` and `ab=c` apart.
            for text in [name, value] {
                hasher.update(text.len().to_be_bytes());
                hasher.update(text);
            }
        }
        Self(hasher.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(parameters: &[(&str, &str)]) -> Fingerprint {
        Fingerprint::of(
            parameters
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn the_order_of_names_does_not_matter_and_all_else_does() {
        let first = fingerprint(&[("amount", "10"), ("currency", "eur")]);
        assert_eq!(first, fingerprint(&[("currency", "eur"), ("amount", "10")]));
        assert_ne!(first, fingerprint(&[("amount", "11"), ("currency", "eur")]));
        assert_ne!(first, fingerprint(&[("amount", "10")]));
        assert_ne!(fingerprint(&[("a", "bc")]), fingerprint(&[("ab", "c")]));
        assert_ne!(
            fingerprint(&[("a[]", "1"), ("a[]", "2")]),
            fingerprint(&[("a[]", "2"), ("a[]", "1")])
        );
    }

    #[test]
    fn a_key_has_a_length_and_can_be_printed() {
        assert!(IdempotencyKey::parse(&"k".repeat(255)).is_ok());
        for bad in ["", &"k".repeat(256), "line\nbreak", "schlüssel"] {
            assert!(IdempotencyKey::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn different_keys_have_different_locks() {
        let number = |key| IdempotencyKey::parse(key).unwrap().lock_number();
        assert_ne!(number("a"), number("b"));
        assert_eq!(number("a"), number("a"));
    }
}
