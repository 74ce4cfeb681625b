//! What people type: an address and a password, checked once, at the edge.
//!
//! The rules for passwords are NIST's (SP 800-63B-4 §3.1.1.2): long, any characters, no rules about which; refused are
//! those that everybody tries first. There is no rotation, no hint, and pasting is welcome.

use std::fmt;

use chassis::config::Secret;
use unicode_normalization::UnicodeNormalization as _;

/// RFC 5321 §4.5.3.1.3 leaves 254 characters for an address.
const LONGEST_EMAIL: usize = 254;
/// The shortest password that may stand alone, in code points.
pub const SHORTEST_PASSWORD: usize = 15;
/// The longest, in code points: room for any passphrase, and an end to it.
pub const LONGEST_PASSWORD: usize = 256;
/// Passwords that are long enough and tried first all the same, one a line, in lower case.
const BLOCKLIST: &str = include_str!("blocklist.txt");
/// Our own name comes to everybody's mind who chooses a password here.
const OUR_NAME: &str = "backbone";
/// A shorter part of an address stands in too many innocent passwords.
const SHORTEST_CONTEXT: usize = 4;

/// An address: trimmed, in lower case, so that two spellings are one person. Printing it shows a mask.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Reads what a person typed.
    pub fn parse(text: &str) -> Option<Self> {
        let email = text.trim().to_lowercase();
        let (local, domain) = email.split_once('@')?;
        let is_dotted_well =
            !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
        // A domain without a dot, or an address literal such as `[10.0.0.7]`, names a machine of ours, not a mailbox
        // of a customer's: nobody may aim our mail at it.
        let is_public = domain.contains('.') && !domain.starts_with('[');
        let is_valid =
            email.len() <= LONGEST_EMAIL && garde::rules::email::parse_email(&email).is_ok();
        (is_valid && is_dotted_well && is_public).then_some(Self(email))
    }

    /// An address that was checked when it was stored.
    pub fn from_store(text: String) -> Self {
        Self(text)
    }

    /// The address itself: for the database and the mail, never for a log.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the `@`, without what some providers let people add after a `+`.
    fn name(&self) -> &str {
        let local = self.0.split('@').next().unwrap_or_default();
        local.split('+').next().unwrap_or_default()
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Email(***)")
    }
}

/// A password in Unicode's form NFKC, so that it is the same on every keyboard. Printing it shows a mask.
#[derive(Clone)]
pub struct Password(Secret);

impl Password {
    /// What somebody offers as the password of an account that exists.
    pub fn offered(text: &str) -> Self {
        Self(Secret::new(text.nfkc().collect::<String>()))
    }

    /// What somebody wants as a password from now on. `email` is what their address would be.
    pub fn choose(text: &str, email: Option<&Email>) -> Result<Self, &'static str> {
        let password = Self::offered(text);
        let length = password.expose().chars().count();
        if length < SHORTEST_PASSWORD {
            return Err(
                "must have at least 15 characters: a few words that you make up are easy to remember",
            );
        }
        if length > LONGEST_PASSWORD {
            return Err("must have at most 256 characters");
        }
        let lower = password.expose().to_lowercase();
        if BLOCKLIST.lines().any(|common| common == lower) {
            return Err("is one of the first that everybody tries");
        }
        let name = email.map(Email::name).filter(|name| name.chars().count() >= SHORTEST_CONTEXT);
        if lower.contains(OUR_NAME) || name.is_some_and(|name| lower.contains(name)) {
            return Err("must not contain the name of the shop or of your address");
        }
        Ok(password)
    }

    /// The password itself, for hashing.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(***)")
    }
}

/// One fault of what a person typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The field's name.
    pub field: &'static str,
    /// What is wrong with it, for the person.
    pub detail: &'static str,
}

/// Every fault of a sign-up.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sign-up has {} faults", .0.len())]
pub struct InvalidSignUp(pub Vec<Fault>);

/// An address and a password for a new account.
#[derive(Clone, Debug)]
pub struct SignUp {
    /// Where the link goes.
    pub email: Email,
    /// What the account is opened with.
    pub password: Password,
}

impl SignUp {
    /// Checks both, and names all faults at once.
    pub fn parse(email: &str, password: &str) -> Result<Self, InvalidSignUp> {
        let email = Email::parse(email);
        let password = Password::choose(password, email.as_ref());
        match (email, password) {
            (Some(email), Ok(password)) => Ok(Self { email, password }),
            (email, password) => {
                let email = email
                    .is_none()
                    .then_some(Fault { field: "email", detail: "is not a mail address" });
                let password = password.err().map(|detail| Fault { field: "password", detail });
                Err(InvalidSignUp(email.into_iter().chain(password).collect()))
            }
        }
    }
}

#[cfg(test)]
mod tests;
