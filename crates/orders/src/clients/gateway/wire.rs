//! What goes over the wire, as far as we use it: the forms that we send, the answers that we read.

use serde::{Deserialize, Serialize};

use crate::domain::Intent;

#[derive(Serialize)]
pub(super) struct CreateIntent<'a> {
    pub(super) amount: i64,
    pub(super) currency: &'a str,
    pub(super) metadata: Metadata,
    pub(super) description: String,
}

#[derive(Serialize)]
pub(super) struct Metadata {
    pub(super) order_id: String,
}

#[derive(Serialize)]
pub(super) struct ConfirmIntent<'a> {
    pub(super) payment_method: &'a str,
    pub(super) return_url: String,
}

#[derive(Serialize)]
pub(super) struct CreateRefund<'a> {
    pub(super) payment_intent: &'a str,
    pub(super) amount: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<&'a str>,
    pub(super) metadata: RefundMetadata,
}

#[derive(Serialize)]
pub(super) struct RefundMetadata {
    pub(super) refund_id: String,
    pub(super) order_id: String,
}

/// A refund, as the gateway sees it.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct GatewayRefund {
    /// `re_…`
    pub id: String,
    /// `pending`, `succeeded`, `failed`, `canceled`, `requires_action`.
    pub status: String,
    #[serde(default)]
    pub(super) metadata: FoundMetadata,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct FoundMetadata {
    pub(super) refund_id: Option<String>,
}

/// The kinds of events from which an order may learn something; that a PaymentIntent was made, we know ourselves.
pub const EVENTS_OF_INTEREST: [&str; 6] = [
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.amount_capturable_updated",
];

/// Something that happened at the gateway, as far as we read it: what to ask about, not what to believe.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Event {
    /// `evt_…`
    pub id: String,
    /// Such as `payment_intent.succeeded`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it happened, in seconds since 1970, by the gateway's clock.
    pub created: i64,
    /// What it is about.
    pub data: EventData,
}

/// See [`Event::data`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EventData {
    /// The object, as it was then.
    pub object: EventObject,
}

/// See [`EventData::object`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EventObject {
    /// Such as `pi_…`; some objects have none.
    #[serde(default)]
    pub id: String,
}

/// A page of events.
#[derive(Debug)]
pub struct EventPage {
    /// The newest first.
    pub events: Vec<Event>,
    /// Whether there are older ones.
    pub has_more: bool,
}

#[derive(Deserialize)]
pub(super) struct List<T> {
    pub(super) data: Vec<T>,
    pub(super) has_more: bool,
}

/// The gateway's errors.
#[derive(Deserialize)]
pub(super) struct ErrorBody {
    pub(super) error: ErrorDetail,
}

#[derive(Deserialize)]
pub(super) struct ErrorDetail {
    #[serde(default)]
    pub(super) code: Option<String>,
    #[serde(default)]
    pub(super) param: Option<String>,
    #[serde(default)]
    pub(super) payment_intent: Option<Intent>,
}
