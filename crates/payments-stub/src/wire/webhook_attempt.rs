//! `webhook_attempt`: an object of this gateway's own.

use serde::Serialize;
use utoipa::ToSchema;

use crate::store::attempts::StoredAttempt;

/// One attempt to tell an endpoint of an event.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookAttempt {
    /// Its name.
    #[schema(example = "att_42")]
    pub id: String,
    /// Always `webhook_attempt`.
    pub object: &'static str,
    /// Which attempt it was for this event and endpoint; the first is 1.
    pub attempt: i32,
    /// When it ended, in seconds since 1970.
    pub created: i64,
    /// Why it is not a success.
    pub error: Option<String>,
    /// The event.
    pub event: String,
    /// Always `false`.
    pub livemode: bool,
    /// The receiver's status, if it answered.
    pub status: Option<i32>,
}

impl From<&StoredAttempt> for WebhookAttempt {
    fn from(stored: &StoredAttempt) -> Self {
        Self {
            id: format!("att_{}", stored.id),
            object: "webhook_attempt",
            attempt: stored.attempt,
            created: stored.created_at.timestamp(),
            error: stored.error.clone(),
            event: stored.event.clone(),
            livemode: false,
            status: stored.status,
        }
    }
}
