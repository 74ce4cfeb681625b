//! Identifiers in Stripe's form: a prefix that says what it names, and random letters and digits.

use uuid::Uuid;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Longer than any that we make; what is longer names nothing.
const LONGEST: usize = 64;

/// 22 letters and digits that nobody can guess: the 122 random bits of a version 4 UUID, in base 62.
pub fn random_alphanumerics() -> String {
    let mut rest = Uuid::new_v4().as_u128();
    let digits = std::iter::repeat_with(|| {
        let digit = usize::try_from(rest % 62).unwrap_or(0);
        rest /= 62;
        char::from(ALPHABET.get(digit).copied().unwrap_or(b'0'))
    });
    digits.take(22).collect()
}

/// Whether `text` is `<prefix>_<letters and digits>`: anything else need not bother the database.
fn has_form(text: &str, prefix: &str) -> bool {
    let rest = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_'));
    text.len() <= LONGEST
        && rest.is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

macro_rules! object_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// A new one.
            pub fn generate() -> Self {
                Self(format!(concat!($prefix, "_{}"), random_alphanumerics()))
            }

            /// What a client sent, if it can be one.
            pub fn parse(text: &str) -> Option<Self> {
                has_form(text, $prefix).then(|| Self(text.to_owned()))
            }

            /// What this service wrote into its own database.
            pub fn stored(text: String) -> Self {
                Self(text)
            }

            /// As it stands on the wire and in the database.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

object_id!(
    /// Names a PaymentIntent.
    PaymentIntentId, "pi"
);
object_id!(
    /// Names a charge.
    ChargeId, "ch"
);
object_id!(
    /// Names a refund.
    RefundId, "re"
);
object_id!(
    /// Names an event.
    EventId, "evt"
);
object_id!(
    /// Names a webhook endpoint.
    EndpointId, "we"
);
object_id!(
    /// Names a request: what a client quotes when it asks what happened.
    RequestId, "req"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_identifier_has_the_form_that_is_accepted() {
        let id = ChargeId::generate();
        assert_eq!(ChargeId::parse(id.as_str()), Some(id));
    }

    #[test]
    fn what_names_something_else_or_nothing_is_refused() {
        let long = format!("ch_{}", "a".repeat(62));
        for text in
            ["", "ch", "ch_", "ch_a b", "ch_a\0", "ch_ä", "pi_abc", "chabc", "ch__a", long.as_str()]
        {
            assert_eq!(ChargeId::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn two_are_never_the_same() {
        assert_ne!(random_alphanumerics(), random_alphanumerics());
    }
}
