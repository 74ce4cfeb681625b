//! Making access tokens: who they are about, what they allow, and for how long.

use chassis::identity::Claims;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::app::State;
use crate::domain::{OpaqueToken, Session};
use crate::keyring::SignError;

/// The client that people use: the shop's own pages.
pub const WEB_CLIENT: &str = "backbone-web";

/// What a client gets: an access token, and for people the means to get the next one.
pub struct Grant {
    /// The access token.
    pub access_token: String,
    /// How long it is good for, in seconds.
    pub expires_in: u32,
    /// Exchanges for the next pair; services ask again with their secret instead.
    pub refresh_token: Option<OpaqueToken>,
    /// What the access token allows, for services.
    pub scope: Option<String>,
}

/// A pair for the person that `session` belongs to.
pub fn for_person(
    state: &State,
    session: &Session,
    roles: Vec<String>,
    refresh_token: OpaqueToken,
    now: DateTime<Utc>,
) -> Result<Grant, SignError> {
    let claims = Claims {
        sub: session.account_id.to_string(),
        client_id: WEB_CLIENT.to_owned(),
        sid: Some(session.id),
        auth_time: Some(session.created_at.timestamp()),
        roles,
        ..blank(state, now)
    };
    grant(state, &claims, Some(refresh_token), None)
}

/// A token for the service `name`: no session, and a scope instead of roles.
pub fn for_service(
    state: &State,
    name: &str,
    scope: String,
    now: DateTime<Utc>,
) -> Result<Grant, SignError> {
    let claims = Claims {
        sub: name.to_owned(),
        client_id: name.to_owned(),
        scope: scope.clone(),
        ..blank(state, now)
    };
    grant(state, &claims, None, Some(scope))
}

/// What all tokens have in common.
fn blank(state: &State, now: DateTime<Utc>) -> Claims {
    let settings = &state.settings.tokens;
    Claims {
        iss: settings.issuer.clone(),
        aud: settings.audiences.split_whitespace().map(str::to_owned).collect(),
        sub: String::new(),
        exp: now.timestamp() + i64::from(settings.access_seconds),
        iat: now.timestamp(),
        jti: Uuid::new_v4(),
        client_id: String::new(),
        sid: None,
        auth_time: None,
        scope: String::new(),
        roles: Vec::new(),
    }
}

fn grant(
    state: &State,
    claims: &Claims,
    refresh_token: Option<OpaqueToken>,
    scope: Option<String>,
) -> Result<Grant, SignError> {
    let access_token = state.keyring.sign(claims)?;
    Ok(Grant {
        access_token,
        expires_in: state.settings.tokens.access_seconds,
        refresh_token,
        scope,
    })
}
