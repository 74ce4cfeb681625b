//! Which requests a fault or a barrier is about.

use std::collections::BTreeMap;

use actix_web::http::Method;
use garde::Validate;
use serde::{Deserialize, Serialize};

/// Longer than any path of this gateway.
const LONGEST_PATH: usize = 200;
/// As much as metadata itself may have.
const MOST_ENTRIES: usize = 50;

/// Which requests; what is absent does not matter.
#[derive(Clone, Debug, Default, Deserialize, Serialize, Validate)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// `GET`, `POST`, `DELETE`.
    #[garde(inner(custom(|value, _context| is_method(value))))]
    pub method: Option<String>,
    /// `/v1/payment_intents/*/confirm`: a star stands for one segment, whatever it is.
    #[garde(inner(custom(|value, _context| is_pattern(value))))]
    pub path: Option<String>,
    /// Notes that the request brings, or that the PaymentIntent has which it names; all of them.
    #[garde(custom(|value, _context| fits(value)))]
    pub metadata: BTreeMap<String, String>,
    /// Only the how-manieth of them, counted from 1.
    #[garde(range(min = 1))]
    pub nth: Option<u64>,
}

/// What is known of a request.
#[derive(Debug)]
pub struct Facts {
    /// The method.
    pub method: Method,
    /// The path.
    pub path: String,
    /// Each set of notes that the request can be found by: its own, and its PaymentIntent's.
    pub metadata: Vec<BTreeMap<String, String>>,
}

impl Match {
    /// Whether method and path fit: what can be said without reading the body.
    pub fn fits_path(&self, method: &Method, path: &str) -> bool {
        self.method.as_deref().is_none_or(|wanted| wanted == method.as_str())
            && self.path.as_deref().is_none_or(|pattern| fits_pattern(pattern, path))
    }

    /// Whether the body, or the PaymentIntent, has to be looked at.
    pub fn needs_metadata(&self) -> bool {
        !self.metadata.is_empty()
    }

    /// Whether everything fits; `nth` is for those who count.
    pub fn fits(&self, facts: &Facts) -> bool {
        let has_all = |notes: &BTreeMap<String, String>| {
            self.metadata.iter().all(|(key, value)| notes.get(key) == Some(value))
        };
        self.fits_path(&facts.method, &facts.path)
            && (self.metadata.is_empty() || facts.metadata.iter().any(has_all))
    }

    /// Whether the request that was the `count`th to fit is meant.
    pub fn is_nth(&self, count: u64) -> bool {
        self.nth.is_none_or(|nth| nth == count)
    }
}

fn fits_pattern(pattern: &str, path: &str) -> bool {
    let (mut wanted, mut found) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return true,
            (Some("*"), Some(segment)) if !segment.is_empty() => {}
            (Some(wanted), Some(found)) if wanted == found => {}
            _ => return false,
        }
    }
}

fn is_method(method: &str) -> garde::Result {
    let known = [Method::GET, Method::POST, Method::DELETE];
    if known.iter().any(|known| known.as_str() == method) {
        return Ok(());
    }
    Err(garde::Error::new("not GET, POST or DELETE"))
}

fn is_pattern(pattern: &str) -> garde::Result {
    if pattern.len() > LONGEST_PATH {
        return Err(garde::Error::new("too long"));
    }
    if !pattern.starts_with("/v1/") {
        return Err(garde::Error::new("does not start with /v1/"));
    }
    if pattern.split('/').any(|segment| segment.contains('*') && segment != "*") {
        return Err(garde::Error::new("a star stands for a whole segment"));
    }
    Ok(())
}

fn fits(metadata: &BTreeMap<String, String>) -> garde::Result {
    let is_too_long =
        |(key, value): (&String, &String)| key.chars().count() > 40 || value.chars().count() > 500;
    if metadata.len() > MOST_ENTRIES || metadata.iter().any(is_too_long) {
        return Err(garde::Error::new("more than metadata can be"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_star_is_one_segment() {
        let pattern = "/v1/payment_intents/*/confirm";
        assert!(fits_pattern(pattern, "/v1/payment_intents/pi_1/confirm"));
        for other in [
            "/v1/payment_intents//confirm",
            "/v1/payment_intents/pi_1/x/confirm",
            "/v1/payment_intents/pi_1/cancel",
            "/v1/payment_intents/pi_1/confirm/",
            "/v1/payment_intents/pi_1",
        ] {
            assert!(!fits_pattern(pattern, other), "{other}");
        }
    }

    #[test]
    fn notes_fit_when_one_of_the_sets_has_them_all() {
        let wanted = Match { metadata: notes(&[("a", "1"), ("b", "2")]), ..Match::default() };
        let facts = |metadata| Facts { method: Method::GET, path: "/v1/x".to_owned(), metadata };
        assert!(
            wanted.fits(&facts(vec![notes(&[]), notes(&[("a", "1"), ("b", "2"), ("c", "3")])]))
        );
        // Half here and half there is not the same thing.
        assert!(!wanted.fits(&facts(vec![notes(&[("a", "1")]), notes(&[("b", "2")])])));
        assert!(!wanted.fits(&facts(vec![notes(&[("a", "1"), ("b", "3")])])));
        assert!(Match::default().fits(&facts(vec![])));
    }

    #[test]
    fn patterns_that_could_never_fit_are_refused() {
        for bad in ["", "/", "/v2/x", "v1/x", "/v1/pi_*", "/v1/**"] {
            assert!(is_pattern(bad).is_err(), "{bad}");
        }
        assert!(is_pattern("/v1/*/*").is_ok());
        assert!(is_method("post").is_err() && is_method("PUT").is_err());
    }
}
