//! `webhook_endpoint`.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::API_VERSION;
use crate::domain::endpoint::Endpoint;

/// Somebody who wants to know.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookEndpoint {
    /// Its name.
    #[schema(example = "we_1Mr5jULkdIwHu7ix1ibLTM")]
    pub id: String,
    /// Always `webhook_endpoint`.
    pub object: &'static str,
    /// The version of the API whose shape deliveries have.
    pub api_version: &'static str,
    /// When it was made, in seconds since 1970.
    pub created: i64,
    /// The client's words about it.
    pub description: Option<String>,
    /// What it wants, or `["*"]`.
    pub enabled_events: Vec<String>,
    /// Always `false`.
    pub livemode: bool,
    /// The client's notes.
    pub metadata: BTreeMap<String, String>,
    /// What deliveries are signed with. Only in the answer that made the endpoint: keep it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// `enabled` or `disabled`.
    pub status: &'static str,
    /// Where deliveries go.
    pub url: String,
}

/// What is left of a deleted object.
#[derive(Debug, Serialize, ToSchema)]
pub struct Deleted {
    /// Its name.
    pub id: String,
    /// What it was.
    pub object: &'static str,
    /// Always `true`.
    pub deleted: bool,
}

impl WebhookEndpoint {
    /// The shape of a new endpoint, with its secret: the only time that it is shown.
    pub fn with_secret(endpoint: &Endpoint) -> Self {
        Self { secret: Some(endpoint.secret.expose().to_owned()), ..Self::from(endpoint) }
    }
}

impl From<&Endpoint> for WebhookEndpoint {
    fn from(endpoint: &Endpoint) -> Self {
        Self {
            id: endpoint.id.to_string(),
            object: "webhook_endpoint",
            api_version: API_VERSION,
            created: endpoint.created_at.timestamp(),
            description: endpoint.wish.description.clone(),
            enabled_events: endpoint.wish.enabled_events.clone(),
            livemode: false,
            metadata: endpoint.wish.metadata.entries().clone(),
            secret: None,
            status: if endpoint.disabled { "disabled" } else { "enabled" },
            url: endpoint.wish.url.as_str().to_owned(),
        }
    }
}
