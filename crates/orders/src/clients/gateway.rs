//! The payment gateway, in the shape of Stripe's API.
//!
//! Every `POST` carries an idempotency key that is made from the order's row and nothing else: whoever takes the order
//! up again, after whatever crash, sends the same key, and the gateway does the thing once.

use chassis::client::{Answer, CallError, Client, ClientSetupError};
use chassis::config::Secret;
use chassis::metrics::Metrics;
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};

use crate::config;
use crate::domain::{Intent, Order, OrderId};

/// A client of the gateway.
#[derive(Clone)]
pub struct Gateway {
    client: Client,
    secret_key: Secret,
}

/// What the gateway said to the wish for money.
#[derive(Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// It tried: this is what came of it, good or bad.
    Outcome(Intent),
    /// It refused to try, for this reason: nothing was taken, nothing will be.
    Refused(String),
}

#[derive(Serialize)]
struct CreateIntent<'a> {
    amount: i64,
    currency: &'a str,
    metadata: Metadata,
    description: String,
}

#[derive(Serialize)]
struct Metadata {
    order_id: String,
}

#[derive(Serialize)]
struct ConfirmIntent<'a> {
    payment_method: &'a str,
}

/// The gateway's errors.
#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Deserialize)]
struct ErrorDetail {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    param: Option<String>,
    #[serde(default)]
    payment_intent: Option<Intent>,
}

impl Gateway {
    /// Nothing is called yet.
    pub fn new(settings: &config::Gateway, metrics: &Metrics) -> Result<Self, ClientSetupError> {
        let client = Client::new("gateway", &settings.api, metrics)?;
        Ok(Self { client, secret_key: settings.secret_key.clone() })
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
        let key = format!("{}:confirm:{}", order.id, order.confirm_attempt);
        let form = ConfirmIntent { payment_method: &order.payment_method };
        let error =
            match self.post(&format!("/v1/payment_intents/{intent_id}/confirm"), &key, &form).await
            {
                Ok(answer) => return Ok(Confirmation::Outcome(read(&answer)?)),
                Err(error) => error,
            };
        let explanation: Option<ErrorDetail> =
            error.explanation::<ErrorBody>().map(|body| body.error);
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
                Ok(Confirmation::Refused(
                    detail.code.unwrap_or_else(|| "invalid_payment_method".to_owned()),
                ))
            }
            _ => Err(error),
        }
    }

    /// What the gateway says about a PaymentIntent now.
    pub async fn retrieve(&self, intent_id: &str) -> Result<Intent, CallError> {
        let call = self.client.get(&format!("/v1/payment_intents/{intent_id}"));
        read(&call.bearer(self.secret_key.expose()).send().await?)
    }

    /// Makes sure that no money can move any more. An answer other than `canceled` says why it could not.
    pub async fn cancel(&self, order_id: OrderId, intent_id: &str) -> Result<Intent, CallError> {
        let key = format!("{order_id}:cancel");
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

    async fn post(
        &self,
        path: &str,
        key: &str,
        form: &impl Serialize,
    ) -> Result<Answer, CallError> {
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

fn read(answer: &Answer) -> Result<Intent, CallError> {
    answer.json().map_err(|error| CallError::unreadable("gateway", error))
}
