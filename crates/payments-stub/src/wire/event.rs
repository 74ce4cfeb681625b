//! `event`: in lists, and as the body of a webhook.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::API_VERSION;
use crate::domain::event::{EventType, Origin};
use crate::domain::id::EventId;

/// Something that happened.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Its name: the same in every delivery, so that a receiver can tell a repetition.
    #[schema(example = "evt_1NG8Du2eZvKYlo2CUI79vX")]
    pub id: String,
    /// Always `event`.
    pub object: String,
    /// The version of the API whose shape `data` has.
    pub api_version: String,
    /// When, in seconds since 1970.
    pub created: i64,
    /// What it happened to.
    pub data: Data,
    /// Always `false`.
    pub livemode: bool,
    /// How many deliveries have not arrived yet.
    pub pending_webhooks: i64,
    /// What made it happen.
    pub request: Request,
    /// What happened.
    #[schema(example = "payment_intent.succeeded")]
    pub r#type: String,
}

/// What an event happened to.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Data {
    /// The PaymentIntent, charge or refund as it was then.
    #[schema(value_type = Object)]
    pub object: Value,
}

/// The request that made it happen.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Request {
    /// Its name.
    pub id: Option<String>,
    /// Its key.
    pub idempotency_key: Option<String>,
}

impl Event {
    /// A new event about `object`, to be delivered to so many endpoints.
    pub fn new(kind: EventType, object: Value, origin: &Origin, pending_webhooks: i64) -> Self {
        Self {
            id: EventId::generate().to_string(),
            object: "event".to_owned(),
            api_version: API_VERSION.to_owned(),
            created: origin.at.timestamp(),
            data: Data { object },
            livemode: false,
            pending_webhooks,
            request: Request {
                id: Some(origin.request.to_string()),
                idempotency_key: origin.key.as_ref().map(|key| key.as_str().to_owned()),
            },
            r#type: kind.as_str().to_owned(),
        }
    }
}
