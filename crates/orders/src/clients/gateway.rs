//! The payment gateway, in the shape of Stripe's API.
//!
//! Every `POST` carries an idempotency key that is made from the order's row and nothing else: whoever takes the order
//! up again, after whatever crash, sends the same key, and the gateway does the thing once.

mod wire;

use chassis::client::{Answer, CallError, Client, ClientSetupError};
use chassis::config::Secret;
use chassis::metrics::Metrics;
use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config;
use crate::domain::{Intent, Order, Refund};
use crate::planted::{Bug, Planted};
use wire::{
    ConfirmIntent, CreateIntent, CreateRefund, ErrorBody, ErrorDetail, List, Metadata,
    RefundMetadata,
};

pub use wire::{EVENTS_OF_INTEREST, Event, EventData, EventObject, EventPage, GatewayRefund};

/// A client of the gateway.
#[derive(Clone)]
pub struct Gateway {
    client: Client,
    secret_key: Secret,
    return_url: String,
    planted: Planted,
}

/// What the gateway said to the wish for money.
#[derive(Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// It tried: this is what came of it, good or bad.
    Outcome(Intent),
    /// It refused to try, for this reason: nothing was taken, nothing will be.
    Refused(String),
}

/// What the gateway said to the wish for money back.
#[derive(Debug, PartialEq, Eq)]
pub enum RefundOutcome {
    /// It has made the refund.
    Made(GatewayRefund),
    /// It refused, for this reason: nothing went back, nothing will.
    Refused(String),
}

impl Gateway {
    /// Nothing is called yet.
    pub fn new(
        settings: &config::Gateway,
        planted: Planted,
        metrics: &Metrics,
    ) -> Result<Self, ClientSetupError> {
        let client = Client::new("gateway", &settings.api, metrics)?;
        let (secret_key, return_url) = (settings.secret_key.clone(), settings.return_url.clone());
        Ok(Self { client, secret_key, return_url, planted })
    }

    /// Makes the order's PaymentIntent, or answers the one that was made with the same key. No money moves.
    pub async fn create_intent(&self, order: &Order) -> Result<Intent, CallError> {
        let form = CreateIntent {
            amount: order.total.amount(),
            currency: &order.total.currency().code().to_lowercase(),
            metadata: Metadata { order_id: order.id.to_string() },
            description: format!("Order {}", order.id),
        };
        let key = format!("{}:pi", order.id);
        read(&self.post("/v1/payment_intents", &key, &form).await?)
    }

    /// Asks for the money. This is the call after which money may have moved, whatever its answer.
    pub async fn confirm(&self, order: &Order, intent_id: &str) -> Result<Confirmation, CallError> {
        let key = format!("{}:confirm:{}", order.id, order.payment.confirm_attempt);
        let form = ConfirmIntent {
            payment_method: &order.payment_method,
            return_url: format!("{}/{}", self.return_url, order.id),
        };
        let path = format!("/v1/payment_intents/{intent_id}/confirm");
        let error = match self.post(&path, &key, &form).await {
            Ok(answer) => return Ok(Confirmation::Outcome(read(&answer)?)),
            Err(error) => error,
        };
        let explanation = error.explanation::<ErrorBody>().map(|body| body.error);
        match (error.status(), explanation) {
            // A decline is an answer: the card was asked, and the PaymentIntent says what it said.
            (
                Some(StatusCode::PAYMENT_REQUIRED),
                Some(ErrorDetail { payment_intent: Some(intent), .. }),
            ) => Ok(Confirmation::Outcome(intent)),
            // A payment method that does not exist was never asked.
            (Some(StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND), Some(detail))
                if detail.param.as_deref() == Some("payment_method") =>
            {
                let code = detail.code.unwrap_or_else(|| "invalid_payment_method".to_owned());
                Ok(Confirmation::Refused(code))
            }
            _ => Err(error),
        }
    }

    /// What the gateway says about a PaymentIntent now.
    pub async fn retrieve(&self, intent_id: &str) -> Result<Intent, CallError> {
        self.get(&format!("/v1/payment_intents/{intent_id}")).await
    }

    /// Makes sure that no money can move any more. An answer other than `canceled` says why it could not.
    pub async fn cancel(&self, order: &Order, intent_id: &str) -> Result<Intent, CallError> {
        // The gateway keeps refusals, too, and what it refuses now it may grant later: each version of the order asks
        // anew. Asking twice does no harm.
        let key = format!("{}:cancel:{}", order.id, order.version);
        let cancelled =
            self.post(&format!("/v1/payment_intents/{intent_id}/cancel"), &key, &()).await;
        match cancelled {
            Ok(answer) => read(&answer),
            // It is too late: it has succeeded, or was cancelled before.
            Err(error) if error.status() == Some(StatusCode::BAD_REQUEST) => {
                self.retrieve(intent_id).await
            }
            Err(error) => Err(error),
        }
    }

    /// Sends money back.
    pub async fn refund(
        &self,
        refund: &Refund,
        intent_id: &str,
    ) -> Result<RefundOutcome, CallError> {
        let form = CreateRefund {
            payment_intent: intent_id,
            amount: refund.amount,
            reason: refund.reason.at_gateway(),
            metadata: RefundMetadata {
                refund_id: refund.id.to_string(),
                order_id: refund.order_id.to_string(),
            },
        };
        match self.post("/v1/refunds", &refund.id.to_string(), &form).await {
            Ok(answer) => Ok(RefundOutcome::Made(read(&answer)?)),
            Err(error) if error.status() == Some(StatusCode::BAD_REQUEST) => {
                let code = error.explanation::<ErrorBody>().and_then(|body| body.error.code);
                Ok(RefundOutcome::Refused(code.unwrap_or_else(|| "refused".to_owned())))
            }
            Err(error) => Err(error),
        }
    }

    /// The gateway's own record of one of our refunds, if it has one: however long ago it forgot our key.
    pub async fn find_refund(
        &self,
        refund: &Refund,
        intent_id: &str,
    ) -> Result<Option<GatewayRefund>, CallError> {
        let path = format!("/v1/refunds?payment_intent={intent_id}&limit=100");
        let list: List<GatewayRefund> = self.get(&path).await?;
        let name = refund.id.to_string();
        Ok(list.data.into_iter().find(|made| made.metadata.refund_id.as_deref() == Some(&*name)))
    }

    /// The events of interest since `since`, the newest first, `after` the one that ended the page before.
    pub async fn events(
        &self,
        since: DateTime<Utc>,
        after: Option<&str>,
    ) -> Result<EventPage, CallError> {
        let mut path = format!("/v1/events?limit=100&created[gte]={}", since.timestamp());
        for kind in EVENTS_OF_INTEREST {
            path.push_str("&types[]=");
            path.push_str(kind);
        }
        if let Some(after) = after {
            path.push_str("&starting_after=");
            path.push_str(after);
        }
        let list: List<Event> = self.get(&path).await?;
        Ok(EventPage { has_more: list.has_more, events: list.data })
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CallError> {
        read(&self.client.get(path).bearer(self.secret_key.expose()).send().await?)
    }

    async fn post(
        &self,
        path: &str,
        key: &str,
        form: &impl Serialize,
    ) -> Result<Answer, CallError> {
        // A key that is not the row's is the oldest way to charge twice.
        let random = self.planted.has(Bug::NoKey).then(|| uuid::Uuid::new_v4().to_string());
        let key = random.as_deref().unwrap_or(key);
        let form =
            serde_qs::to_string(form).map_err(|error| CallError::unreadable("gateway", error))?;
        self.client
            .post(path)
            .bearer(self.secret_key.expose())
            .idempotency_key(key)
            .form(form)
            .send()
            .await
    }
}

fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, CallError> {
    answer.json().map_err(|error| CallError::unreadable("gateway", error))
}
