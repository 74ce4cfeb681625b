//! Services that get tokens for themselves (RFC 6749 §4.4), as the configuration lists them.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Digest, SHA256, digest};

use crate::config;

/// 32 characters of hexadecimal digits are 128 random bits.
const SHORTEST_SECRET: usize = 32;

/// All clients; clones share them.
#[derive(Clone)]
pub struct Clients {
    known: Arc<BTreeMap<String, Known>>,
    /// What an unknown client's secret is compared with, so that it takes as long as a known one's.
    nobody: Digest,
}

struct Known {
    secret: Digest,
    scopes: Vec<String>,
}

/// A setting of `[clients]` that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "setting `clients.{client}.secret`: must have 32 characters or more of A-Z a-z 0-9 - . _ ~"
)]
pub struct ClientsError {
    client: String,
}

/// A client that has proved who it is.
#[derive(Debug)]
pub struct TokenClient<'a> {
    /// Its name: the `sub` and `client_id` of its tokens.
    pub name: &'a str,
    scopes: &'a [String],
}

impl Clients {
    /// Reads the settings.
    pub fn new(settings: &BTreeMap<String, config::Client>) -> Result<Self, ClientsError> {
        let mut known = BTreeMap::new();
        for (name, client) in settings {
            let secret = client.secret.expose();
            // OAuth form-encodes the secret before it goes into the Authorization header, plain Basic does not.
            // These characters are the same in both.
            let is_unreserved =
                secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
            if secret.len() < SHORTEST_SECRET || !is_unreserved {
                return Err(ClientsError { client: name.clone() });
            }
            let scopes = client.scope.split_whitespace().map(str::to_owned).collect();
            known
                .insert(name.clone(), Known { secret: digest(&SHA256, secret.as_bytes()), scopes });
        }
        Ok(Self { known: Arc::new(known), nobody: digest(&SHA256, b"") })
    }

    /// The client called `name`, if `secret` is its secret. How long the answer takes says neither whether there is
    /// such a client nor how much of the secret is right.
    pub fn authenticate(&self, name: &str, secret: &str) -> Option<TokenClient<'_>> {
        let found = self.known.get_key_value(name);
        let expected = found.map_or(&self.nobody, |(_, known)| &known.secret);
        let given = digest(&SHA256, secret.as_bytes());
        let is_right = verify_slices_are_equal(expected.as_ref(), given.as_ref()).is_ok();
        found.filter(|_| is_right).map(|(name, known)| TokenClient { name, scopes: &known.scopes })
    }
}

impl TokenClient<'_> {
    /// The scope of a new token: what was asked for, or everything that the client may have when nothing was.
    /// `None` when something was asked for that the client may not have.
    pub fn grant(&self, requested: Option<&str>) -> Option<String> {
        let Some(requested) = requested else { return Some(self.scopes.join(" ")) };
        let requested: Vec<_> = requested.split_whitespace().collect();
        let is_allowed =
            requested.iter().all(|scope| self.scopes.iter().any(|allowed| allowed == scope));
        is_allowed.then(|| requested.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use chassis::config::Secret;

    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn clients(secret: &str) -> Result<Clients, ClientsError> {
        let client = config::Client {
            secret: Secret::new(secret),
            scope: "stock:reserve stock:read".to_owned(),
        };
        Clients::new(&BTreeMap::from([("orders".to_owned(), client)]))
    }

    #[test]
    fn only_the_right_secret_of_a_known_client_is_accepted() {
        let clients = clients(SECRET).unwrap();
        assert_eq!(clients.authenticate("orders", SECRET).unwrap().name, "orders");
        for (name, secret) in
            [("orders", ""), ("orders", "0123"), ("nobody", SECRET), ("nobody", ""), ("", "")]
        {
            assert!(clients.authenticate(name, secret).is_none(), "{name}:{secret}");
        }
    }

    #[test]
    fn a_client_gets_no_more_than_it_may_have() {
        let clients = clients(SECRET).unwrap();
        let orders = clients.authenticate("orders", SECRET).unwrap();
        assert_eq!(orders.grant(None).unwrap(), "stock:reserve stock:read");
        assert_eq!(orders.grant(Some("stock:read")).unwrap(), "stock:read");
        assert_eq!(orders.grant(Some("stock:read refunds:make")), None);
    }

    #[test]
    fn a_secret_that_is_short_or_reads_in_two_ways_is_refused_at_the_start() {
        assert!(clients("short").is_err());
        assert!(clients("0123456789abcdef0123456789abcde+").is_err());
    }
}
