//! Webhook endpoints: who wants to know what, and the secret that proves where the news comes from.

use chassis::config::Secret;
use chrono::{DateTime, TimeDelta, Utc};
use url::Url;

use super::event::EventType;
use super::id::{EndpointId, random_alphanumerics};
use super::metadata::{Metadata, MetadataChange};
use super::refusal::BadParameter;

/// As many as Stripe allows; every event is delivered to each.
pub const MOST_ENDPOINTS: i64 = 16;
const LONGEST_URL: usize = 2048;

/// Somebody who wants to know.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Its name.
    pub id: EndpointId,
    /// What it wants.
    pub wish: NewEndpoint,
    /// What its deliveries are signed with.
    pub secret: Secret,
    /// What they were signed with before, and are until this moment, too.
    pub previous: Option<(Secret, DateTime<Utc>)>,
    /// Switched off: nothing that happens from now on is delivered.
    pub disabled: bool,
    /// It belongs to the service's settings, which say where it is and what signs.
    pub configured: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// What a client wants to change about an endpoint; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct EndpointChange {
    /// Where deliveries go.
    pub url: Option<ReceiverUrl>,
    /// Event types, or the single word `*`.
    pub enabled_events: Option<Vec<String>>,
    /// New words about it.
    pub description: Option<String>,
    /// New notes.
    pub metadata: Option<MetadataChange>,
    /// Whether it is switched off.
    pub disabled: Option<bool>,
}

/// What a client asks for.
#[derive(Clone, Debug)]
pub struct NewEndpoint {
    /// Where deliveries go.
    pub url: ReceiverUrl,
    /// Event types, or the single word `*`.
    pub enabled_events: Vec<String>,
    /// The client's words about it.
    pub description: Option<String>,
    /// The client's notes.
    pub metadata: Metadata,
}

impl Endpoint {
    /// A new one with a new secret.
    pub fn new(wish: NewEndpoint, now: DateTime<Utc>) -> Self {
        Self {
            id: EndpointId::generate(),
            wish,
            secret: new_secret(),
            previous: None,
            disabled: false,
            configured: false,
            created_at: now,
        }
    }

    /// Changes what may be changed.
    pub fn update(&mut self, change: EndpointChange) -> Result<(), BadParameter> {
        if self.configured && change.url.is_some() {
            return Err(BadParameter::new("url", BELONGS_TO_SETTINGS));
        }
        if let Some(metadata) = &change.metadata {
            self.wish.metadata = self.wish.metadata.apply(metadata)?;
        }
        if let Some(url) = change.url {
            self.wish.url = url;
        }
        if let Some(events) = change.enabled_events {
            self.wish.enabled_events = events;
        }
        if change.description.is_some() {
            self.wish.description = change.description;
        }
        self.disabled = change.disabled.unwrap_or(self.disabled);
        Ok(())
    }

    /// Gives it a new secret. Until `overlap` has passed, deliveries are signed with the old one as well, so that the
    /// receiver can be changed in its own time.
    pub fn roll(&mut self, overlap: TimeDelta, now: DateTime<Utc>) -> Result<(), BadParameter> {
        const PARAM: &str = "overlap_seconds";
        if self.configured {
            return Err(BadParameter::new(PARAM, BELONGS_TO_SETTINGS));
        }
        let runs = self.previous.as_ref().is_some_and(|(_, expires_at)| now < *expires_at);
        if runs && overlap > TimeDelta::zero() {
            let message = "The secret before this one still signs, as the last roll promised. Wait, or roll without \
                           an overlap, which ends both at once.";
            return Err(BadParameter::new(PARAM, message));
        }
        let old = std::mem::replace(&mut self.secret, new_secret());
        self.previous = (overlap > TimeDelta::zero()).then(|| (old, now + overlap));
        Ok(())
    }
}

const BELONGS_TO_SETTINGS: &str = "This endpoint belongs to the gateway's settings: change webhooks.url and webhooks.secret there.";

fn new_secret() -> Secret {
    Secret::new(format!("whsec_{}{}", random_alphanumerics(), random_alphanumerics()))
}

/// An address that deliveries may go to.
///
/// Private addresses are allowed: the receivers of a stand-in live on the same machine or in the same cluster.
/// A real gateway must refuse them, or its customers could make it call what only it can reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverUrl(String);

impl ReceiverUrl {
    /// Checks an address.
    pub fn parse(text: &str) -> Result<Self, BadParameter> {
        let invalid = |message: &str| BadParameter::new("url", message).code("url_invalid");
        if text.len() > LONGEST_URL {
            return Err(invalid("The url is too long."));
        }
        let Ok(url) = Url::parse(text) else { return Err(invalid("Not a valid URL.")) };
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(invalid("The url must start with http:// or https://."));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("The url must not contain a user name or a password."));
        }
        Ok(Self(url.into()))
    }

    /// What this service wrote into its own database.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Checks a list of event types: known ones, or `*` alone.
pub fn parse_enabled_events(names: &[String]) -> Result<Vec<String>, BadParameter> {
    const PARAM: &str = "enabled_events";
    if names.is_empty() {
        return Err(BadParameter::missing(PARAM));
    }
    if names.len() > EventType::ALL.len() {
        return Err(BadParameter::new(PARAM, "There are more names than event types."));
    }
    if names.iter().any(|name| name == "*") {
        return Ok(vec!["*".to_owned()]);
    }
    match names.iter().find(|name| EventType::find(name).is_none()) {
        Some(_) => Err(BadParameter::new(PARAM, "This gateway knows no such event type.")),
        None => Ok(names.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_http_with_a_host_and_no_credentials() {
        assert!(ReceiverUrl::parse("http://localhost:8083/v1/webhooks").is_ok());
        let long = format!("http://a/{}", "a".repeat(LONGEST_URL));
        for bad in [
            "",
            "localhost",
            "ftp://a/",
            "file:///etc/passwd",
            "http://u:p@a/",
            "http://u@a/",
            long.as_str(),
        ] {
            assert_eq!(ReceiverUrl::parse(bad).unwrap_err().code, Some("url_invalid"), "{bad}");
        }
    }

    #[test]
    fn only_known_events_can_be_asked_for() {
        let names = |list: &[&str]| {
            parse_enabled_events(&list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(names(&["charge.failed", "*"]).unwrap(), ["*"]);
        assert!(names(&["charge.failed"]).is_ok());
        assert!(names(&["charge.exploded"]).is_err());
        assert!(names(&[]).is_err());
    }
}
